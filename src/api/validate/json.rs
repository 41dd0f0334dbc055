//! JSON in which no field is there twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::text::{Place, SyntaxError};

/// Parses the values of a text.
///
/// # Errors
/// Where the text is no JSON, or a field is there twice in one mapping.
pub(super) fn parse(text: &str) -> Result<Vec<Value>, SyntaxError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut values = Vec::new();
    while reader.end().is_err() {
        let mut repeated = None;
        let value = Strict { repeated: &mut repeated }.deserialize(&mut reader);
        values.push(value.map_err(|error| refused(&error, repeated))?);
    }
    Ok(values)
}

fn refused(error: &serde_json::Error, repeated: Option<String>) -> SyntaxError {
    let mut place = Place { line: error.line() as u64, column: error.column() as u64 };
    match repeated {
        Some(field) => {
            // The reader is behind the field.
            let back = field.len() as u64 + 1;
            place.column = place.column.saturating_sub(back).max(1);
            SyntaxError::twice(Some(place), field)
        }
        None => SyntaxError::at(Some(place), format!("not JSON: {error}")),
    }
}

/// Takes a text apart into its values, each with how many lines are before it; nothing where it is
/// no JSON.
pub(super) fn split(text: &str) -> Vec<(u64, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let (mut pieces, mut start, mut lines) = (Vec::new(), 0, 0);
    while let Some(value) = values.next() {
        let end = values.byte_offset();
        let Some(piece) = value.ok().and_then(|_| text.get(start..end)) else { return Vec::new() };
        pieces.push((lines, piece));
        lines += piece.matches('\n').count() as u64;
        start = end;
    }
    pieces
}

/// Strict reads a value, and stops at a field that its mapping has already.
struct Strict<'a> {
    repeated: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(field) = map.next_key::<String>()? {
            if fields.contains_key(&field) {
                *self.repeated = Some(field);
                return Err(A::Error::custom("a field is there twice"));
            }
            let value = map.next_value_seed(Strict { repeated: &mut *self.repeated })?;
            fields.insert(field, value);
        }
        Ok(Value::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict { repeated: &mut *self.repeated })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}
