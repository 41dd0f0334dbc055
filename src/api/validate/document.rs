//! The objects of one text, each with its verdict.

use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::decode::{decode, unread_fields};
use super::flaws;
use super::hint::closest;
use super::locate::Map;
use super::metadata;
use super::parts::{Part, parts};
use super::pool::PoolSchema;
use super::problem::{FieldPath, Problem, Segment, first_of, shortened};
use super::text::{Format, SyntaxError, text};
use super::yaml;
use super::zeros::Zeros;
use crate::api::{Kind, Object, ObjectKey};

/// Document is one object of a text.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it says it is, for people: `BackendPool shop/cart`.
    pub name: String,
    /// Kind and key, as far as it says them.
    pub identity: Option<(Kind, ObjectKey)>,
    /// What became of it.
    pub verdict: Verdict,
}

/// Verdict says what became of a document.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// An object that Weir reads, and what of it is left unread.
    Read(Object, Vec<Problem>),
    /// An object that is of use in part, and what is wrong with the rest of it.
    Flawed(Object, Vec<Problem>),
    /// An object that the API server would refuse, and why.
    Refused(Vec<Problem>),
    /// An object of a kind that Weir does not read.
    Unread,
}

impl Document {
    /// Refuses it for problems that its text has, if there are any. What nobody reads stays unread.
    fn refuse(&mut self, mut problems: Vec<Problem>) {
        if problems.is_empty() || matches!(self.verdict, Verdict::Unread) {
            return;
        }
        if let Verdict::Refused(others) | Verdict::Flawed(_, others) = &mut self.verdict {
            problems.append(others);
        }
        self.verdict = Verdict::Refused(problems);
    }
}

impl Verdict {
    fn problems_mut(&mut self) -> &mut [Problem] {
        match self {
            Self::Read(_, problems) | Self::Flawed(_, problems) | Self::Refused(problems) => {
                problems
            }
            Self::Unread => &mut [],
        }
    }
}

/// Reads the objects of one file, lists expanded, in their order.
///
/// A document that cannot be read at all is refused without an identity, and stops no other.
///
/// # Errors
/// Where the text as a whole cannot be read. A single wrong object is a verdict, not an error.
pub fn read(
    bytes: &[u8],
    format: Format,
    schema: &PoolSchema,
) -> Result<Vec<Document>, SyntaxError> {
    let mut documents = Vec::new();
    let mut before = 0;
    for Part { text, lines_before, values } in parts(text(bytes)?, format)? {
        match values {
            Ok(values) => {
                let count = values.len();
                let found = read_values(values, (text, format), before, schema);
                documents.extend(found.into_iter().map(|document| moved(document, lines_before)));
                before += count;
            }
            Err(error) => {
                documents.push(unreadable(&error, text, before));
                before += 1;
            }
        }
    }
    Ok(documents)
}

/// Fields that say which object it is.
const NAMING: [&str; 5] = ["apiVersion", "kind", "metadata", "name", "namespace"];

/// Refuses a document that cannot be read. Which object it is can be told where only a field is
/// there twice.
fn unreadable(error: &SyntaxError, text: &str, position: usize) -> Document {
    let problem = Problem { place: error.place, ..Problem::at(&[], error.to_string()) };
    let repeated = error.repeated.as_deref();
    let first = || serde_json::from_str(text).ok().or_else(|| yaml::first_of(text));
    let value: Option<Value> = repeated.and_then(|_| first());
    let is_named = repeated.is_some_and(|field| !NAMING.contains(&field));
    let (name, identity) = match value.as_ref().map(|value| (value, kind_of(value))) {
        Some((value, Ok(Some(kind)))) if is_named => named(value, kind, position),
        _ => (format!("document {}", position + 1), None),
    };
    Document { name, identity, verdict: Verdict::Refused(vec![problem]) }
}

/// Judges the values of a text; `before` says how many there are in front of them.
fn read_values(
    values: Vec<Value>,
    (text, format): (&str, Format),
    before: usize,
    schema: &PoolSchema,
) -> Vec<Document> {
    let mut found = Vec::new();
    let zeros = Zeros::of(text, format, &values);
    for (position, value) in values.into_iter().enumerate() {
        expand(value, before + position, schema, &mut found);
    }
    for (position, front, document) in &mut found {
        document.refuse(zeros.in_object(*position - before, front));
    }
    let mut map = None;
    for (position, front, document) in &mut found {
        for problem in document.verdict.problems_mut() {
            let map = map.get_or_insert_with(|| Map::read(text));
            let path = problem.path.below(front);
            problem.place = map.as_ref().and_then(|map| map.place(*position - before, &path));
        }
    }
    found.into_iter().map(|(_, _, document)| document).collect()
}

/// Returns a document with its places further down.
fn moved(mut document: Document, lines: u64) -> Document {
    for place in document.verdict.problems_mut().iter_mut().filter_map(|one| one.place.as_mut()) {
        place.line += lines;
    }
    document
}

type Found = (usize, FieldPath, Document);

/// Takes a list apart. A list in a list is no object.
fn expand(value: Value, position: usize, schema: &PoolSchema, found: &mut Vec<Found>) {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = value.get("apiVersion").cloned();
    let is_list = kind.ends_with("List") && value.get("items").is_some_and(Value::is_array);
    let items = match value {
        Value::Object(mut fields) if is_list => fields.remove("items"),
        other => {
            found.push((position, FieldPath::default(), judge(other, position, schema)));
            return;
        }
    };
    let Some(Value::Array(items)) = items else { return };
    for (index, mut item) in items.into_iter().enumerate() {
        let of_items = kind.strip_suffix("List").filter(|kind| !kind.is_empty());
        if let (Some(fields), Some(kind)) = (item.as_object_mut(), of_items) {
            fields.entry("kind").or_insert_with(|| kind.into());
            if let Some(version) = &version {
                fields.entry("apiVersion").or_insert_with(|| version.clone());
            }
        }
        let front = FieldPath(vec![Segment::Field("items".to_owned()), Segment::Index(index)]);
        found.push((position, front, judge(item, position, schema)));
    }
}

/// Returns a field that is a text, short enough for a message.
fn field(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(shortened)
}

/// Returns the name of an object for people, and what it is as far as it says so.
fn named(value: &Value, kind: Kind, position: usize) -> (String, Option<(Kind, ObjectKey)>) {
    let key = field(value, "/metadata/name").map(|name| match kind {
        kind if !kind.is_namespaced() => ObjectKey::new("", name),
        _ => ObjectKey::new(
            field(value, "/metadata/namespace").unwrap_or_else(|| "default".to_owned()),
            name,
        ),
    });
    let what = || field(value, "/kind").unwrap_or_else(|| format!("document {}", position + 1));
    let name = key.as_ref().map_or_else(what, |key| format!("{kind} {key}"));
    (name, key.map(|key| (kind, key)))
}

/// Returns the kind that a value says.
fn value_kind(value: &Value) -> Option<&str> {
    value.get("kind").and_then(Value::as_str)
}

fn judge(value: Value, position: usize, schema: &PoolSchema) -> Document {
    let what = || field(&value, "/kind").unwrap_or_else(|| format!("document {}", position + 1));
    let kind = match kind_of(&value) {
        Ok(Some(kind)) => kind,
        Ok(None) => {
            let name = field(&value, "/metadata/name");
            let name = format!("{}{}", what(), name.map(|n| format!(" {n}")).unwrap_or_default());
            return Document { name, identity: None, verdict: Verdict::Unread };
        }
        Err(problem) => {
            let known = KINDS.iter().find(|(kind, ..)| Some(kind.as_str()) == value_kind(&value));
            let name = known.map_or_else(what, |(kind, ..)| named(&value, *kind, position).0);
            return Document { name, identity: None, verdict: Verdict::Refused(vec![problem]) };
        }
    };
    let (name, identity) = named(&value, kind, position);
    let key = identity.as_ref().map(|(_, key)| key.clone());
    let verdict = match of_kind(kind, value, key, schema) {
        Ok(Reading { object, notes, mut flaws }) => match flaws::apart(object) {
            (object, wrong) if wrong.is_empty() && flaws.is_empty() => Verdict::Read(object, notes),
            (object, wrong) => {
                flaws.extend(wrong);
                Verdict::Flawed(object, first_of(flaws))
            }
        },
        Err(problems) => Verdict::Refused(problems),
    };
    Document { name, identity, verdict }
}

const KINDS: [(Kind, &str, &[&str]); 9] = [
    (Kind::BackendPool, "weir.dev", &["v1alpha1"]),
    (Kind::ConfigMap, "", &["v1"]),
    (Kind::EndpointSlice, "discovery.k8s.io", &["v1"]),
    (Kind::Ingress, "networking.k8s.io", &["v1"]),
    (Kind::IngressClass, "networking.k8s.io", &["v1"]),
    (Kind::Node, "", &["v1"]),
    (Kind::ReferenceGrant, "gateway.networking.k8s.io", &["v1beta1", "v1"]),
    (Kind::Secret, "", &["v1"]),
    (Kind::Service, "", &["v1"]),
];

/// Returns which of the kinds that Weir reads a value is of, if it is of any.
fn kind_of(value: &Value) -> Result<Option<Kind>, Problem> {
    let Value::Object(fields) = value else {
        return Err(Problem::at(&[], "must be a mapping with apiVersion, kind and metadata"));
    };
    let text = |name: &str| match fields.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.as_str()),
        Some(Value::Null) | None => Err(Problem::at(&[name], "is required: every object says it")),
        Some(other) => {
            let other = shortened(&other.to_string());
            Err(Problem::at(&[name], format!("must be a string, not {other}")))
        }
    };
    let (version, name) = (text("apiVersion")?, text("kind")?);
    let (group, revision) = version.split_once('/').unwrap_or(("", version));
    let known = KINDS.iter().find(|(kind, of, _)| kind.as_str() == name && *of == group);
    match known {
        Some((kind, _, revisions)) if revisions.contains(&revision) => Ok(Some(*kind)),
        Some((_, "", revisions)) => Err(wrong_version(version, &revisions.join(" or "))),
        Some((_, group, revisions)) => {
            Err(wrong_version(version, &format!("{group}/{}", revisions.join(" or "))))
        }
        None if name == "BackendPool" => Err(wrong_version(version, "weir.dev/v1alpha1")),
        None if group == "weir.dev" => {
            let hint = closest(name, ["BackendPool"].into_iter());
            let hint =
                hint.map_or("weir.dev has the kind BackendPool", |_| "did you mean BackendPool?");
            Err(Problem::at(&["kind"], format!("unknown kind {:?}: {hint}", shortened(name))))
        }
        None => Ok(None),
    }
}

fn wrong_version(version: &str, right: &str) -> Problem {
    Problem::at(&["apiVersion"], format!("must be {right}, not {:?}", shortened(version)))
}

/// Reading is what became of an object that is of use.
struct Reading {
    object: Object,
    /// What is ignored.
    notes: Vec<Problem>,
    /// What is wrong and was taken out.
    flaws: Vec<Problem>,
}

type Typed = Result<Reading, Vec<Problem>>;

fn of_kind(kind: Kind, mut value: Value, key: Option<ObjectKey>, schema: &PoolSchema) -> Typed {
    if let (Some(ObjectKey { namespace, .. }), Some(Value::Object(metadata))) =
        (key, value.get_mut("metadata"))
        && kind.is_namespaced()
        && metadata.get("namespace").is_none_or(|n| n.is_null() || n == "")
    {
        metadata.insert("namespace".to_owned(), Value::String(namespace));
    }
    if kind == Kind::BackendPool {
        let object = Object::BackendPool(Arc::new(schema.validate(value)?));
        return Ok(Reading { object, notes: Vec::new(), flaws: Vec::new() });
    }
    let judged = metadata::judge(&mut value, kind, schema.metadata());
    if !judged.unusable.is_empty() {
        return Err(judged.into_problems());
    }
    let (flaws, notes) = (judged.flaws, judged.notes);
    match foreign(kind, value) {
        Ok(reading) => Ok(Reading {
            flaws,
            notes: notes.into_iter().chain(reading.notes).collect(),
            ..reading
        }),
        Err(problems) => Err(first_of(flaws.into_iter().chain(problems).collect())),
    }
}

/// Reads an object of a kind that is not ours, whose metadata is right.
fn foreign(kind: Kind, mut value: Value) -> Typed {
    match kind {
        Kind::ConfigMap => typed::<ConfigMap>(value, Object::ConfigMap),
        Kind::BackendPool | Kind::DnsRecord => {
            Err(vec![Problem::at(&["kind"], "is not read like this")])
        }
        Kind::EndpointSlice => typed::<EndpointSlice>(value, Object::EndpointSlice),
        Kind::Ingress => typed::<Ingress>(value, Object::Ingress),
        Kind::IngressClass => typed::<IngressClass>(value, Object::IngressClass),
        Kind::Node => typed::<Node>(value, Object::Node),
        Kind::ReferenceGrant => {
            if let Some(version) = value.get_mut("apiVersion") {
                *version = "gateway.networking.k8s.io/v1beta1".into();
            }
            typed(value, Object::ReferenceGrant)
        }
        Kind::Secret => secret(value),
        Kind::Service => typed::<Service>(value, Object::Service),
    }
}

/// Reads a Secret. No message says any part of it.
fn secret(value: Value) -> Typed {
    let merge = |secret: Arc<Secret>| {
        let mut secret = Arc::unwrap_or_clone(secret);
        let texts = secret.string_data.take().unwrap_or_default();
        if !texts.is_empty() {
            let texts = texts.into_iter().map(|(name, text)| (name, ByteString(text.into_bytes())));
            secret.data.get_or_insert_default().extend(texts);
        }
        Object::Secret(Arc::new(secret))
    };
    typed::<Secret>(value, merge).map_err(|problems| {
        let silent = |mut problem: Problem| {
            "cannot be read: data is a mapping of base64 texts, stringData of plain ones"
                .clone_into(&mut problem.message);
            problem
        };
        problems.into_iter().map(silent).collect()
    })
}

fn typed<T: DeserializeOwned + Serialize>(value: Value, wrap: impl Fn(Arc<T>) -> Object) -> Typed {
    let typed: T = decode(value.clone()).map_err(|problem| vec![problem])?;
    let notes = unread_fields(&value, &typed);
    Ok(Reading { object: wrap(Arc::new(typed)), notes, flaws: Vec::new() })
}
