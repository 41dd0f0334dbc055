//! From text to values, within bounds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::problem::shortened;
use super::{json, yaml};

/// Most bytes of one file. Source: etcd stores at most 1.5 MiB an object; a file holds several.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Most mappings, lists and scalars in one file.
pub(super) const MAX_NODES: usize = 500_000;

/// Format is how a manifest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML, several documents.
    Yaml,
    /// JSON, several values.
    Json,
}

impl Format {
    /// Returns the format that the name of a file says, in lower or upper case.
    pub fn of_file(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Place is a position in a text. Both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// SyntaxError says why a text is no manifest at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Where, if the reader knows.
    pub place: Option<Place>,
    /// What is wrong, and what would be right.
    pub message: String,
    /// The field that is there twice, where that is all that is wrong.
    pub(super) repeated: Option<String>,
}

impl SyntaxError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into(), repeated: None }
    }

    pub(super) fn at(place: Option<Place>, message: impl Into<String>) -> Self {
        Self { place, ..Self::new(message) }
    }

    /// Says that a field is there twice.
    pub(super) fn twice(place: Option<Place>, field: String) -> Self {
        let message = twice(&field);
        Self { repeated: Some(field), ..Self::at(place, message) }
    }
}

/// Says that a field is there twice.
pub(super) fn twice(field: &str) -> String {
    format!("the field {:?} is there twice in one mapping: leave one out", shortened(field))
}

/// Returns the text of a file.
///
/// # Errors
/// Where it is too large, or not UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<&str, SyntaxError> {
    if bytes.len() > MAX_BYTES {
        let message = format!("{} bytes are too many: split files above {MAX_BYTES}", bytes.len());
        return Err(SyntaxError::new(message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let lines = before.split(|byte| *byte == b'\n');
        let last =
            lines.clone().next_back().map_or(0, |l| String::from_utf8_lossy(l).chars().count());
        let place = Place { line: lines.count() as u64, column: last as u64 + 1 };
        SyntaxError::at(Some(place), "not UTF-8: write the file as UTF-8 text")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Parses the documents of a text; empty ones are left out.
///
/// # Errors
/// Where the text breaks the format, or a bound: deep nesting, too many nodes, alias bombs.
pub(super) fn parse(text: &str, format: Format) -> Result<Vec<Value>, SyntaxError> {
    match format {
        Format::Yaml => yaml::parse(text),
        Format::Json => json::parse(text),
    }
}

/// Reads a whole stream with a type that knows places, for messages.
pub(super) fn parse_as<T: for<'de> Deserialize<'de>>(text: &str) -> Option<Vec<T>> {
    serde_saphyr::from_multiple_with_options(text, yaml::options()).ok()
}
