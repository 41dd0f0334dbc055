//! Finds the line and column of a field.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::problem::{FieldPath, Segment};
use super::text::{Place, parse_as};

/// Map is where every part of a text stands.
pub(super) struct Map(Vec<Spanned<Node>>);

enum Node {
    Fields(Vec<(Spanned<String>, Spanned<Self>)>),
    Items(Vec<Spanned<Self>>),
    Leaf,
}

impl Map {
    /// Reads a text again, for its places. JSON is YAML in this.
    pub(super) fn read(text: &str) -> Option<Self> {
        parse_as(text).map(Self)
    }

    /// Returns where a part of a document stands, or what of the way to it exists.
    pub(super) fn place(&self, document: usize, path: &FieldPath) -> Option<Place> {
        let root = self.0.get(document)?;
        let (mut node, mut place) = (&root.value, place(root));
        for segment in &path.0 {
            let next = match (segment, node) {
                (Segment::Field(name), Node::Fields(fields)) => fields
                    .iter()
                    .find(|(key, _)| key.value == *name)
                    .map(|(key, value)| (&value.value, self::place(key))),
                (Segment::Index(index), Node::Items(items)) => {
                    items.get(*index).map(|item| (&item.value, self::place(item)))
                }
                _ => None,
            };
            let Some((deeper, at)) = next else { break };
            node = deeper;
            place = at.or(place);
        }
        place
    }
}

fn place<T>(spanned: &Spanned<T>) -> Option<Place> {
    let location = spanned.referenced;
    (location.line() > 0).then(|| Place { line: location.line(), column: location.column() })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Fields(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::Items(items))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Node, D::Error> {
        Node::deserialize(inner)
    }
}
