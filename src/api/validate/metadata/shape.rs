//! The fields of metadata and their types.

use serde_json::{Value, json};

use super::super::schema::Schema;

/// Returns the schema of metadata. Any of its fields may be null, which is as good as absent.
/// Source: Kubernetes meta/v1 ObjectMeta.
///
/// # Errors
/// Where the schema cannot be read, which would be a bug here.
pub(in super::super) fn shape() -> Result<Schema, String> {
    let text = || json!({ "type": "string", "nullable": true });
    let whole = || json!({ "type": "integer", "nullable": true });
    let truth = || json!({ "type": "boolean", "nullable": true });
    let texts = || {
        json!({ "type": "object", "nullable": true,
            "additionalProperties": { "type": "string" } })
    };
    let time = || json!({ "type": "string", "nullable": true, "pattern": TIME });
    let owner = json!({
        "apiVersion": text(), "blockOwnerDeletion": truth(), "controller": truth(),
        "kind": text(), "name": text(), "uid": text(),
    });
    let managed = json!({
        "apiVersion": text(), "fieldsType": text(),
        "fieldsV1": { "x-kubernetes-preserve-unknown-fields": true },
        "manager": text(), "operation": text(), "subresource": text(), "time": time(),
    });
    Schema::parse(&fields(json!({
        "annotations": texts(),
        "creationTimestamp": time(),
        "deletionGracePeriodSeconds": whole(),
        "deletionTimestamp": time(),
        "finalizers": list(text()),
        "generateName": text(),
        "generation": whole(),
        "labels": texts(),
        "managedFields": list(fields(managed)),
        "name": text(),
        "namespace": text(),
        "ownerReferences": list(fields(owner)),
        "resourceVersion": text(),
        "selfLink": text(),
        "uid": text(),
    })))
}

/// What the API server reads as a time; `wording` says it in words. Source: RFC 3339 §5.6
pub(in super::super) const TIME: &str = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.,][0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

fn fields(properties: Value) -> Value {
    json!({ "type": "object", "nullable": true, "properties": properties })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "nullable": true, "items": items })
}
