//! The rules of metadata, and what of it is taken out.

use serde_json::{Map, Value};

use super::super::defaults::prune;
use super::super::problem::{Findings, Problem, Segment, first_of, shortened};
use super::super::schema::Schema;
use super::super::wording;
use super::names::{fault_of_key, is_dns_label, is_dns_name, is_label_value, least_generated};
use super::owners;
use crate::api::Kind;

/// Most bytes of all annotations of an object. Source: Kubernetes, TotalAnnotationSizeLimitB.
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// Judged is what metadata is like.
#[derive(Default)]
pub(in super::super) struct Judged {
    /// What leaves no object.
    pub(in super::super) unusable: Vec<Problem>,
    /// What was wrong and is taken out: the object is of use without it.
    pub(in super::super) flaws: Vec<Problem>,
    /// What is right and ignored.
    pub(in super::super) notes: Vec<Problem>,
}

impl Judged {
    /// Returns the first problems that the API server refuses it for.
    pub(in super::super) fn into_problems(mut self) -> Vec<Problem> {
        self.unusable.append(&mut self.flaws);
        first_of(self.unusable)
    }
}

/// Judges the metadata of an object, and takes out what is wrong and what nobody reads.
pub(in super::super) fn judge(object: &mut Value, kind: Kind, shape: &Schema) -> Judged {
    let mut nothing = Value::Object(Map::new());
    let metadata = match object.get_mut("metadata") {
        Some(metadata @ Value::Object(_)) => metadata,
        None | Some(Value::Null) => &mut nothing,
        Some(_) => {
            let problem = Problem::at(&["metadata"], "must be a mapping with a name");
            return Judged { unusable: vec![problem], ..Judged::default() };
        }
    };
    let mut types = Findings::default();
    types.within(segment("metadata"), |types| shape.check(metadata, types));
    let mut judged = Judged::default();
    if types.fits() {
        judged.flaws = types.into_problems();
    } else {
        judged.unusable = types.into_problems();
    }
    prune(metadata, shape);
    if let Value::Object(fields) = metadata {
        judged.unusable.extend(found(|found| essentials(fields, kind, found)));
        judged.flaws.extend(found(|found| {
            generated(fields, kind, found);
            labels(fields, kind, found);
            annotations(fields, found);
            owners::judge(fields, kind, found);
        }));
        judged.notes = ignored(fields, kind);
        for name in ["finalizers", "managedFields", "ownerReferences"] {
            fields.remove(name);
        }
    }
    judged
}

fn segment(name: &str) -> Segment {
    Segment::Field(name.to_owned())
}

/// Returns what a walk finds in metadata.
fn found(walk: impl FnOnce(&mut Findings)) -> Vec<Problem> {
    let mut findings = Findings::default();
    findings.within(segment("metadata"), walk);
    findings.into_problems()
}

/// Notes what no object can be without. Source: Kubernetes, object names and IDs.
fn essentials(fields: &Map<String, Value>, kind: Kind, found: &mut Findings) {
    found.within(segment("name"), |found| match fields.get("name") {
        Some(Value::String(name)) if !name.is_empty() => {
            if let Some(wrong) = wrong_name(kind, name, name) {
                found.add(wrong);
            }
        }
        None | Some(Value::Null | Value::String(_)) => {
            let is_made = text(fields, "generateName").is_some_and(|prefix| !prefix.is_empty());
            found.add(if is_made { WITHOUT_NAME } else { "is required: name the object" });
        }
        // Its type is said already.
        Some(_) => {}
    });
    if let Some(namespace) = text(fields, "namespace")
        && kind.is_namespaced()
        && !namespace.is_empty()
        && !is_dns_label(namespace)
    {
        found.within(segment("namespace"), |found| found.add(wrong(LABEL, namespace)));
    }
    let length = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
    let annotations = fields.get("annotations").and_then(Value::as_object);
    let total: usize = annotations.into_iter().flatten().map(length).sum();
    if total > MAX_ANNOTATIONS {
        found.within(segment("annotations"), |found| {
            found.add(format!(
                "must have at most {MAX_ANNOTATIONS} bytes together, keys and values, not {total}: \
                 large texts go into a ConfigMap"
            ));
        });
    }
}

const WITHOUT_NAME: &str = "is required: with generateName alone each creation makes another object, \
                            which kubectl apply refuses and no file can name again";
const NAME: &str = "lower-case letters, digits, - and . (at most 253), with a letter or digit at both \
                    ends and around each dot";
const LABEL: &str =
    "lower-case letters, digits and - (at most 63), with a letter or digit at both ends";

/// Says what is wrong with the name of an object of a kind, if anything is; `given` is what was
/// written for it.
///
/// Source: Kubernetes, DNS subdomain names; Service, RFC 1123 label names.
fn wrong_name(kind: Kind, name: &str, given: &str) -> Option<String> {
    let (is_right, right) = match kind {
        Kind::Service => (is_dns_label(name), LABEL),
        _ => (is_dns_name(name), NAME),
    };
    (!is_right).then(|| wrong(right, given))
}

fn wrong(right: &str, given: &str) -> String {
    let hint = wording::name(given).map_or_else(String::new, |name| format!(": write {name}"));
    format!("must be {right}, not {:?}{hint}", shortened(given))
}

/// Judges the prefix of a name, also beside a name.
fn generated(fields: &Map<String, Value>, kind: Kind, found: &mut Findings) {
    let Some(prefix) = text(fields, "generateName").filter(|prefix| !prefix.is_empty()) else {
        return;
    };
    if let Some(wrong) = wrong_name(kind, &least_generated(prefix), prefix) {
        found.within(segment("generateName"), |found| found.add(wrong));
    }
}

/// Keeps the labels that are right. Of a Secret no value is said.
fn labels(fields: &mut Map<String, Value>, kind: Kind, found: &mut Findings) {
    keep(fields, "labels", found, |key, value| {
        if let Some(why) = fault_of_key(key) {
            return Some(wrong_key(why));
        }
        (!is_label_value(value)).then(|| {
            let given = match kind {
                Kind::Secret => String::new(),
                _ => format!(", not {:?}", shortened(value)),
            };
            format!(
                "must be empty, or letters, digits, -, _ and . (at most 63) with a letter or digit \
                 at both ends{given}; other texts go into an annotation"
            )
        })
    });
}

/// Keeps the annotations that are right. No value is said: it may be a whole Secret.
fn annotations(fields: &mut Map<String, Value>, found: &mut Findings) {
    let fault = |key: &str| fault_of_key(&key.to_lowercase());
    keep(fields, "annotations", found, |key, _| fault(key).map(wrong_key));
}

fn wrong_key(why: &str) -> String {
    format!("the key {why}: write it as in app or example.com/app")
}

/// Keeps of a mapping of texts what nothing is wrong with, and notes the rest.
fn keep(
    fields: &mut Map<String, Value>,
    name: &str,
    found: &mut Findings,
    fault: impl Fn(&str, &str) -> Option<String>,
) {
    let Some(Value::Object(texts)) = fields.get_mut(name) else { return };
    found.within(segment(name), |found| {
        texts.retain(|key, value| {
            if value.is_null() {
                *value = Value::String(String::new());
            }
            let fault = value.as_str().and_then(|value| fault(key, value));
            let is_right = fault.is_none();
            if let Some(fault) = fault {
                found.within(segment(key), |found| found.add(fault));
            }
            is_right
        });
    });
}

/// Takes out what the API server ignores, and says so.
fn ignored(fields: &mut Map<String, Value>, kind: Kind) -> Vec<Problem> {
    let mut notes = Vec::new();
    if !kind.is_namespaced()
        && let Some(Value::String(namespace)) = fields.remove("namespace")
        && !namespace.is_empty()
    {
        let what = "this kind has no namespace; it is ignored";
        notes.push(Problem::at(&["metadata", "namespace"], what));
    }
    if let (Kind::Service, Some(name)) = (kind, text(fields, "name"))
        && name.starts_with(|first: char| first.is_ascii_digit())
    {
        let what = "begins with a digit, which older API servers refuse in the name of a Service";
        notes.push(Problem::at(&["metadata", "name"], what));
    }
    notes
}

/// Returns a field that is a text.
fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}
