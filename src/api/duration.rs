//! Durations as the Gateway API writes them.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// DurationString is a duration as text: `10s`, `1m30s`, `250ms`.
///
/// Up to four numbers of up to five digits, each with a unit of h, m, s or ms.
/// Source: Gateway API Duration (GEP-2257).
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct DurationString(String);

/// Says what is wrong with a duration, and what would be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a duration: write numbers with h, m, s or ms, for instance 1m30s or 250ms")]
pub struct InvalidDuration(pub String);

impl DurationString {
    /// Makes a duration of a text that is checked only when it is parsed.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses the text.
    ///
    /// # Errors
    /// Where the text is not of the form above.
    pub fn parse(&self) -> Result<Duration, InvalidDuration> {
        let invalid = || InvalidDuration(self.0.clone());
        let mut rest = self.0.as_str();
        let mut total = Duration::ZERO;
        let mut parts = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at_checked(digits).ok_or_else(invalid)?;
            let units = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, tail) = tail.split_at_checked(units).ok_or_else(invalid)?;
            parts += 1;
            if !(1..=5).contains(&digits) || parts > 4 {
                return Err(invalid());
            }
            let number: u64 = number.parse().map_err(|_| invalid())?;
            total += match unit {
                "h" => Duration::from_secs(number * 3600),
                "m" => Duration::from_secs(number * 60),
                "s" => Duration::from_secs(number),
                "ms" => Duration::from_millis(number),
                _ => return Err(invalid()),
            };
            rest = tail;
        }
        if parts == 0 { Err(invalid()) } else { Ok(total) }
    }
}

impl JsonSchema for DurationString {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 32,
            "pattern": r"^([0-9]{1,5}(h|m|s|ms)){1,4}$",
        })
    }
}
