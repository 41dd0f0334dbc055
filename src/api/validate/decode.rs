//! Typed decoding with the field of the first mistake.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::{FieldPath, Problem, Segment};

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
