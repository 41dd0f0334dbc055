//! Lines that are drawn again in their place.

use std::io::{self, IsTerminal as _, Write};

use super::paint::Look;

/// Screen draws lines over those that it drew before. The cursor is hidden meanwhile and comes
/// back when the screen is dropped. Source: ECMA-48 §8.3.35 (CPL), §8.3.39 (ED), §8.3.41 (EL).
pub(super) struct Screen<W: Write> {
    out: W,
    drawn: usize,
    look: Option<Look>,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, drawn: 0, look: None }
    }

    /// Draws lines that fit `look`. In a window of another size the old ones may stand elsewhere,
    /// so that the new ones go below them.
    pub(super) fn draw(&mut self, lines: &[String], look: Look) -> io::Result<()> {
        let mut text = String::from("\u{1b}[?25l");
        if self.look.is_some_and(|before| before == look) && self.drawn > 0 {
            text.push_str(&format!("\u{1b}[{}F", self.drawn));
        }
        for line in lines {
            text.push_str(line);
            text.push_str("\u{1b}[K\n");
        }
        text.push_str("\u{1b}[J");
        (self.drawn, self.look) = (lines.len(), Some(look));
        // One write, so that no half table is seen.
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        // A terminal that is gone needs no cursor.
        let _ = self.out.write_all(b"\x1b[?25h").and_then(|()| self.out.flush());
    }
}

/// Returns how the terminal is now; nothing where standard output is none that can be redrawn.
pub(super) fn look() -> Option<Look> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    if !io::stdout().is_terminal() || matches!(variable("TERM").as_str(), "" | "dumb") {
        return None;
    }
    let (width, height) =
        terminal_size::terminal_size().map_or((80, 24), |(width, height)| (width.0, height.0));
    Some(Look {
        width: width.into(),
        height: height.into(),
        // Source: https://no-color.org
        colour: variable("NO_COLOR").is_empty(),
    })
}
