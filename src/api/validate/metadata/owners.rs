//! Who owns an object, what keeps it from removal, and its generation.

use serde_json::{Map, Value};

use super::super::problem::{Findings, Segment, shortened};
use super::names::fault_of_key;
use crate::api::Kind;

/// Finalizers that need no domain. Source: Kubernetes, standard finalizer names.
const STANDARD: [&str; 3] = ["foregroundDeletion", "kubernetes", "orphan"];

/// Notes what is wrong with the fields that Weir does not read.
pub(super) fn judge(fields: &Map<String, Value>, kind: Kind, found: &mut Findings) {
    within(found, "finalizers", |found| finalizers(items(fields, "finalizers"), kind, found));
    within(found, "ownerReferences", |found| owners(items(fields, "ownerReferences"), found));
    // The API server counts those of the other kinds itself.
    let is_kept = matches!(kind, Kind::ConfigMap | Kind::Node | Kind::Secret | Kind::Service);
    let generation = fields.get("generation").and_then(Value::as_i64);
    if let Some(generation) = generation.filter(|generation| is_kept && *generation < 0) {
        within(found, "generation", |found| {
            found.add(format!("must be at least 0, not {generation}"));
        });
    }
}

fn within(found: &mut Findings, name: &str, walk: impl FnOnce(&mut Findings)) {
    found.within(Segment::Field(name.to_owned()), walk);
}

fn items<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    fields.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Source: Kubernetes apimachinery, validation of finalizers; those of its own kinds must be qualified.
fn finalizers(list: &[Value], kind: Kind, found: &mut Findings) {
    let is_custom = matches!(kind, Kind::BackendPool | Kind::ReferenceGrant);
    let name = |item: &Value| match item {
        Value::Null => Some(String::new()),
        other => other.as_str().map(str::to_owned),
    };
    for (index, item) in list.iter().enumerate() {
        let Some(name) = name(item) else { continue };
        let fault = match fault_of_key(&name) {
            Some(why) => Some(why),
            None if is_custom || name.contains('/') || STANDARD.contains(&name.as_str()) => None,
            None => Some("has no domain"),
        };
        if let Some(why) = fault {
            found.within(Segment::Index(index), |found| {
                found.add(format!("the finalizer {why}: write it as in example.com/cleanup"));
            });
        }
    }
    let has = |name: &str| list.iter().any(|item| item == name);
    if has("orphan") && has("foregroundDeletion") {
        found.add("must not have both orphan and foregroundDeletion: leave one out");
    }
}

/// Source: Kubernetes apimachinery, validation of ownerReferences.
fn owners(list: &[Value], found: &mut Findings) {
    let mut controller = None;
    for (index, owner) in list.iter().enumerate() {
        if !(owner.is_object() || owner.is_null()) {
            continue;
        }
        let text = |name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default();
        found.within(Segment::Index(index), |found| {
            for name in ["apiVersion", "kind", "name", "uid"] {
                let is_text = owner.get(name).is_none_or(|one| one.is_null() || one.is_string());
                if is_text && text(name).is_empty() {
                    within(found, name, |found| found.add("is required: it says which owner"));
                }
            }
            let version = text("apiVersion");
            let revision = version.split_once('/').map_or(version, |(_, revision)| revision);
            if !version.is_empty() && (revision.is_empty() || revision.contains('/')) {
                within(found, "apiVersion", |found| {
                    let version = shortened(version);
                    found.add(format!("must be as in v1 or apps/v1, not {version:?}"));
                });
            }
            if text("kind") == "Event" && ["v1", "/v1"].contains(&version) {
                found.add("must be no Event: those own nothing");
            }
        });
        if owner.get("controller") == Some(&Value::Bool(true)) {
            match controller {
                None => controller = Some(index),
                Some(first) => found.add(format!(
                    "must have one controller at most: [{first}] and [{index}] say controller: true"
                )),
            }
        }
    }
}
