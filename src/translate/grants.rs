//! Leave to refer to objects of other namespaces.

use crate::api::{Kind, ObjectKey, Objects};

/// Returns whether a pool may refer to an object: in its own namespace always, elsewhere where a
/// ReferenceGrant of that namespace says so.
/// Source: Gateway API ReferenceGrant.
pub(super) fn allows(objects: &Objects, pool: &ObjectKey, kind: Kind, to: &ObjectKey) -> bool {
    if pool.namespace == to.namespace {
        return true;
    }
    let first = ObjectKey::new(to.namespace.clone(), "");
    objects
        .reference_grants
        .range(first..)
        .take_while(|(key, _)| key.namespace == to.namespace)
        .any(|(_, grant)| {
            let from = grant.spec.from.iter().any(|from| {
                from.group == crate::api::backend_pool::GROUP
                    && from.kind == Kind::BackendPool.as_str()
                    && from.namespace == pool.namespace
            });
            let to = grant.spec.to.iter().any(|entry| {
                entry.group.is_empty()
                    && entry.kind == kind.as_str()
                    && entry.name.as_ref().is_none_or(|name| *name == to.name)
            });
            from && to
        })
}
