//! Plain text for people: lines in columns.

use std::fmt;

/// Writes rows in columns, two spaces apart, each line behind an indent.
pub(super) fn columns(
    f: &mut fmt::Formatter<'_>,
    indent: &str,
    rows: &[Vec<String>],
) -> fmt::Result {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(index) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    for row in rows {
        let mut line = indent.to_owned();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Replaces what could confuse a terminal or a reader of lines.
pub(super) fn printable(text: &str) -> String {
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(2_048).map(visible).collect()
}
