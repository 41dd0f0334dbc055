//! From what the API server sends to what is kept.

use std::sync::Arc;

use kube::api::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::validate;
use crate::api::{InvalidObject, Kind, Object, ObjectKey};

/// Returns the name of an object.
pub(super) fn key(object: &DynamicObject) -> ObjectKey {
    let metadata = &object.metadata;
    ObjectKey::new(
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

/// Trims an object to what is read of it, and gives it its type. Status is not read: Weir's own
/// writes must not look like changes.
pub(super) fn decode(kind: Kind, mut object: DynamicObject) -> Object {
    trim(kind, &mut object);
    let generation = object.metadata.generation;
    let parsed = match kind {
        Kind::BackendPool => parse(object).map(|o| Object::BackendPool(Arc::new(o))),
        Kind::ConfigMap => parse(object).map(|o| Object::ConfigMap(Arc::new(o))),
        Kind::DnsRecord => {
            let message = "is no kind of the API server's".to_owned();
            return Object::Invalid(Arc::new(InvalidObject { generation, message }));
        }
        Kind::EndpointSlice => parse(object).map(|o| Object::EndpointSlice(Arc::new(o))),
        Kind::Ingress => parse(object).map(|o| Object::Ingress(Arc::new(o))),
        Kind::IngressClass => parse(object).map(|o| Object::IngressClass(Arc::new(o))),
        Kind::Node => parse(object).map(|o| Object::Node(Arc::new(o))),
        Kind::ReferenceGrant => parse(object).map(|o| Object::ReferenceGrant(Arc::new(o))),
        Kind::Secret => parse(object).map(|o| Object::Secret(Arc::new(o))),
        Kind::Service => parse(object).map(|o| Object::Service(Arc::new(o))),
    };
    parsed.unwrap_or_else(|why| {
        let message = if kind == Kind::Secret {
            // The text of the error could hold a part of the Secret.
            "is not a readable Secret".to_owned()
        } else {
            format!("is not a readable {kind}: {why}")
        };
        Object::Invalid(Arc::new(InvalidObject { generation, message }))
    })
}

/// Parses an object; what is wrong is said with its field, in the words of `weir check`.
fn parse<T: DeserializeOwned>(object: DynamicObject) -> Result<T, String> {
    let value = serde_json::to_value(object).map_err(|error| error.to_string())?;
    // Field names are kept track of only for those that fail: there are 100,000 endpoints.
    T::deserialize(&value)
        .or_else(|_| validate::decode(value).map_err(|problem| problem.to_string()))
}

fn trim(kind: Kind, object: &mut DynamicObject) {
    let metadata = &mut object.metadata;
    metadata.managed_fields = None;
    // Of whose class an Ingress is was once an annotation, and which class is the default still is.
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|name, _| is_read(kind, name));
    }
    metadata.annotations.take_if(|annotations| annotations.is_empty());
    metadata.finalizers = None;
    metadata.owner_references = None;
    metadata.resource_version = None;
    metadata.generate_name = None;
    // An Ingress made anew must look new: its status is empty again.
    if kind != Kind::Ingress {
        metadata.uid = None;
    }
    if !matches!(kind, Kind::EndpointSlice | Kind::Node) {
        metadata.labels = None;
    }
    if kind != Kind::BackendPool {
        metadata.generation = None;
    }
    if let Some(labels) = &mut metadata.labels {
        labels.retain(|name, _| {
            name == "kubernetes.io/service-name" || name.starts_with("topology.kubernetes.io/")
        });
    }
    let Value::Object(fields) = &mut object.data else { return };
    match kind {
        Kind::DnsRecord | Kind::Node => fields.clear(),
        Kind::BackendPool | Kind::Ingress | Kind::IngressClass | Kind::ReferenceGrant => {
            fields.retain(|name, _| name == "spec");
        }
        Kind::Service => {
            fields.retain(|name, _| name == "spec");
            if let Some(Value::Object(spec)) = fields.get_mut("spec") {
                spec.retain(|name, _| matches!(name.as_str(), "externalName" | "ports" | "type"));
            }
        }
        Kind::EndpointSlice => {
            let endpoints = fields.get_mut("endpoints").and_then(Value::as_array_mut);
            for endpoint in endpoints.into_iter().flatten() {
                if let Value::Object(endpoint) = endpoint {
                    endpoint.retain(|name, _| {
                        matches!(name.as_str(), "addresses" | "conditions" | "nodeName" | "zone")
                    });
                }
            }
        }
        Kind::ConfigMap => {
            fields.retain(|name, _| name == "data");
            if let Some(Value::Object(data)) = fields.get_mut("data") {
                data.retain(|name, _| matches!(name.as_str(), "ca.crt" | "ca.crl"));
            }
        }
        Kind::Secret => {
            fields.retain(|name, _| name == "data" || name == "type");
            if let Some(Value::Object(data)) = fields.get_mut("data") {
                let read = ["ca.crt", "ca.crl", "tls.crt", "tls.key"];
                data.retain(|name, _| read.contains(&name.as_str()));
            }
        }
    }
}

/// Returns whether an annotation is read.
fn is_read(kind: Kind, annotation: &str) -> bool {
    match kind {
        Kind::Ingress => annotation == "kubernetes.io/ingress.class",
        Kind::IngressClass => annotation == "ingressclass.kubernetes.io/is-default-class",
        _ => false,
    }
}
