//! Whose an Ingress is.

use k8s_openapi::api::networking::v1::{Ingress, IngressClass};

use super::Options;
use super::unit::Used;
use crate::api::backend_pool::GROUP;
use crate::api::{Kind, ObjectKey, Objects};

/// Ours says that an Ingress is ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ours {
    /// The BackendPool that the class names for settings.
    pub(super) parameters: Option<ObjectKey>,
}

/// Returns whether an Ingress is ours, and notes the class that decides it.
///
/// Where there is no object of a class, its name decides: it is then that of the flag.
/// Source: Ingress v1 IngressSpec.ingressClassName; the annotation kubernetes.io/ingress.class.
pub(super) fn ours(
    objects: &Objects,
    options: &Options,
    ingress: &Ingress,
    used: &mut Used,
) -> Option<Ours> {
    let named = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref());
    let annotations = ingress.metadata.annotations.as_ref();
    let annotated = || {
        let value = annotations.and_then(|all| all.get("kubernetes.io/ingress.class"));
        value.map(String::as_str).filter(|name| !name.is_empty())
    };
    let Some(name) = named.or_else(annotated) else {
        used.note(Kind::IngressClass, &ObjectKey::new("", ""));
        let classes = objects.ingress_classes.values();
        let ours = classes.filter(|class| is_ours(options, class) && is_default(class));
        let default = ours.min_by_key(|class| {
            let created = super::pool::created(&class.metadata);
            (created, class.metadata.name.clone())
        });
        return default.map(|class| Ours { parameters: parameters(class) });
    };
    let key = ObjectKey::new("", name);
    used.note(Kind::IngressClass, &key);
    match objects.ingress_classes.get(&key) {
        Some(class) => is_ours(options, class).then(|| Ours { parameters: parameters(class) }),
        None => (name == &*options.ingress_class).then(Ours::default),
    }
}

fn is_ours(options: &Options, class: &IngressClass) -> bool {
    let controller = class.spec.as_ref().and_then(|spec| spec.controller.as_deref());
    controller == Some(&*options.controller)
}

fn is_default(class: &IngressClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    let value = annotations.and_then(|all| all.get("ingressclass.kubernetes.io/is-default-class"));
    value.is_some_and(|value| value == "true")
}

/// Returns the BackendPool that a class names. Other parameters are none of ours.
fn parameters(class: &IngressClass) -> Option<ObjectKey> {
    let reference = class.spec.as_ref()?.parameters.as_ref()?;
    let is_pool = reference.api_group.as_deref() == Some(GROUP)
        && reference.kind == Kind::BackendPool.as_str()
        && reference.scope.as_deref() == Some("Namespace");
    let namespace = reference.namespace.as_ref().filter(|_| is_pool)?;
    Some(ObjectKey::new(namespace.clone(), reference.name.clone()))
}
