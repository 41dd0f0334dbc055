//! Typed decoding with the field of the first mistake.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::{FieldPath, Problem, Segment, shortened};

/// Decodes a value as a type.
///
/// # Errors
/// Where it is not of that type: the field, and what was expected there.
pub fn decode<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        use serde_path_to_error::Segment as Step;
        let path = error.path().iter().filter_map(|step| match step {
            Step::Seq { index } => Some(Segment::Index(*index)),
            Step::Map { key } => Some(Segment::Field(key.clone())),
            Step::Enum { .. } | Step::Unknown => None,
        });
        Problem::new(FieldPath(path.collect()), plain(&error.inner().to_string()))
    })
}

/// Says a decoding error in the words of the manifest instead of Rust's.
fn plain(message: &str) -> String {
    let mut message = message.to_owned();
    for (theirs, ours) in [
        ("expected i32", "expected a whole number"),
        ("expected i64", "expected a whole number"),
        ("expected f64", "expected a number"),
        ("expected u16", "expected a whole number"),
        ("invalid type: map", "invalid type: mapping"),
        ("expected struct ", "expected a mapping, "),
        ("a sequence", "a list"),
        (": sequence", ": list"),
    ] {
        message = message.replace(theirs, ours);
    }
    message.chars().take(512).collect()
}

/// Finds fields of a value that its type does not have: those that are lost when it is written
/// again. Nulls are no loss.
pub(super) fn unread_fields(value: &Value, typed: &impl Serialize) -> Vec<Problem> {
    fn walk(before: &Value, after: &Value, path: &mut Vec<Segment>, lost: &mut Vec<Problem>) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                for (name, field) in before.iter().filter(|(_, field)| !field.is_null()) {
                    path.push(Segment::Field(name.clone()));
                    match after.get(name) {
                        Some(kept) => walk(field, kept, path, lost),
                        None if lost.len() < 32 => lost.push(Problem::new(
                            FieldPath(path.clone()),
                            "unknown field; it is ignored",
                        )),
                        None => {}
                    }
                    path.pop();
                }
            }
            (Value::Array(before), Value::Array(after)) => {
                for (index, (item, kept)) in before.iter().zip(after).enumerate() {
                    path.push(Segment::Index(index));
                    walk(item, kept, path, lost);
                    path.pop();
                }
            }
            _ => {}
        }
    }
    let mut lost = Vec::new();
    if let Ok(after) = serde_json::to_value(typed) {
        walk(value, &after, &mut Vec::new(), &mut lost);
    }
    lost
}

/// Checks the names of an object, as the API server does for every kind.
/// Source: RFC 1123; Kubernetes object names and namespaces.
pub(super) fn names(object: &Value, is_namespaced: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let metadata = object.get("metadata");
    if metadata.is_some_and(|metadata| !metadata.is_object()) {
        return vec![Problem::at(&["metadata"], "must be a mapping with a name")];
    }
    let field = |name: &str| metadata.and_then(|metadata| metadata.get(name));
    match field("name") {
        None | Some(Value::Null) => {
            problems.push(Problem::at(&["metadata", "name"], "is required: name the object"));
        }
        Some(Value::String(name)) if is_dns_name(name) => {}
        Some(other) => {
            problems.push(wrong_name("name", "letters, digits, - and . (at most 253)", other));
        }
    }
    match field("namespace") {
        None | Some(Value::Null) => {}
        Some(Value::String(name)) if name.is_empty() => {}
        Some(Value::String(name)) if is_namespaced && is_label(name) => {}
        Some(_) if !is_namespaced => {
            problems.push(Problem::at(&["metadata", "namespace"], "this kind has no namespace"));
        }
        Some(other) => {
            problems.push(wrong_name("namespace", "letters, digits and - (at most 63)", other));
        }
    }
    problems
}

fn wrong_name(field: &str, right: &str, value: &Value) -> Problem {
    let given = shortened(&value.to_string());
    let message = match value {
        Value::String(_) => format!("must be lower case {right}, not {given}"),
        Value::Bool(_) | Value::Number(_) => {
            format!("must be a string, not {given}: write it in quotes")
        }
        _ => format!("must be a string, not {given}"),
    };
    Problem::at(&["metadata", field], message)
}

fn is_dns_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label_of_any_length)
}

fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_label_of_any_length(name)
}

fn is_label_of_any_length(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
