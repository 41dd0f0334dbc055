//! Hosts of requests, as they are compared.

use std::borrow::Cow;

/// Returns a request's host as it is compared with configured hostnames: without port, without one
/// trailing dot, in lower case. Borrowed unless it holds upper case.
///
/// IPv6 literals keep their brackets. Source: RFC 3986 §3.2.2; RFC 9110 §7.2.
pub fn canonical_host(host: &str) -> Cow<'_, str> {
    let name = without_port(host);
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

fn without_port(host: &str) -> &str {
    if host.starts_with('[') {
        let end = host.find(']').map_or(host.len(), |end| end + 1);
        return host.get(..end).unwrap_or(host);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

/// Returns the suffix that a wildcard for exactly one label could have: `.b.c` of `a.b.c`.
pub(super) fn one_label_suffix(host: &str) -> Option<&str> {
    host.find('.').filter(|at| *at > 0).and_then(|at| host.get(at..))
}

/// Yields the suffixes of a host that a wildcard could have, longest first: `.b.c` and `.c` of
/// `a.b.c`.
pub(super) fn wildcard_suffixes(host: &str) -> impl Iterator<Item = &str> {
    // A wildcard stands for at least one label: an empty one is none.
    host.match_indices('.').filter(|(at, _)| *at > 0).filter_map(|(at, _)| host.get(at..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_case_and_one_dot_do_not_matter() {
        for (host, expected) in [
            ("shop.example.com", "shop.example.com"),
            ("Shop.EXAMPLE.com.:8080", "shop.example.com"),
            ("a..", "a."),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[2001:DB8::1]:443", "[2001:db8::1]"),
            ("[::1]", "[::1]"),
            ("[::1", "[::1"),
            ("", ""),
            (":80", ""),
        ] {
            assert_eq!(canonical_host(host), expected, "{host}");
        }
        assert!(matches!(canonical_host("a.b:1"), Cow::Borrowed("a.b")));
    }

    #[test]
    fn suffixes_come_longest_first() {
        assert_eq!(wildcard_suffixes("a.b.c").collect::<Vec<_>>(), [".b.c", ".c"]);
        assert_eq!(wildcard_suffixes(".b.c").collect::<Vec<_>>(), [".c"]);
        assert_eq!(wildcard_suffixes("localhost").count(), 0);
    }

    #[test]
    fn one_label_is_neither_none_nor_two() {
        assert_eq!(one_label_suffix("a.b.c"), Some(".b.c"));
        assert_eq!(one_label_suffix(".b.c"), None);
        assert_eq!(one_label_suffix("localhost"), None);
    }
}
