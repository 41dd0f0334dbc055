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
    /// Weir writes it.
    Own,
    /// HTTP, browsers or gRPC give it a meaning.
    Known,
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Framing => "says how a message is sent",
            Self::OneHop => "is about one connection, and goes no further",
            Self::Own => "is written by Weir itself",
            Self::Known => "has a meaning of its own",
        })
    }
}

/// Source: RFC 9110 §8.6, §6.6.2, §10.1.1; RFC 9112 §6.1.
const FRAMING: [&str; 4] = ["content-length", "expect", "trailer", "transfer-encoding"];

/// Source: RFC 9110 §7.6.1; RFC 9113 §8.2.2.
const ONE_HOP: [&str; 6] =
    ["connection", "http2-settings", "keep-alive", "proxy-connection", "te", "upgrade"];

/// Of requests and of answers; those of [`OWN_BEGINNINGS`] besides.
const OWN: [&str; 9] = [
    "client-cert",
    "client-cert-chain",
    "date",
    "forwarded",
    "location",
    "retry-after",
    "via",
    "x-real-ip",
    "x-request-id",
];

const OWN_BEGINNINGS: [&str; 2] = ["x-forwarded-", "x-weir-"];

/// Source: IANA, HTTP field names; Fetch §2.2.2; gRPC over HTTP/2.
const KNOWN: [&str; 44] = [
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
    "cookie",
    "cookie2",
    "destination",
    "dnt",
    "early-data",
    "etag",
    "expires",
    "from",
    "host",
    "last-event-id",
    "last-modified",
    "link",
    "max-forwards",
    "mime-version",
    "origin",
    "pragma",
    "prefer",
    "priority",
    "proxy",
    "range",
    "referer",
    "refresh",
    "server",
    "server-timing",
    "set-cookie",
    "set-cookie2",
    "sourcemap",
    "strict-transport-security",
    "traceparent",
    "tracestate",
    "user-agent",
    "vary",
    "warning",
    "www-authenticate",
];

const KNOWN_BEGINNINGS: [&str; 14] = [
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
    "x-frame-options",
];

impl HeaderName {
    /// Returns what the field means already; nothing where the name is free. An underscore or a dot
    /// counts as a dash: many programs behind read it so.
    pub fn taken(&self) -> Option<Taken> {
        let name = self.as_str().replace(['_', '.'], "-");
        let is = |names: &[&str]| names.contains(&name.as_str());
        let begins = |beginnings: &[&str]| beginnings.iter().any(|one| name.starts_with(one));
        if is(&FRAMING) {
            Some(Taken::Framing)
        } else if is(&ONE_HOP) {
            Some(Taken::OneHop)
        } else if is(&OWN) || begins(&OWN_BEGINNINGS) {
            Some(Taken::Own)
        } else if is(&KNOWN) || begins(&KNOWN_BEGINNINGS) {
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
    fn a_name_is_taken_in_every_spelling() {
        for (name, why) in [
            ("Content-Length", Taken::Framing),
            ("Transfer_Encoding", Taken::Framing),
            ("Trailer", Taken::Framing),
            ("CONNECTION", Taken::OneHop),
            ("Upgrade", Taken::OneHop),
            ("TE", Taken::OneHop),
            ("Date", Taken::Own),
            ("X-Request-Id", Taken::Own),
            ("x.forwarded.for", Taken::Own),
            ("X-Forwarded-Whatever", Taken::Own),
            ("X-Weir-Reason", Taken::Own),
            ("Forwarded", Taken::Own),
            ("Host", Taken::Known),
            ("Cookie", Taken::Known),
            ("Set-Cookie", Taken::Known),
            ("Content-Type", Taken::Known),
            ("Sec-Fetch-Site", Taken::Known),
            ("grpc-timeout", Taken::Known),
        ] {
            assert_eq!(taken(name), Some(why), "{name}");
        }
        for name in
            ["X-Session", "session", "seat", "weir-session-0a1b2c3d", "x-forwarded", "dater"]
        {
            assert_eq!(taken(name), None, "{name}");
        }
    }
}
