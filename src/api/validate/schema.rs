//! A structural schema, and whether a value fits it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::hint::closest;
use super::problem::{Findings, Segment, shortened};
use super::wording::Wording;

/// Schema is one node of a CRD's structural schema.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) nullable: bool,
    pub(super) default: Option<Value>,
    pub(super) shape: Shape,
    /// First sentence of the description: what would be right.
    meaning: String,
    choices: Vec<Value>,
}

/// Shape is what a type allows.
#[derive(Debug)]
pub(super) enum Shape {
    /// A mapping with known fields.
    Object { properties: BTreeMap<String, Schema>, required: Vec<String> },
    /// A list.
    List { items: Box<Schema>, least: usize, most: usize, unique: Unique },
    /// A text.
    Text { least: usize, most: usize, pattern: Option<Regex> },
    /// A whole number.
    Integer { least: i64, most: i64 },
    /// A number.
    Number { least: f64, most: f64 },
    /// True or false.
    Boolean,
    /// A mapping of texts. None of them is said in a message: it may be part of a Secret.
    Texts,
    /// Anything.
    Any,
}

/// Unique says what may occur only once in a list.
#[derive(Debug)]
pub(super) enum Unique {
    Nothing,
    Items,
    Keys(Vec<String>),
}

/// Keywords of a node that are read below, or that say nothing about validity.
const KEYWORDS: &[&str] = &[
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "nullable",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// Where it uses a keyword that is not known here: ignoring one would accept what the API
    /// server refuses.
    pub(super) fn parse(node: &Value) -> Result<Self, String> {
        let fields = node.as_object().ok_or("a schema is not an object")?;
        if let Some(other) = fields.keys().find(|key| !KEYWORDS.contains(&key.as_str())) {
            return Err(format!("keyword {other} is not known"));
        }
        let text = |key: &str| fields.get(key).and_then(Value::as_str);
        let description = text("description").unwrap_or_default().replace('\n', " ");
        let meaning = description.split_once(". ").map_or(description.as_str(), |(first, _)| first);
        Ok(Self {
            nullable: fields.get("nullable").and_then(Value::as_bool).unwrap_or_default(),
            default: fields.get("default").cloned(),
            shape: Shape::parse(text("type").unwrap_or_default(), fields)?,
            meaning: meaning.trim_end_matches('.').to_owned(),
            choices: fields.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
        })
    }

    /// Notes what of a value does not fit.
    pub(super) fn check(&self, value: &Value, findings: &mut Findings) {
        if findings.is_full() || (value.is_null() && self.nullable) {
            return;
        }
        match (&self.shape, value) {
            (Shape::Object { properties, required }, Value::Object(fields)) => {
                check_fields(properties, required, fields, findings);
            }
            (Shape::List { .. }, Value::Array(items)) => self.check_items(items, findings),
            (Shape::Text { least, most, pattern }, Value::String(text)) => {
                self.check_text(text, (*least, *most), pattern.as_ref(), findings);
            }
            (Shape::Integer { least, most }, Value::Number(number)) => {
                if !number.as_i64().is_some_and(|n| (*least..=*most).contains(&n)) {
                    findings.add(format!(
                        "must be a whole number from {least} to {most}, not {number}"
                    ));
                }
            }
            (Shape::Number { least, most }, Value::Number(number)) => {
                if !number.as_f64().is_some_and(|n| (*least..=*most).contains(&n)) {
                    findings.add(format!("must be a number from {least} to {most}, not {number}"));
                }
            }
            (Shape::Boolean, Value::Bool(_)) | (Shape::Any, _) => {}
            (Shape::Texts, Value::Object(texts)) => check_texts(texts, findings),
            (shape, other) => findings.add(shape.mismatch(other)),
        }
    }

    fn check_text(
        &self,
        text: &str,
        (least, most): (usize, usize),
        pattern: Option<&Regex>,
        findings: &mut Findings,
    ) {
        if !self.choices.is_empty() {
            if !self.choices.iter().any(|choice| choice == text) {
                let known = || self.choices.iter().filter_map(Value::as_str);
                let hint = closest(text, known());
                let hint = hint.map_or_else(String::new, |hint| format!("; did you mean {hint}?"));
                let known: Vec<&str> = known().collect();
                findings.add(format!(
                    "must be one of {}, not {:?}{hint}",
                    known.join(", "),
                    shortened(text)
                ));
            }
            return;
        }
        let length = text.chars().count();
        if length < least || length > most {
            findings.add(format!("must have {} characters, not {length}", span(least, most)));
        } else if let Some(pattern) = pattern.filter(|pattern| !pattern.is_match(text)) {
            let given = shortened(text);
            findings.add(match Wording::of(pattern.as_str()) {
                Some(words) => {
                    format!("must be {}, not {given:?}{}", words.right, words.hint(text))
                }
                None => format!("{given:?} does not match {pattern}: {}", self.meaning),
            });
        }
    }

    fn check_items(&self, list: &[Value], findings: &mut Findings) {
        let Shape::List { items, least, most, unique } = &self.shape else { return };
        if list.len() < *least || list.len() > *most {
            findings.add(format!("must have {} items, not {}", span(*least, *most), list.len()));
            return;
        }
        let mut seen = BTreeMap::new();
        for (index, item) in list.iter().enumerate() {
            if findings.is_full() {
                return;
            }
            findings.within(Segment::Index(index), |findings| {
                items.check(item, findings);
                let Some(key) = unique.key(item, items) else { return };
                match seen.entry(key) {
                    Entry::Vacant(free) => {
                        free.insert(index);
                    }
                    Entry::Occupied(first) => findings.add(unique.repeated(item, *first.get())),
                }
            });
        }
    }
}

fn check_fields(
    properties: &BTreeMap<String, Schema>,
    required: &[String],
    fields: &Map<String, Value>,
    findings: &mut Findings,
) {
    for name in required.iter().filter(|name| !fields.contains_key(*name)) {
        let meaning = properties.get(name).map_or("", |property| property.meaning.as_str());
        findings.within(Segment::Field(name.clone()), |findings| {
            findings.add(format!("is required: {meaning}"));
        });
    }
    for (name, value) in fields {
        if findings.is_full() {
            return;
        }
        findings.within(Segment::Field(name.clone()), |findings| match properties.get(name) {
            Some(property) => property.check(value, findings),
            None => findings.add_unknown(name, properties.keys().map(String::as_str)),
        });
    }
}

fn check_texts(texts: &Map<String, Value>, findings: &mut Findings) {
    for (name, value) in texts {
        let what = match value {
            Value::Null | Value::String(_) => continue,
            Value::Bool(_) => "a boolean: write the word in quotes",
            Value::Number(_) => "a number: write it in quotes",
            Value::Array(_) => "a list",
            Value::Object(_) => "a mapping",
        };
        findings.within(Segment::Field(name.clone()), |findings| {
            findings.add(format!("must be a string, not {what}"));
        });
    }
}

fn span(least: usize, most: usize) -> String {
    match (least, most) {
        (least, usize::MAX) => format!("at least {least}"),
        (0, most) => format!("at most {most}"),
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    }
}

impl Shape {
    fn parse(kind: &str, fields: &Map<String, Value>) -> Result<Self, String> {
        let is_open =
            fields.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
        Ok(match (kind, fields.get("additionalProperties")) {
            ("", None) if is_open => Self::Any,
            ("object", Some(texts)) if *texts == json!({ "type": "string" }) => Self::Texts,
            (_, Some(other)) => return Err(format!("additionalProperties {other} is not known")),
            _ if is_open => return Err("only what has no type may hold unknown fields".to_owned()),
            _ => return Self::of_type(kind, fields),
        })
    }

    fn of_type(kind: &str, fields: &Map<String, Value>) -> Result<Self, String> {
        let count = |key: &str| fields.get(key).and_then(Value::as_u64).map(|n| n as usize);
        let bound = |key: &str| fields.get(key).and_then(Value::as_f64);
        Ok(match kind {
            "object" => Self::Object {
                properties: properties(fields)?,
                required: words(fields.get("required")),
            },
            "array" => Self::List {
                items: Box::new(Schema::parse(fields.get("items").ok_or("a list has no items")?)?),
                least: count("minItems").unwrap_or(0),
                most: count("maxItems").unwrap_or(usize::MAX),
                unique: Unique::parse(fields)?,
            },
            "string" => Self::Text {
                least: count("minLength").unwrap_or(0),
                most: count("maxLength").unwrap_or(usize::MAX),
                pattern: match fields.get("pattern").and_then(Value::as_str) {
                    None => None,
                    Some(pattern) => Some(Regex::new(pattern).map_err(|e| e.to_string())?),
                },
            },
            "integer" => {
                let small = fields.get("format").and_then(Value::as_str) == Some("int32");
                let (least, most) =
                    if small { (i32::MIN.into(), i32::MAX.into()) } else { (i64::MIN, i64::MAX) };
                Self::Integer {
                    least: bound("minimum").map_or(least, |n| n as i64),
                    most: bound("maximum").map_or(most, |n| n as i64),
                }
            }
            "number" => Self::Number {
                least: bound("minimum").unwrap_or(f64::MIN),
                most: bound("maximum").unwrap_or(f64::MAX),
            },
            "boolean" => Self::Boolean,
            other => return Err(format!("type {other:?} is not known")),
        })
    }

    fn mismatch(&self, value: &Value) -> String {
        let (wanted, quote) = match self {
            Self::Object { .. } => ("a mapping", false),
            Self::List { .. } => ("a list", false),
            Self::Text { .. } => ("a string", true),
            Self::Integer { .. } => ("a whole number", false),
            Self::Number { .. } => ("a number", false),
            Self::Boolean => ("true or false", false),
            Self::Texts => return texts_instead_of(value),
            Self::Any => ("anything", false),
        };
        if let (Self::Text { pattern: Some(pattern), .. }, Value::Number(number)) = (self, value)
            && let Some(words) = Wording::of(pattern.as_str())
            && let hint = words.hint(&number.to_string())
            && !hint.is_empty()
        {
            return format!("must be {}, not {number}{hint}", words.right);
        }
        match value {
            Value::Null => format!("must be {wanted}, not null"),
            // A bare on, off, yes, no, y or n is a boolean in the YAML 1.1 that kubectl reads.
            Value::Bool(is) if quote => {
                let words = if *is {
                    "\"true\", \"on\" or \"yes\""
                } else {
                    "\"false\", \"off\" or \"no\""
                };
                format!("must be {wanted}, not the boolean {is}: write the word in quotes, {words}")
            }
            Value::Number(_) if quote => {
                format!("must be {wanted}, not {value}: write \"{value}\"")
            }
            Value::Bool(_) | Value::Number(_) => format!("must be {wanted}, not {value}"),
            Value::String(text) => {
                // As in "80", or 50%.
                let number = text.trim().trim_end_matches('%').trim_end().parse::<i64>().ok();
                let is_number = matches!(self, Self::Integer { .. } | Self::Number { .. });
                let hint = number.filter(|_| is_number).map(|number| format!(": write {number}"));
                let hint = hint.unwrap_or_default();
                format!("must be {wanted}, not the string {:?}{hint}", shortened(text))
            }
            Value::Array(_) => format!("must be {wanted}, not a list"),
            Value::Object(_) => format!("must be {wanted}, not a mapping"),
        }
    }
}

/// Says nothing of the value.
fn texts_instead_of(value: &Value) -> String {
    let what = match value {
        Value::Array(_) => "a list",
        Value::String(_) => "a string",
        _ => "one value",
    };
    format!("must be a mapping of strings, not {what}")
}

fn properties(fields: &Map<String, Value>) -> Result<BTreeMap<String, Schema>, String> {
    let Some(Value::Object(properties)) = fields.get("properties") else {
        return Ok(BTreeMap::new());
    };
    properties
        .iter()
        .map(|(name, node)| match Schema::parse(node) {
            Ok(schema) => Ok((name.clone(), schema)),
            Err(why) => Err(format!("{name}: {why}")),
        })
        .collect()
}

fn words(value: Option<&Value>) -> Vec<String> {
    let words = value.and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Unique {
    fn parse(fields: &Map<String, Value>) -> Result<Self, String> {
        match fields.get("x-kubernetes-list-type").and_then(Value::as_str) {
            None | Some("atomic") => Ok(Self::Nothing),
            Some("set") => Ok(Self::Items),
            Some("map") => Ok(Self::Keys(words(fields.get("x-kubernetes-list-map-keys")))),
            Some(other) => Err(format!("list type {other} is not known")),
        }
    }

    /// Returns what may occur only once of an item.
    fn key(&self, item: &Value, schema: &Schema) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Items => Some(item.to_string()),
            Self::Keys(names) => {
                let Shape::Object { properties, .. } = &schema.shape else { return None };
                let fallback = |name| properties.get(name).and_then(|p| p.default.as_ref());
                let parts = names.iter().map(|name| item.get(name).or_else(|| fallback(name)));
                Some(parts.map(|part| part.map_or_else(String::new, Value::to_string)).collect())
            }
        }
    }

    /// Says that an item is there already, and where.
    fn repeated(&self, item: &Value, first: usize) -> String {
        match self {
            Self::Keys(names) => {
                let key = |name: &String| {
                    format!("{name} {}", item.get(name).map_or_else(String::new, Value::to_string))
                };
                let keys: Vec<String> = names.iter().map(key).collect();
                let keys = shortened(&keys.join(", "));
                format!("item [{first}] of the list has {keys} already: each may be there once")
            }
            _ => {
                let item = shortened(&item.to_string());
                format!("{item} is item [{first}] of the list already: leave one out")
            }
        }
    }
}
