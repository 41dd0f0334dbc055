//! What a pattern of the CRD wants, in words, and what a text that does not fit was meant to be.

use std::net::IpAddr;

use super::metadata::TIME;

/// Wording says in words what a pattern wants.
#[derive(Debug)]
pub(super) struct Wording {
    pattern: &'static str,
    /// What would be right, as in "must be …".
    pub(super) right: &'static str,
    /// Returns what to write instead of a text, where that can be told.
    meant: fn(&str) -> Option<String>,
}

const WORDINGS: &[Wording] = &[
    Wording {
        pattern: r"^([0-9]{1,5}(h|m|s|ms)){1,4}$",
        right: "a duration of numbers with h, m, s or ms, as in 5s, 1m30s or 250ms",
        meant: duration,
    },
    Wording {
        pattern: r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        right: "a hostname in lower case without scheme, port or path, as in shop.example.com, or \
                *.example.com for all hosts below it",
        meant: hostname,
    },
    Wording {
        pattern: r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        right: "a hostname in lower case without a star, scheme, port or path, as in \
                shop.example.com",
        meant: hostname,
    },
    Wording {
        pattern: r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        right: "a name of lower-case letters, digits and -, with a letter or digit at both ends, \
                as in shop-v1",
        meant: name,
    },
    Wording {
        pattern: r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        right: "a name of lower-case letters, digits, - and ., with a letter or digit at both \
                ends, as in shop.example.com-tls",
        meant: name,
    },
    Wording {
        pattern: r"^[A-Za-z0-9!#$%&'*+\-.^_|~]+$",
        right: "a name of letters, digits and !#$%&'*+-.^_|~ without blanks or colons, as in x-user",
        meant: nothing,
    },
    Wording {
        pattern: r"^[A-Z][A-Z-]*$",
        right: "a method in upper case, as in GET",
        meant: upper,
    },
    Wording { pattern: r"^(GET|HEAD)$", right: "GET or HEAD", meant: upper },
    Wording {
        pattern: r"^/[!-~]*$",
        right: "a path that begins with / and is of ASCII without blanks, as in /healthz; write \
                other characters as percent and two hexadecimal digits, as in /a%20b",
        meant: path,
    },
    Wording {
        pattern: r"^[A-Za-z0-9.:\[\]-]+$",
        right: "a host, with a port if need be, as in shop.example.com or shop.example.com:8080",
        meant: nothing,
    },
    Wording {
        pattern: r"^[a-zA-Z][-a-zA-Z0-9+.]*:[!-~]+$",
        right: "a URI, as in spiffe://example.com/shop",
        meant: nothing,
    },
    Wording {
        pattern: r"^[0-9a-fA-F:.]+/[0-9]{1,3}$",
        right: "a network, as in 192.0.2.0/24 or 2001:db8::/32",
        meant: network,
    },
    Wording {
        pattern: r"^[0-9a-fA-F:.]+$",
        right: "an IPv4 or IPv6 address, as in 192.0.2.10; for a name use a Service of type \
                ExternalName",
        meant: nothing,
    },
    Wording { pattern: TIME, right: "a time as in 2026-01-31T12:00:00Z", meant: nothing },
];

impl Wording {
    /// Returns the words for a pattern.
    pub(super) fn of(pattern: &str) -> Option<&'static Self> {
        WORDINGS.iter().find(|wording| wording.pattern == pattern)
    }

    /// Returns what to write instead of a text, if that can be told, as the end of a message.
    pub(super) fn hint(&self, text: &str) -> String {
        let meant = Some(text).filter(|text| text.len() <= 253).and_then(self.meant);
        meant.map_or_else(String::new, |meant| format!(": write {meant}"))
    }
}

fn nothing(_: &str) -> Option<String> {
    None
}

fn upper(text: &str) -> Option<String> {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_word.then(|| text.to_ascii_uppercase())
}

fn path(text: &str) -> Option<String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
    is_plain.then(|| format!("/{text}"))
}

/// Takes a host out of a URL or an authority, in lower case.
fn hostname(text: &str) -> Option<String> {
    let host = text.trim().split_once("://").map_or_else(|| text.trim(), |(_, rest)| rest);
    let host = host.split(['/', ':', '?']).next()?.trim_end_matches('.').to_ascii_lowercase();
    let host = host.replace('_', "-");
    let (labels, is_below) = match host.strip_prefix("*.").or_else(|| host.strip_prefix('.')) {
        Some(labels) => (labels, true),
        None => (host.as_str(), false),
    };
    let is_host = labels.len() <= 253 && labels.split('.').all(is_label);
    is_host.then(|| if is_below { format!("*.{labels}") } else { labels.to_owned() })
}

/// Returns a name of one part that a text was meant to be.
pub(super) fn name(text: &str) -> Option<String> {
    let name = text.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    is_label(&name).then_some(name)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn network(text: &str) -> Option<String> {
    let length = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
    let address: IpAddr = text.trim().parse().ok()?;
    Some(format!("{address}/{} for this one address", length(address)))
}

/// Writes a time with the right unit: one without a unit is taken for seconds.
fn duration(text: &str) -> Option<String> {
    let text = text.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text.get(number.len()..)?.trim().to_ascii_lowercase();
    let unit = match unit.as_str() {
        "ms" | "msec" | "millis" | "milliseconds" => 1.0,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1_000.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
        "h" | "hr" | "hour" | "hours" => 3_600_000.0,
        "d" | "day" | "days" => 86_400_000.0,
        _ => return None,
    };
    let millis = number.parse::<f64>().ok()? * unit;
    if !(0.0..1e12).contains(&millis) || millis.fract() != 0.0 {
        return None;
    }
    let millis = millis as u64;
    let [hours, minutes, seconds] = [3_600_000, 60_000, 1_000].map(|unit| (millis / unit, unit));
    let units = [(hours, "h"), (minutes, "m"), (seconds, "s"), ((millis, 1), "ms")];
    let whole =
        units.into_iter().find(|((count, unit), _)| *count > 0 && millis.is_multiple_of(*unit));
    match whole {
        Some(((count, _), unit)) if count < 100_000 => Some(format!("{count}{unit}")),
        Some(_) => None,
        None => Some("0s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::backend_pool_crd;

    #[test]
    fn every_pattern_of_the_crd_has_words() {
        fn patterns(node: &serde_json::Value, found: &mut Vec<String>) {
            found.extend(node.get("pattern").and_then(|one| one.as_str()).map(str::to_owned));
            let children = node.as_object().into_iter().flat_map(|o| o.values());
            children.chain(node.as_array().into_iter().flatten()).for_each(|n| patterns(n, found));
        }
        let mut found = Vec::new();
        let crd = serde_json::to_value(backend_pool_crd()).unwrap();
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
        patterns(crd.pointer(spec).unwrap(), &mut found);
        assert!(found.len() > 20, "{found:?}");
        for pattern in found {
            assert!(Wording::of(&pattern).is_some(), "no words for {pattern}");
        }
    }

    #[test]
    fn what_is_suggested_fits() {
        for (pattern, text, meant) in [
            (0, "5", "5s"),
            (0, "5 s", "5s"),
            (0, "1.5s", "1500ms"),
            (0, "1d", "24h"),
            (0, "90sec", "90s"),
            (0, "120s ", "2m"),
            (0, "0", "0s"),
            (1, "Shop.Example.com.", "shop.example.com"),
            (1, "https://shop.example.com:8443/cart", "shop.example.com"),
            (1, ".example.com", "*.example.com"),
            (1, "*.Example.com", "*.example.com"),
            (1, "my_shop.example.com", "my-shop.example.com"),
            (3, "Shop_V1", "shop-v1"),
            (6, "get", "GET"),
            (8, "healthz", "/healthz"),
        ] {
            let wording = &WORDINGS[pattern];
            assert_eq!(wording.hint(text), format!(": write {meant}"), "{text}");
            assert!(regex::Regex::new(wording.pattern).unwrap().is_match(meant), "{meant}");
        }
        assert_eq!(WORDINGS[11].hint("192.0.2.1"), ": write 192.0.2.1/32 for this one address");
        for (pattern, text) in
            [(0, "-1s"), (0, "soon"), (0, ""), (0, "NaN"), (1, "a.*.b"), (1, "a b"), (8, "a b")]
        {
            assert_eq!(WORDINGS[pattern].hint(text), "", "{text}");
        }
    }
}
