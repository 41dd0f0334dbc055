//! A Secret that breaks does not take its certificate out of service.

use std::sync::Arc;

use crate::api::{Change, ConditionReason, EventKind, EventNote, Kind, Object, ObjectRef, Objects};
use crate::translate::certificate_error;

/// Notes what a Secret held before a change that breaks it, and forgets it with the change that
/// mends or deletes it; returns what is to be said of the Secret. Call it before the change is
/// applied.
pub(super) fn keep(objects: &mut Objects, change: &Change) -> Option<EventNote> {
    if change.kind != Kind::Secret {
        return None;
    }
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
