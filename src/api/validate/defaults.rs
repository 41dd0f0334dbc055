//! Fills in what an object leaves out, as the API server does before it validates.

use serde_json::Value;

use super::schema::{Schema, Shape};

/// Puts defaults where a field is absent, drops nulls where none is allowed, and writes whole
/// numbers such as `5.0` as integers where the schema wants integers.
/// Source: Kubernetes apiextensions, structural defaulting and null pruning.
pub(super) fn complete(value: &mut Value, schema: &Schema) {
    match (value, &schema.shape) {
        (Value::Object(fields), Shape::Object { properties, .. }) => {
            for (name, property) in properties {
                let lacks = fields.get(name).is_none_or(|v| v.is_null() && !property.nullable);
                match &property.default {
                    Some(default) if lacks => {
                        fields.insert(name.clone(), default.clone());
                    }
                    None if lacks => {
                        fields.remove(name);
                    }
                    _ => {}
                }
                if let Some(field) = fields.get_mut(name) {
                    complete(field, property);
                }
            }
        }
        // Of a list that is too long nothing more will be looked at.
        (Value::Array(items), Shape::List { items: schema, most, .. }) if items.len() <= *most => {
            for item in items {
                complete(item, schema);
            }
        }
        (value @ Value::Number(_), Shape::Integer { .. }) => {
            let whole = value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15);
            if let (false, Some(number)) = (value.is_i64() || value.is_u64(), whole) {
                *value = Value::from(number as i64);
            }
        }
        _ => {}
    }
}

/// Drops fields that the schema does not know, as the API server does before it stores an object.
/// Source: Kubernetes apiextensions, pruning.
pub(super) fn prune(value: &mut Value, schema: &Schema) {
    match (value, &schema.shape) {
        (Value::Object(fields), Shape::Object { properties, .. }) => {
            fields.retain(|name, _| properties.contains_key(name));
            for (name, field) in fields {
                if let Some(property) = properties.get(name) {
                    prune(field, property);
                }
            }
        }
        (Value::Array(items), Shape::List { items: schema, .. }) => {
            for item in items {
                prune(item, schema);
            }
        }
        _ => {}
    }
}
