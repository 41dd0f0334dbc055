//! Names as Kubernetes has them.

/// Most bytes of a DNS name. Source: RFC 1123 §2.1
pub(super) const MAX_NAME: usize = 253;
/// Most bytes of one part of a DNS name, of the name in a key, and of the value of a label.
pub(super) const MAX_PART: usize = 63;

/// Returns whether a text is a DNS name in lower case, of one part or several.
/// Source: RFC 1123 §2.1; Kubernetes, DNS subdomain names.
pub(super) fn is_dns_name(name: &str) -> bool {
    name.len() <= MAX_NAME && name.split('.').all(is_part)
}

/// Returns whether a text is one part of a DNS name in lower case.
/// Source: RFC 1123 §2.1; Kubernetes, DNS label names.
pub(super) fn is_dns_label(name: &str) -> bool {
    name.len() <= MAX_PART && is_part(name)
}

fn is_part(name: &str) -> bool {
    has_ends(name, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit(), b"-")
}

/// Returns whether a text is what names of labels and their values are of, with a letter or digit
/// at both ends.
fn is_word(text: &str) -> bool {
    has_ends(text, |byte| byte.is_ascii_alphanumeric(), b"-_.")
}

fn has_ends(text: &str, is_end: impl Fn(u8) -> bool, inside: &[u8]) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|byte| is_end(*byte))
        && bytes.last().is_some_and(|byte| is_end(*byte))
        && bytes.iter().all(|byte| is_end(*byte) || inside.contains(byte))
}

/// Returns whether a text can be the value of a label.
/// Source: Kubernetes, labels, syntax and character set.
pub(super) fn is_label_value(value: &str) -> bool {
    value.is_empty() || (value.len() <= MAX_PART && is_word(value))
}

/// Returns what is wrong with the key of a label, if anything is. The keys of annotations are such in
/// lower case, and finalizers are written alike.
/// Source: Kubernetes, labels, syntax and character set ("qualified name").
pub(super) fn fault_of_key(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    match prefix {
        _ if name.contains('/') => Some("has more than one /"),
        Some("") => Some("has nothing before the /"),
        Some(prefix) if !is_dns_name(prefix) => Some(
            "has a prefix that is no DNS name of lower-case letters, digits, - and . (at most 253)",
        ),
        _ if name.is_empty() => Some("has no name"),
        _ if name.len() > MAX_PART => Some("has a name of more than 63 characters"),
        _ if !is_word(name) => Some(
            "has a name that is not of letters, digits, -, _ and . with a letter or digit at both \
             ends",
        ),
        _ => None,
    }
}

/// Returns the shortest name that a prefix could become, as the API server makes one to judge it: what
/// is before a dash at the end is not looked at.
/// Source: Kubernetes apimachinery, validation of generateName.
pub(super) fn least_generated(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(start) if !start.is_empty() && start.is_ascii() => {
            let kept = start.get(..start.len() - 1).unwrap_or_default();
            format!("{kept}a")
        }
        _ => prefix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_with_an_optional_dns_name_before_them() {
        let long = "a".repeat(63);
        let prefix = [long.as_str(); 4].join(".");
        let most: String = prefix.chars().take(253).collect();
        for good in ["a", "A", "a_b.c-d", "a.b/C", "1", &long, &format!("{most}/{long}")] {
            assert_eq!(fault_of_key(good), None, "{good}");
        }
        let (too_long, too_long_prefix) = (format!("{long}a"), format!("{prefix}/a"));
        for (bad, expected) in [
            ("", "no name"),
            ("a/", "no name"),
            ("/a", "nothing before"),
            ("a/b/c", "more than one"),
            ("A/b", "prefix"),
            ("a_b/c", "prefix"),
            ("a..b/c", "prefix"),
            (&too_long_prefix, "prefix"),
            (&too_long, "more than 63"),
            ("-a", "both ends"),
            ("a.", "both ends"),
            ("a b", "letters"),
            ("ä", "letters"),
            ("a\n", "letters"),
        ] {
            assert!(fault_of_key(bad).is_some_and(|why| why.contains(expected)), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_is_judged_as_the_shortest_name_of_it() {
        for (prefix, name) in
            [("ab-", "aa"), ("A-", "a"), ("-", "-"), ("a", "a"), ("a.-", "aa"), ("ä-", "ä-")]
        {
            assert_eq!(least_generated(prefix), name);
        }
    }
}
