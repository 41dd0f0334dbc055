//! A Secret that breaks does not take its certificate out of service, nor does what holds
//! certificates of authorities.

use std::sync::Arc;

use crate::api::{Change, ConditionReason, EventKind, EventNote, Kind, Object, ObjectRef, Objects};
use crate::translate::{authorities_error, certificate_error};

/// Notes what an object held before a change that breaks it, and forgets it with the change that
/// mends or deletes it; returns what is to be said of the object. Call it before the change is
/// applied.
pub(super) fn keep(objects: &mut Objects, change: &Change) -> Option<EventNote> {
    match change.kind {
        Kind::Secret => {
            let of_authorities = keep_authorities(objects, change);
            // One of a certificate may hold its authority's for others, whom nothing is said to.
            let of_certificate = keep_certificate(objects, change);
            of_certificate.or_else(|| of_authorities.filter(|_| !is_pair(change)))
        }
        Kind::ConfigMap => keep_authorities(objects, change),
        _ => None,
    }
}

fn is_pair(change: &Change) -> bool {
    matches!(&change.object, Some(Object::Secret(secret))
        if secret.type_.as_deref() == Some("kubernetes.io/tls"))
}

fn keep_certificate(objects: &mut Objects, change: &Change) -> Option<EventNote> {
    let key = &change.key;
    let why = match &change.object {
        Some(Object::Secret(new)) => certificate_error(new),
        Some(Object::Invalid(why)) => Some(why.message.clone()),
        _ => None,
    };
    let Some(why) = why else {
        let was_kept = objects.last_good_secrets.remove(key).is_some();
        if was_kept && change.object.is_some() {
            tracing::info!("Secret {key} holds a certificate again: it is used");
        }
        return None;
    };
    let good = objects.secrets.get(key).filter(|old| certificate_error(old).is_none());
    let good = good.map(Arc::clone)?;
    objects.last_good_secrets.insert(key.clone(), good);
    Some(EventNote {
        object: ObjectRef::new(Kind::Secret, key.clone()),
        kind: EventKind::Problem(ConditionReason::InvalidCertificateRef),
        message: format!("{why}; its last good certificate stays in use"),
    })
}

fn keep_authorities(objects: &mut Objects, change: &Change) -> Option<EventNote> {
    let object = ObjectRef::new(change.kind, change.key.clone());
    let why = match &change.object {
        Some(Object::Invalid(why)) => Some(why.message.clone()),
        Some(new) => authorities_error(new),
        None => None,
    };
    let Some(why) = why else {
        let was_kept = objects.last_good_authorities.remove(&object).is_some();
        if was_kept && change.object.is_some() {
            tracing::info!("{object} holds certificates of authorities again: they are used");
        }
        return None;
    };
    let old = match change.kind {
        Kind::ConfigMap => objects.config_maps.get(&change.key).cloned().map(Object::ConfigMap),
        _ => objects.secrets.get(&change.key).cloned().map(Object::Secret),
    };
    let good = old.filter(|old| authorities_error(old).is_none())?;
    objects.last_good_authorities.insert(object.clone(), good);
    Some(EventNote {
        object,
        kind: EventKind::Problem(ConditionReason::InvalidCaCertificateRef),
        message: format!("{why}; what it held before stays in use"),
    })
}
