//! From what the API server sends to what is kept.

use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::Value;

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
        Kind::BackendPool => object.try_parse().map(|o| Object::BackendPool(Arc::new(o))),
        Kind::EndpointSlice => object.try_parse().map(|o| Object::EndpointSlice(Arc::new(o))),
        Kind::Node => object.try_parse().map(|o| Object::Node(Arc::new(o))),
        Kind::ReferenceGrant => object.try_parse().map(|o| Object::ReferenceGrant(Arc::new(o))),
        Kind::Secret => object.try_parse().map(|o| Object::Secret(Arc::new(o))),
        Kind::Service => object.try_parse().map(|o| Object::Service(Arc::new(o))),
    };
    parsed.unwrap_or_else(|error| {
        let message = if kind == Kind::Secret {
            // The text of the error could hold a part of the Secret.
            "is not a readable Secret".to_owned()
        } else {
            format!("is not a readable {kind}: {error}")
        };
        Object::Invalid(Arc::new(InvalidObject { generation, message }))
    })
}

fn trim(kind: Kind, object: &mut DynamicObject) {
    let metadata = &mut object.metadata;
    metadata.managed_fields = None;
    metadata.annotations = None;
    metadata.finalizers = None;
    metadata.owner_references = None;
    metadata.resource_version = None;
    metadata.generate_name = None;
    metadata.uid = None;
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
        Kind::Node => fields.clear(),
        Kind::BackendPool | Kind::ReferenceGrant => fields.retain(|name, _| name == "spec"),
        Kind::Service => {
            fields.retain(|name, _| name == "spec");
            if let Some(Value::Object(spec)) = fields.get_mut("spec") {
                spec.retain(|name, _| name == "ports" || name == "type");
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
        Kind::Secret => {
            fields.retain(|name, _| name == "data" || name == "type");
            if let Some(Value::Object(data)) = fields.get_mut("data") {
                data.retain(|name, _| name == "tls.crt" || name == "tls.key");
            }
        }
    }
}
