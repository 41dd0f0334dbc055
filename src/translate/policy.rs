//! Settings for Services: which BackendPools are attached to which, and who counts.

use std::collections::{BTreeMap, BTreeSet};

use super::pool::created;
use super::settings;
use crate::api::{ObjectKey, Objects};

/// Attachment says that a pool is about a Service. The first in order counts: the older, then the
/// first by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attachment {
    created: i64,
    pool: ObjectKey,
    /// Name of a port; nothing is all ports.
    section: Option<String>,
}

/// Policies knows which pools are attached to which Services.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies {
    of_service: BTreeMap<ObjectKey, BTreeSet<Attachment>>,
    services_of: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
}

impl Policies {
    /// Follows a change of one pool; returns the Services that it was and is about.
    pub(super) fn update(&mut self, objects: &Objects, pool: &ObjectKey) -> BTreeSet<ObjectKey> {
        let old = self.services_of.remove(pool).unwrap_or_default();
        for service in &old {
            let Some(attached) = self.of_service.get_mut(service) else { continue };
            attached.retain(|attachment| attachment.pool != *pool);
            if attached.is_empty() {
                self.of_service.remove(service);
            }
        }
        let mut new = BTreeSet::new();
        for (service, attachment) in attachments(objects, pool) {
            self.of_service.entry(service.clone()).or_default().insert(attachment);
            new.insert(service);
        }
        if !new.is_empty() {
            self.services_of.insert(pool.clone(), new.clone());
        }
        old.into_iter().chain(new).collect()
    }

    /// Yields the pools that are about a Service.
    pub(super) fn of(&self, service: &ObjectKey) -> impl Iterator<Item = &ObjectKey> + use<'_> {
        self.of_service.get(service).into_iter().flatten().map(|attachment| &attachment.pool)
    }

    /// Returns the pools whose settings count for a port: the first that is about that port alone,
    /// then the first that is about all.
    pub(super) fn winners(&self, service: &ObjectKey, port: &str) -> Vec<&ObjectKey> {
        let attached = self.of_service.get(service);
        let first = |section: Option<&str>| {
            let mut all = attached.into_iter().flatten();
            all.find(|attachment| attachment.section.as_deref() == section)
        };
        let of_port = if port.is_empty() { None } else { first(Some(port)) };
        of_port.into_iter().chain(first(None)).map(|attachment| &attachment.pool).collect()
    }

    /// Returns of which targets of a pool another one counts, and why.
    pub(super) fn lost(&self, pool: &ObjectKey) -> Vec<String> {
        let mut lost = Vec::new();
        for service in self.services_of.get(pool).into_iter().flatten() {
            let attached = self.of_service.get(service).into_iter().flatten();
            let attached: Vec<&Attachment> = attached.collect();
            for own in attached.iter().filter(|attachment| attachment.pool == *pool) {
                let first = attached.iter().find(|other| other.section == own.section);
                let Some(first) = first.filter(|first| first.pool != *pool) else { continue };
                let why =
                    if first.created < own.created { "is older" } else { "comes first by name" };
                let port = own.section.as_ref().map(|name| format!("port {name:?} of "));
                lost.push(format!(
                    "spec.targetRefs: {}Service {service} has the settings of BackendPool {}, \
                     which {why}",
                    port.unwrap_or_default(),
                    first.pool
                ));
            }
        }
        lost
    }
}

/// Returns what a pool is attached to. One that is not valid is attached to nothing, so that it is
/// in nobody's way; but where it says who may ask, or on which terms TLS is spoken, that must not
/// be lost.
fn attachments(objects: &Objects, pool: &ObjectKey) -> Vec<(ObjectKey, Attachment)> {
    let Some(object) = objects.backend_pools.get(pool) else { return Vec::new() };
    if !settings::is_valid(&object.spec) && !settings::has_bounds(&object.spec) {
        return Vec::new();
    }
    let attachment = |section: Option<String>| Attachment {
        created: created(&object.metadata),
        pool: pool.clone(),
        section,
    };
    let targets = object.spec.target_refs.iter().flatten();
    targets
        .map(|target| {
            let service = ObjectKey::new(pool.namespace.clone(), target.name.clone());
            (service, attachment(target.section_name.clone()))
        })
        .collect()
}
