//! The documents of a text, also where one of them cannot be read.

use serde_json::Value;

use super::json;
use super::text::{Format, MAX_NODES, Place, SyntaxError, parse};

/// Most documents that are said to be unreadable; what follows them is left unread.
const MAX_UNREADABLE: usize = 32;

/// Part is documents that are read together: the whole of a good text, one document of another.
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    /// How many lines of the file are before it.
    pub(super) lines_before: u64,
    /// Its documents; empty ones are left out.
    pub(super) values: Result<Vec<Value>, SyntaxError>,
}

/// Reads a text as a whole, or document by document where one of them cannot be read.
///
/// # Errors
/// Where the text is one document that says nothing, or is no JSON, or is above a bound as a whole.
pub(super) fn parts(text: &str, format: Format) -> Result<Vec<Part<'_>>, SyntaxError> {
    let whole = match parse(text, format) {
        Ok(values) => return Ok(vec![Part { text, lines_before: 0, values: Ok(values) }]),
        Err(error) => error,
    };
    let pieces = match format {
        Format::Yaml => split(text),
        Format::Json => json::split(text),
    };
    let mut parts = Vec::new();
    let (mut unreadable, mut nodes) = (0, 0);
    for (lines_before, text) in pieces {
        let is_too_much = unreadable == MAX_UNREADABLE || nodes > MAX_NODES;
        let values = if is_too_much {
            let place = Place { line: lines_before + 1, column: 1 };
            Err(SyntaxError::at(Some(place), REST))
        } else {
            parse(text, format).map_err(|error| below(error, lines_before))
        };
        unreadable += usize::from(values.is_err());
        nodes += values.iter().flatten().map(weight).sum::<usize>();
        parts.push(Part { text, lines_before, values });
        if is_too_much {
            break;
        }
    }
    // Nothing to tell apart, or a bound that only the whole breaks.
    let is_one = parts.len() < 2 && whole.repeated.is_none();
    if is_one || unreadable == 0 { Err(whole) } else { Ok(parts) }
}

const REST: &str = "this document and those after it are not read, there is too much before them \
                    that is wrong or too large: mend that, or split the file";

fn below(mut error: SyntaxError, lines: u64) -> SyntaxError {
    if let Some(place) = &mut error.place {
        place.line += lines;
    }
    error
}

/// Returns how many values a value is made of.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(|value| 1 + weight(value)).sum::<usize>(),
        _ => 1,
    }
}

/// Takes a text apart at the marks between documents, each with how many lines are before it.
///
/// A mark at the start of a line is one whatever is around it, also in a quoted text or a block.
///
/// Source: YAML 1.2 §9.1.2, c-forbidden
fn split(text: &str) -> Vec<(u64, &str)> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = ((0, 0), 0);
    let mut has_content = false;
    let mut cut = |start: &mut (usize, u64), end: usize, lines: u64| {
        let piece = text.get(start.0..end).unwrap_or_default();
        if !piece.trim().is_empty() {
            pieces.push((start.1, piece.strip_prefix(BYTE_ORDER_MARK).unwrap_or(piece)));
        }
        *start = (end, lines);
    };
    for (line, number) in text.split_inclusive('\n').zip(0..) {
        let end = at + line.len();
        let bare = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if is_mark(bare, "---") {
            // Comments and directives belong to the document that they are above of.
            if has_content {
                cut(&mut start, at, number);
            }
            has_content = true;
        } else if is_mark(bare, "...") {
            cut(&mut start, end, number + 1);
            has_content = false;
        } else {
            has_content |= !(bare.trim().is_empty() || bare.starts_with(['#', '%']));
        }
        at = end;
    }
    cut(&mut start, at, 0);
    pieces
}

const BYTE_ORDER_MARK: char = '\u{feff}';

fn is_mark(line: &str, mark: &str) -> bool {
    let rest = line.strip_prefix(mark);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<(u64, &str)> {
        split(text)
    }

    #[test]
    fn documents_end_at_marks_and_nowhere_else() {
        assert_eq!(pieces("a: 1\n---\nb: 2\n"), [(0, "a: 1\n"), (1, "---\nb: 2\n")]);
        assert_eq!(
            pieces("--- # one\na: 1\n--- {b: 2}\n"),
            [(0, "--- # one\na: 1\n"), (2, "--- {b: 2}\n")]
        );
        assert_eq!(
            pieces("a: |\n  ---\n  x\n----\n--- x"),
            [(0, "a: |\n  ---\n  x\n----\n"), (4, "--- x")]
        );
        assert_eq!(pieces("a: 'x\n---\nb: 2'\n"), [(0, "a: 'x\n"), (1, "---\nb: 2'\n")]);
        assert_eq!(
            pieces("a: 1\n...\n# about b\n%YAML 1.2\n---\nb: 2"),
            [(0, "a: 1\n...\n"), (2, "# about b\n%YAML 1.2\n---\nb: 2")]
        );
        assert_eq!(pieces("a: 1\r\n---\r\nb: 2\r\n"), [(0, "a: 1\r\n"), (1, "---\r\nb: 2\r\n")]);
        assert_eq!(pieces("a: 1\n\u{feff}---\nb: 2"), [(0, "a: 1\n"), (1, "---\nb: 2")]);
        assert_eq!(pieces("---\n---\n\n---\n"), [(0, "---\n"), (1, "---\n\n"), (3, "---\n")]);
        assert_eq!(pieces(" \n\n"), []);
    }
}
