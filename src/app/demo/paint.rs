//! The table of where requests go, as lines that fit a terminal.

use super::traffic::{Cell, PoolTraffic, State, Traffic};

/// Look is what the lines must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Columns.
    pub(super) width: usize,
    /// Lines, the one that the cursor stands on included.
    pub(super) height: usize,
    /// Whether colours are wanted.
    pub(super) colour: bool,
}

/// Style is how a part of a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Bold,
    Faint,
    Good,
    Bad,
}

impl Style {
    /// Returns the numbers of the terminal's code. Source: ECMA-48 §8.3.117 (SGR).
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Bad => "31",
        }
    }
}

type Line = Vec<(String, Style)>;

/// Width of the column of names.
const NAME: usize = 15;
/// Width of a backend with all that is counted, and with its total alone.
const WIDE: usize = 16;
const NARROW: usize = 9;

/// Returns the table: as many lines as fit above the line of the cursor.
pub(super) fn lines(traffic: &Traffic, look: Look) -> Vec<String> {
    let is_wide = look.width >= NAME + WIDE * traffic.backends.len();
    let mut all = vec![head(traffic, is_wide)];
    if is_wide {
        let mut columns = vec![(format!("{:<NAME$}", "pool"), Style::Faint)];
        let of_one = |_: &String| (format!("{:>5}{:>6}{:>4} ", "/s", "total", "err"), Style::Faint);
        columns.extend(traffic.backends.iter().map(of_one));
        all.push(columns);
    }
    let foot = foot(is_wide);
    // Those around the pools, and where the cursor stands.
    let room = look.height.saturating_sub(all.len() + foot.len() + 1).max(1);
    let shown = if traffic.pools.len() > room { room - 1 } else { room };
    all.extend(traffic.pools.iter().take(shown).map(|pool| row(pool, is_wide)));
    if let Some(more) = traffic.pools.len().checked_sub(shown).filter(|more| *more > 0) {
        all.push(vec![(format!("and {more} more: make the window taller"), Style::Faint)]);
    }
    all.extend(foot);
    all.into_iter().map(|line| paint(line, look)).collect()
}

fn head(traffic: &Traffic, is_wide: bool) -> Line {
    let mut line = vec![(" ".repeat(NAME), Style::Plain)];
    let width = if is_wide { WIDE - 1 } else { NARROW - 1 };
    line.extend(traffic.backends.iter().map(|name| (format!("{name:>width$} "), Style::Bold)));
    line
}

fn foot(is_wide: bool) -> Vec<Line> {
    let marks = "+ healthy  ! unhealthy  x ejected  ? unchecked";
    let end = "Ctrl-C ends the demo.";
    let text = if is_wide { marks.to_owned() } else { format!("requests; {marks}") };
    [text, end.to_owned()].into_iter().map(|text| vec![(text, Style::Faint)]).collect()
}

fn row(pool: &PoolTraffic, is_wide: bool) -> Line {
    let mut line = vec![(format!("{:<NAME$}", pool.name), Style::Plain)];
    for cell in &pool.cells {
        let Some(cell) = cell else {
            let width = if is_wide { WIDE - 1 } else { NARROW - 1 };
            line.push((format!("{:>width$} ", "."), Style::Faint));
            continue;
        };
        let Cell { rate, total, errors, state } = *cell;
        let total_style = if rate > 0 { Style::Good } else { Style::Plain };
        if is_wide {
            line.push((format!("{:>5}{:>6}", count(rate, 4), count(total, 5)), total_style));
            let errors_style = if errors > 0 { Style::Bad } else { Style::Plain };
            line.push((format!("{:>4}", count(errors, 3)), errors_style));
        } else {
            line.push((format!("{:>8}", count(total, 7)), total_style));
        }
        line.push(match state {
            State::Unchecked => ("?".to_owned(), Style::Faint),
            State::Healthy => ("+".to_owned(), Style::Good),
            State::Unhealthy => ("!".to_owned(), Style::Bad),
            State::Ejected => ("x".to_owned(), Style::Bad),
        });
    }
    line
}

/// Returns a count in that many characters, in thousands or more where it has more digits.
fn count(mut n: u64, most: usize) -> String {
    let mut units = ["", "k", "M", "G", "T"].into_iter();
    loop {
        let text = format!("{n}{}", units.next().unwrap_or("P"));
        if text.len() <= most || n < 1000 {
            return text;
        }
        n /= 1000;
    }
}

/// Cuts a line to the width, and colours it where that is wanted.
fn paint(line: Line, look: Look) -> String {
    let mut left = look.width;
    let mut text = String::new();
    for (part, style) in line {
        let part: String = part.chars().take(left).collect();
        left -= part.chars().count();
        match style.code() {
            "" => text.push_str(&part),
            code if look.colour && !part.is_empty() => {
                text.push_str(&format!("\u{1b}[{code}m{part}\u{1b}[0m"));
            }
            _ => text.push_str(&part),
        }
    }
    text
}
