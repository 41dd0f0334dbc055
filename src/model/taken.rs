//! Names of fields that mean something already, in requests or in answers.

use std::fmt;

use super::HeaderName;

/// Taken says what a field means already, so that nobody may give its name another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It says where a message ends, or how it is sent.
    Framing,
    /// It is about one connection, and goes no further.
    OneHop,
    /// Weir reads, writes or takes it off.
    Own,
    /// HTTP, browsers, gRPC or programs behind give it a meaning. It reaches them all the same.
    Known,
}

impl Taken {
    /// Returns whether the field cannot mean anything else.
    pub fn is_final(self) -> bool {
        self != Self::Known
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Framing => "says how a message is sent",
            Self::OneHop => "is about one connection, and goes no further",
            Self::Own => "is read, written or taken off by Weir itself",
            Self::Known => "has a meaning of its own",
        })
    }
}

/// Source: RFC 9110 §8.6, §6.6.2, §10.1.1; RFC 9112 §6.1.
const FRAMING: [&str; 4] = ["content-length", "expect", "trailer", "transfer-encoding"];

/// Source: RFC 9110 §7.6.1, §11.7.1; RFC 9113 §8.2.2.
const ONE_HOP: [&str; 7] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "upgrade",
];

/// Of requests and of answers.
const OWN: [&str; 18] = [
    "client-cert",
    "client-cert-chain",
    "cookie",
    "date",
    "forwarded",
    "host",
    "location",
    "proxy",
    "retry-after",
    "set-cookie",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-weir-reason",
];

/// Source: IANA, HTTP field names; Fetch §2.2.2; gRPC over HTTP/2.
const KNOWN: [&str; 41] = [
    "accept",
    "age",
    "allow",
    "alt-svc",
    "alt-used",
    "authentication-info",
    "authorization",
    "cache-control",
    "cache-status",
    "clear-site-data",
    "cookie2",
    "destination",
    "dnt",
    "early-data",
    "etag",
    "expires",
    "from",
    "last-event-id",
    "last-modified",
    "link",
    "max-forwards",
    "mime-version",
    "origin",
    "pragma",
    "prefer",
    "priority",
    "range",
    "referer",
    "refresh",
    "server",
    "server-timing",
    "set-cookie2",
    "sourcemap",
    "strict-transport-security",
    "traceparent",
    "tracestate",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
];

const KNOWN_BEGINNINGS: [&str; 15] = [
    "accept-",
    "access-control-",
    "content-",
    "cross-origin-",
    "grpc-",
    "if-",
    "permissions-policy",
    "proxy-",
    "referrer-policy",
    "sec-",
    "timing-allow-origin",
    "upgrade-",
    "x-content-type-options",
    "x-forwarded-",
    "x-frame-options",
];

impl HeaderName {
    /// Returns what the field means already; nothing where the name is free. Many programs behind read
    /// an underscore or a dot as a dash, so that such a spelling has a meaning, too.
    pub fn taken(&self) -> Option<Taken> {
        let exact = |names: &[&str]| names.contains(&self.as_str());
        let spelled = self.as_str().replace(['_', '.'], "-");
        let is = |names: &[&str]| names.contains(&spelled.as_str());
        let begins = |beginnings: &[&str]| beginnings.iter().any(|one| spelled.starts_with(one));
        if exact(&FRAMING) {
            Some(Taken::Framing)
        } else if exact(&ONE_HOP) {
            Some(Taken::OneHop)
        } else if exact(&OWN) {
            Some(Taken::Own)
        } else if [&FRAMING[..], &ONE_HOP, &OWN, &KNOWN].into_iter().any(is)
            || begins(&KNOWN_BEGINNINGS)
        {
            Some(Taken::Known)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(name: &str) -> Option<Taken> {
        HeaderName::parse(name).unwrap().taken()
    }

    #[test]
    fn what_cannot_mean_anything_else_is_so_by_exactly_its_name() {
        for (name, why) in [
            ("Content-Length", Taken::Framing),
            ("Trailer", Taken::Framing),
            ("CONNECTION", Taken::OneHop),
            ("Upgrade", Taken::OneHop),
            ("TE", Taken::OneHop),
            ("Proxy-Authenticate", Taken::OneHop),
            ("Host", Taken::Own),
            ("Cookie", Taken::Own),
            ("Set-Cookie", Taken::Own),
            ("Date", Taken::Own),
            ("X-Request-Id", Taken::Own),
            ("X-Forwarded-For", Taken::Own),
            ("X-Weir-Reason", Taken::Own),
            ("Forwarded", Taken::Own),
        ] {
            assert_eq!(taken(name), Some(why), "{name}");
            assert!(why.is_final());
        }
    }

    #[test]
    fn what_others_give_a_meaning_can_have_another_in_every_spelling() {
        for name in [
            "Prefer",
            "From",
            "DNT",
            "Via",
            "Sec-Session",
            "X-Forwarded-Session",
            "x.forwarded.for",
            "Transfer_Encoding",
            "Content-Type",
            "grpc-timeout",
        ] {
            assert_eq!(taken(name), Some(Taken::Known), "{name}");
        }
        assert!(!Taken::Known.is_final());
    }

    #[test]
    fn other_names_are_free() {
        for name in [
            "X-Session",
            "session",
            "seat",
            "weir-session-0a1b2c3d",
            "X-Weir-Session",
            "x-forwarded",
            "dater",
        ] {
            assert_eq!(taken(name), None, "{name}");
        }
    }
}
