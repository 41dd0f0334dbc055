//! What a condition that is wrong could have matched.
//!
//! A route with anything wrong in it is held: its requests are refused, and do not go to another
//! route, perhaps past what this one's pool says of who may ask. Where an expression does not
//! compile, the held route has one in its place that takes everything that it could have meant, as
//! far as that can be told from how it begins. It stands where the declared one would.

use crate::model::{PathPattern, Pattern, ValuePattern};

/// Most bytes of a beginning that are looked at: what begins with more of it begins with these too.
const MOST: usize = 128;

/// Returns the condition on a path; nothing where it could be any path.
pub(super) fn path(expression: &str) -> Option<PathPattern> {
    let is_said = |begins: &str| match begins {
        "" | "/" => None,
        // Every path begins with a slash: what does not takes none.
        other => Some(other.starts_with('/')),
    };
    in_place_of(expression, is_said, |piece| piece.starts_with('/')).map(PathPattern::Regex)
}

/// Returns the condition on a value; nothing where it could be any value.
pub(super) fn value(expression: &str) -> Option<ValuePattern> {
    let is_said = |begins: &str| (!begins.is_empty()).then_some(true);
    in_place_of(expression, is_said, |_| false).map(ValuePattern::Regex)
}

/// Returns the condition on a value that could be any.
pub(super) fn any_value(expression: &str) -> Option<ValuePattern> {
    Pattern::in_place_of(expression, "(?s:.*)").ok().map(ValuePattern::Regex)
}

/// Returns what begins as one of the alternatives does; nothing where one of them could be anything.
/// `is_said` says of a beginning whether it takes anything, or nothing where it takes all;
/// `is_another` whether what stands behind a `|` inside a group is taken for an alternative too: the
/// mistake may be the group.
fn in_place_of(
    expression: &str,
    is_said: impl Fn(&str) -> Option<bool>,
    is_another: impl Fn(&str) -> bool,
) -> Option<Pattern> {
    let mut begins = Vec::new();
    let mut is_any_case = false;
    for Alternative { text, is_outer } in alternatives(expression) {
        let (body, folds) = opened(text);
        is_any_case |= folds;
        let plain = plain_beginning(body);
        if (is_outer || is_another(&plain)) && is_said(&plain)? {
            begins.push(regex::escape(&plain));
        }
    }
    let case = if is_any_case { "(?i)" } else { "" };
    let all = begins.join("|");
    (!all.is_empty()).then_some(())?;
    Pattern::in_place_of(expression, &format!("{case}(?:{all})(?s:.*)")).ok()
}

/// Alternative is what stands between two `|`.
struct Alternative<'a> {
    text: &'a str,
    /// Whether it is one of the whole expression, and not of a group behind the beginning of one.
    is_outer: bool,
}

/// Splits an expression at every `|` that is not escaped and stands in no class.
fn alternatives(expression: &str) -> Vec<Alternative<'_>> {
    let (mut depth, mut is_class) = (0_i32, false);
    let mut outermost = expression.len() - opened(expression).0.len();
    let (mut found, mut start, mut is_outer) = (Vec::new(), 0, true);
    let mut characters = expression.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            ']' => is_class = false,
            '[' => is_class = true,
            _ if is_class => {}
            // What opens before the first plain character opens around all of it.
            '(' if at < outermost => {}
            '(' => depth += 1,
            ')' => depth -= 1,
            '|' => {
                found.push(Alternative {
                    text: expression.get(start..at).unwrap_or_default(),
                    is_outer,
                });
                start = at + 1;
                is_outer = depth <= 0;
                outermost = outermost.max(start);
            }
            _ => {}
        }
    }
    found.push(Alternative { text: expression.get(start..).unwrap_or_default(), is_outer });
    found
}

/// Takes off what opens an expression and says nothing of how it begins; says whether case does not
/// matter in it.
fn opened(expression: &str) -> (&str, bool) {
    let (mut rest, mut folds) = (expression, false);
    loop {
        let group = || rest.strip_prefix('(').filter(|inside| !inside.starts_with('?'));
        let plain = rest.strip_prefix('^').or_else(|| rest.strip_prefix(r"\A"));
        let flagged = rest.strip_prefix("(?i)");
        folds |= flagged.is_some();
        let inside = plain.or(flagged).or_else(|| rest.strip_prefix("(?:")).or_else(group);
        match inside {
            Some(inside) => rest = inside,
            None => return (rest, folds),
        }
    }
}

/// Returns the plain text that everything that an alternative matches begins with, as far as that is
/// certain.
fn plain_beginning(alternative: &str) -> String {
    let mut plain = String::new();
    let mut characters = alternative.chars();
    while let Some(character) = characters.next().filter(|_| plain.len() < MOST) {
        match character {
            '\\' => match characters.next() {
                Some(literal) if literal.is_ascii_punctuation() => plain.push(literal),
                _ => break,
            },
            // It may be absent.
            '?' | '*' | '{' => {
                plain.pop();
                break;
            }
            '.' | '+' | '(' | ')' | '[' | ']' | '}' | '^' | '$' => break,
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(expression: &str, path: &str) -> Option<bool> {
        match super::path(expression) {
            Some(PathPattern::Regex(pattern)) => {
                assert_eq!(pattern.as_str(), expression, "it stands where the declared one would");
                Some(pattern.matches(path.as_bytes()))
            }
            _ => None,
        }
    }

    #[test]
    fn what_an_expression_could_match_begins_as_one_of_its_alternatives() {
        for (expression, taken, free) in [
            ("/admin/(", &["/admin/", "/admin/x\ny"][..], &["/admin", "/"][..]),
            ("^/a-b_c(d", &["/a-b_c", "/a-b_cd"], &["/a-b"]),
            ("/admins?(", &["/admin", "/administrator"], &["/adm"]),
            ("/ab{2,1}", &["/a", "/ab"], &["/"]),
            ("/a.b(", &["/a", "/axb"], &["/b"]),
            // The group is not closed, or was not meant to be one.
            ("/admin/(users|keys", &["/admin/users", "/admin/keys"], &["/keys", "/admin"]),
            ("/a(|/b", &["/a", "/b", "/bc"], &["/c"]),
            ("(/admin|/keys", &["/admin/x", "/keys"], &["/a"]),
            ("(?:/admin|/keys(", &["/admin/x", "/keys"], &["/a"]),
            ("/one|/two(", &["/one", "/two/x"], &["/three"]),
            ("/one(a)|x|/two(", &["/one", "/two/x"], &["/x"]),
            (r"\/internal\/(.*", &["/internal/x"], &["/internal"]),
            (r"/v1\.2/(", &["/v1.2/"], &["/v1x2/"]),
            ("(?i)/admin(", &["/admin", "/ADMIN/x"], &["/adm"]),
            ("/a[|(", &["/a|", "/a"], &["/b"]),
            ("/admin(|.*", &["/admin", "/admin/x"], &["/b"]),
        ] {
            for path in taken {
                assert_eq!(takes(expression, path), Some(true), "{expression} {path}");
            }
            for path in free {
                assert_eq!(takes(expression, path), Some(false), "{expression} {path}");
            }
        }
    }

    #[test]
    fn without_a_beginning_it_could_be_any() {
        for expression in ["/(a", ".*(", "/.*(|/b", "?", "(", "", r"\d("] {
            assert_eq!(path(expression), None, "{expression}");
        }
        assert_eq!(value(".*(bot"), None);
        assert_eq!(value("gold|("), None);
        let Some(ValuePattern::Regex(gold)) = value("gold(|en") else { panic!("no expression") };
        assert!(gold.matches(b"gold") && gold.matches(b"golden\xff\n") && !gold.matches(b"silver"));
        let Some(ValuePattern::Regex(any)) = any_value("(") else { panic!("no expression") };
        assert!(any.matches(b"") && any.matches(b"\xff\n"));
    }

    #[test]
    fn a_long_beginning_still_takes_all() {
        let long = format!("/{}(", "a-".repeat(500));
        let path = format!("/{}", "a-".repeat(500));
        assert_eq!(takes(&long, &path), Some(true));
    }
}
