//! What is wrong with a manifest, and where.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use super::hint::closest;
use super::text::Place;

/// Most problems that are reported of one object; the reader mends these first.
pub(super) const MAX_PROBLEMS: usize = 32;

/// Says of an object that more is wrong with it than was reported.
pub(super) const MORE: &str = "and more: mend these first";

/// Segment is one step from an object to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A field of a mapping.
    Field(String),
    /// An item of a list.
    Index(usize),
}

/// FieldPath is the way from an object to a part of it: `spec.backends[1].endpoint.port`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FieldPath(pub Vec<Segment>);

impl FieldPath {
    /// Makes a path of field names.
    pub fn of(fields: &[&str]) -> Self {
        Self(fields.iter().map(|field| Segment::Field((*field).to_owned())).collect())
    }

    /// Parses what the path writes as text; field names hold no dot and no bracket.
    pub fn parse(text: &str) -> Self {
        let parts = text.split(['.', '[']).filter(|part| !part.is_empty());
        Self(
            parts
                .map(|part| match part.strip_suffix(']').map(str::parse) {
                    Some(Ok(index)) => Segment::Index(index),
                    _ => Segment::Field(part.to_owned()),
                })
                .collect(),
        )
    }

    /// Returns the path with another in front of it.
    pub fn below(&self, front: &Self) -> Self {
        Self(front.0.iter().chain(&self.0).cloned().collect())
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Field(name) if is_plain(name) => {
                    write!(f, "{}{name}", if position == 0 { "" } else { "." })?;
                }
                Segment::Field(name) => write!(f, "[{:?}]", shortened(name))?,
            }
        }
        Ok(())
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Returns a text that is short enough for a message.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(64).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Problem is one thing that is wrong with an object, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where in the object.
    pub path: FieldPath,
    /// What is wrong, and what would be right.
    pub message: String,
    /// Where in the text, if the object was read from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl Problem {
    /// Makes a problem of the part of an object.
    pub fn new(path: FieldPath, message: impl Into<String>) -> Self {
        Self { path, message: message.into(), place: None }
    }

    /// Makes a problem at a path of field names.
    pub fn at(fields: &[&str], message: impl Into<String>) -> Self {
        Self::new(FieldPath::of(fields), message)
    }
}

/// Returns the first problems of an object, and that there are more where there are.
pub(super) fn first_of(mut problems: Vec<Problem>) -> Vec<Problem> {
    let has_more = |one: &Problem| one.path.0.is_empty() && one.message == MORE;
    let is_cut = problems.iter().any(has_more);
    problems.retain(|one| !has_more(one));
    if is_cut || problems.len() > MAX_PROBLEMS {
        problems.truncate(MAX_PROBLEMS);
        problems.push(Problem::at(&[], MORE));
    }
    problems
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.0.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// Collects problems up to a bound, with the path that a walk is at.
#[derive(Default)]
pub(super) struct Findings {
    path: Vec<Segment>,
    problems: Vec<Problem>,
    unknown: usize,
    has_more: bool,
    /// Which fields are known somewhere, as far as it was said.
    said: BTreeSet<String>,
}

impl Findings {
    /// Notes a problem at the present path.
    pub(super) fn add(&mut self, message: impl Into<String>) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.has_more = true;
        } else {
            self.problems.push(Problem::new(FieldPath(self.path.clone()), message));
        }
    }

    /// Notes that the field at the present path is not known, and which one was meant. What is
    /// known there is said once.
    pub(super) fn add_unknown<'a>(
        &mut self,
        name: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        self.unknown += usize::from(self.problems.len() < MAX_PROBLEMS);
        let message = match closest(name, known.clone()) {
            Some(hint) => format!("unknown field; did you mean {hint}?"),
            None => {
                let known = known.collect::<Vec<_>>().join(", ");
                if self.said.contains(&known) {
                    "unknown field".to_owned()
                } else {
                    let message = format!("unknown field; known here: {known}");
                    self.said.insert(known);
                    message
                }
            }
        };
        self.add(message);
    }

    /// Returns whether all is right but for fields that are not known.
    pub(super) fn fits(&self) -> bool {
        self.problems.len() == self.unknown
    }

    /// Returns whether nothing more is noted: a walk need go no further.
    pub(super) fn is_full(&self) -> bool {
        self.has_more
    }

    /// Walks one step down.
    pub(super) fn within(&mut self, segment: Segment, walk: impl FnOnce(&mut Self)) {
        self.path.push(segment);
        walk(self);
        self.path.pop();
    }

    /// Returns what was found, and that there is more where there is.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        if self.has_more {
            self.problems.push(Problem::at(&[], MORE));
        }
        self.problems
    }
}
