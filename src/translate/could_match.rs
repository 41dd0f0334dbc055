//! What a condition that is wrong could have matched.
//!
//! A route with anything wrong in it is held: its requests are refused, and do not go to another
//! route, perhaps past what this one's pool says of who may ask. Where a condition itself cannot be
//! read, the held route has the narrowest one in its place that takes everything that it could
//! have meant.

use crate::model::{PathPattern, Pattern, ValuePattern};

/// Returns the condition on a path for an expression that does not compile: everything that begins
/// as the expression does, as far as that is plain text. Where nothing is plain, it is everything
/// that no other route of the host takes.
pub(super) fn path(expression: &str) -> PathPattern {
    let anything = || PathPattern::Prefix("/".into());
    let Some(text) = plain_beginning(expression).filter(|text| text.len() > 1) else {
        return anything();
    };
    let begins = format!("{}(?s:.*)", regex::escape(text));
    Pattern::parse(&begins).map_or_else(|_| anything(), PathPattern::Regex)
}

/// Returns the condition on a value for an expression that does not compile: any value.
pub(super) fn value() -> Option<ValuePattern> {
    Pattern::parse("(?s:.*)").ok().map(ValuePattern::Regex)
}

/// Returns the plain text that everything that an expression matches begins with, as far as that is
/// certain.
fn plain_beginning(expression: &str) -> Option<&str> {
    if expression.contains('|') {
        return None;
    }
    let expression = expression.strip_prefix('^').unwrap_or(expression);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_~%".contains(c);
    let end = expression.find(|c| !is_plain(c)).unwrap_or(expression.len());
    let (text, rest) = expression.split_at_checked(end)?;
    let is_optional = rest.starts_with(['?', '*', '{']);
    let text = if is_optional { text.get(..text.len().checked_sub(1)?)? } else { text };
    text.starts_with('/').then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_expression_could_match_begins_as_it_does() {
        for (expression, text) in [
            ("/admin/(", Some("/admin/")),
            ("^/a-b_c(d", Some("/a-b_c")),
            ("/admins?(", Some("/admin")),
            ("/ab{2,1}", Some("/a")),
            ("/a.b(", Some("/a")),
            ("/a(|/b", None),
            ("(?i)/a(", None),
            ("a/b(", None),
            ("?", None),
            ("", None),
        ] {
            assert_eq!(plain_beginning(expression), text, "{expression}");
        }
    }

    #[test]
    fn without_a_beginning_it_comes_last_on_its_host() {
        assert_eq!(path("/(a"), PathPattern::Prefix("/".into()));
        assert_eq!(path(".*("), PathPattern::Prefix("/".into()));
        let PathPattern::Regex(admin) = path("/admin(") else { panic!("no expression") };
        assert!(admin.matches(b"/admin") && admin.matches(b"/administrator/x\n"));
        assert!(!admin.matches(b"/adm"));
        let Some(ValuePattern::Regex(any)) = value() else { panic!("no expression") };
        assert!(any.matches(b"") && any.matches(b"\xff\n"));
    }
}
