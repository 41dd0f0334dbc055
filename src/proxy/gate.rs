//! What a request must be before it is routed: one host, one framing, one path.
//!
//! hyper parses; these are the duties of a proxy that it leaves open.
//! Source: RFC 9110 §7; RFC 9112 §3.2, §6.

use std::borrow::Cow;

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Method, Uri, Version, request};

use super::options::ClientLimits;
use super::websocket;
use crate::metrics::Reason;
use crate::model::path;
use crate::upstream::http1::{Framing, parse_decimal};

/// Admitted is what is certain of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Admitted<'a> {
    /// Host and port, as the endpoint gets them; empty in HTTP/1.0.
    pub(super) host: &'a str,
    /// Path in its normal form.
    pub(super) path: Cow<'a, str>,
    /// Query without the question mark.
    pub(super) query: Option<&'a str>,
    /// Whether the client wants a WebSocket.
    pub(super) is_upgrade: bool,
    /// Whether the client waits for `100 Continue`.
    pub(super) expects_continue: bool,
}

/// Checks a request.
///
/// # Errors
/// Where it could mean two things, or asks for what a proxy must not do.
pub(super) fn check<'a>(
    parts: &'a request::Parts,
    has_body: bool,
    limits: &ClientLimits,
) -> Result<Admitted<'a>, Reason> {
    if parts.method == Method::CONNECT {
        return Err(Reason::NotImplemented);
    }
    if parts.headers.len() > limits.max_fields {
        return Err(Reason::HeadTooLarge);
    }
    // A target is a path or a whole URL of HTTP; an authority alone is for CONNECT.
    // Source: RFC 9112 §3.2; RFC 9110 §4.2.
    let scheme = parts.uri.scheme_str();
    if scheme.is_none() && parts.uri.authority().is_some()
        || scheme.is_some_and(|scheme| !matches!(scheme, "http" | "https"))
    {
        return Err(Reason::BadRequest);
    }
    let host = host(&parts.uri, &parts.headers, parts.version)?;
    // Our own codec has looked already; hyper is lenient in places.
    framing(&parts.headers, parts.version)?;
    let raw = parts.uri.path();
    if raw.len() + parts.uri.query().map_or(0, str::len) > limits.max_target_bytes {
        return Err(Reason::UriTooLong);
    }
    let path = path::normalise(raw).map_err(|_| Reason::BadPath)?;
    // A query goes on as it is: nothing may stand in it that endpoints read in different ways.
    if parts.uri.query().is_some_and(|query| !query.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(Reason::BadPath);
    }
    let is_upgrade = is_upgrade(parts);
    if is_upgrade && has_body {
        return Err(Reason::BadRequest);
    }
    let mut expected = parts.headers.get_all(EXPECT).iter();
    let expects_continue = match (expected.next(), expected.next()) {
        (None, _) => false,
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            has_body && parts.version >= Version::HTTP_11
        }
        _ => return Err(Reason::ExpectationFailed),
    };
    Ok(Admitted { host, path, query: parts.uri.query(), is_upgrade, expects_continue })
}

/// The authority of the target wins over the Host header in HTTP/1.1, and has to equal it in
/// HTTP/2. Source: RFC 9112 §3.2.2; RFC 9113 §8.3.1.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap, version: Version) -> Result<&'a str, Reason> {
    let mut values = headers.get_all(HOST).iter();
    let header = values.next();
    if values.next().is_some() {
        return Err(Reason::BadHost);
    }
    let header = header
        .map(|value| std::str::from_utf8(value.as_bytes()).map_err(|_| Reason::BadHost))
        .transpose()?;
    if header.is_some_and(|host| !is_host(host)) {
        return Err(Reason::BadHost);
    }
    let Some(authority) = uri.authority().map(http::uri::Authority::as_str) else {
        return match header {
            Some(host) => Ok(host),
            None if version < Version::HTTP_11 => Ok(""),
            None => Err(Reason::BadHost),
        };
    };
    if !is_host(authority) {
        return Err(Reason::BadHost);
    }
    match (version, header) {
        (Version::HTTP_2, Some(host)) if !host.eq_ignore_ascii_case(authority) => {
            Err(Reason::BadHost)
        }
        // A request without the Host header is wrong even when its target names one.
        (Version::HTTP_11, None) => Err(Reason::BadHost),
        _ => Ok(authority),
    }
}

/// Returns whether a text is a host with an optional port: a name, an address, or an address in
/// brackets. No user, no escapes.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", port),
            _ => return false,
        },
        None => match text.find(':') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        },
    };
    // No digits are the default port. Source: RFC 3986 §3.2.3.
    let port_ok = matches!(port, "" | ":")
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|b| b.is_ascii_digit())
                && digits.len() <= 5
                && digits.parse::<u16>().is_ok()
        });
    // A dot may stand behind a name, but no label is empty. Source: RFC 1035 §2.3.
    let mut last = b'.';
    let name_ok = name.bytes().all(|byte| {
        let before = std::mem::replace(&mut last, byte);
        match byte {
            b'.' => before != b'.',
            _ => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        }
    });
    name_ok && !name.is_empty() && name.len() <= 255 && port_ok
}

/// Returns how the body is framed; what is ambiguous does not go on. Source: RFC 9112 §6.
///
/// # Errors
/// Where there are two framings, or one that is not known.
pub(super) fn framing(headers: &HeaderMap, version: Version) -> Result<Framing, Reason> {
    if version == Version::HTTP_2 {
        return Ok(Framing::Empty);
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next();
    if lengths.next().is_some() {
        return Err(Reason::BadRequest);
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        let Some(length) = length else { return Ok(Framing::Empty) };
        return match parse_decimal(length.as_bytes()) {
            None => Err(Reason::BadRequest),
            Some(0) => Ok(Framing::Empty),
            Some(length) => Ok(Framing::Length(length)),
        };
    };
    if length.is_some() || version != Version::HTTP_11 {
        return Err(Reason::BadRequest);
    }
    if codings.next().is_none() && coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Ok(Framing::Chunked);
    }
    // Without `chunked` at the end nobody knows where the body ends. Source: RFC 9112 §6.3.
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back().unwrap_or(coding).as_bytes();
    let last = last.rsplit(|&byte| byte == b',').next().unwrap_or_default().trim_ascii();
    let is_known = last.eq_ignore_ascii_case(b"chunked");
    Err(if is_known { Reason::NotImplemented } else { Reason::BadRequest })
}

/// Only WebSocket goes through; other protocols are not offered on, and HTTP stays.
fn is_upgrade(parts: &request::Parts) -> bool {
    if parts.version == Version::HTTP_2 {
        return websocket::is_asked(parts);
    }
    parts.version == Version::HTTP_11
        && parts.headers.contains_key(UPGRADE)
        && has_option(&parts.headers, b"upgrade")
        && parts
            .headers
            .get_all(UPGRADE)
            .iter()
            .any(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn has_option(headers: &HeaderMap, option: &[u8]) -> bool {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .any(|listed| listed.trim_ascii().eq_ignore_ascii_case(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Result<(String, String), Reason> {
        let mut lines = text.split('\n');
        let mut words = lines.next().unwrap().split(' ');
        let mut request = http::Request::builder()
            .method(words.next().unwrap())
            .uri(words.next().unwrap())
            .version(match words.next() {
                Some("1.0") => Version::HTTP_10,
                Some("2") => Version::HTTP_2,
                _ => Version::HTTP_11,
            });
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let has_body = parts.headers.contains_key(CONTENT_LENGTH);
        let limits = ClientLimits { max_target_bytes: 100, ..ClientLimits::default() };
        let admitted = check(&parts, has_body, &limits)?;
        Ok((admitted.host.to_owned(), admitted.path.into_owned()))
    }

    #[test]
    fn lets_pass_what_has_one_meaning() {
        for (request, host, path) in [
            ("GET /a\nHost: shop.example", "shop.example", "/a"),
            ("GET /a/../b//c\nHost: Shop.example:80", "Shop.example:80", "/b/c"),
            ("GET http://one.example/x\nHost: two.example", "one.example", "/x"),
            ("GET / 1.0", "", "/"),
            ("GET https://one.example/x 2", "one.example", "/x"),
            ("GET /\nHost: [::1]:8080", "[::1]:8080", "/"),
            ("GET /\nHost: a\nExpect: 100-continue", "a", "/"),
            ("GET /\nHost: a.:65535", "a.:65535", "/"),
            ("GET /\nHost: a:", "a:", "/"),
        ] {
            assert_eq!(ask(request), Ok((host.to_owned(), path.to_owned())), "{request}");
        }
    }

    #[test]
    fn refuses_what_is_ambiguous() {
        let long = format!("GET /{}\nHost: a", "x".repeat(100));
        let many = format!("GET /\nHost: a{}", "\nCookie: a=b".repeat(100));
        for (request, reason) in [
            ("GET /", Reason::BadHost),
            ("GET /\nHost: a\nHost: a", Reason::BadHost),
            ("GET /\nHost: a b", Reason::BadHost),
            ("GET /\nHost: user@a", Reason::BadHost),
            ("GET /\nHost: a:port", Reason::BadHost),
            ("GET /\nHost: [::1", Reason::BadHost),
            ("GET /\nHost: a:65536", Reason::BadHost),
            ("GET /\nHost: a..b", Reason::BadHost),
            ("GET /\nHost: .", Reason::BadHost),
            ("GET ftp://a/\nHost: a", Reason::BadRequest),
            ("GET a\nHost: a", Reason::BadRequest),
            ("GET a:80\nHost: a", Reason::BadRequest),
            ("GET /?\u{e9}\nHost: a", Reason::BadPath),
            ("GET http://user@a/\nHost: a", Reason::BadHost),
            ("GET http://a/", Reason::BadHost),
            ("GET https://a/ 2\nHost: b", Reason::BadHost),
            ("CONNECT a:443\nHost: a", Reason::NotImplemented),
            ("GET /%2f\nHost: a", Reason::BadPath),
            ("GET /a%00\nHost: a", Reason::BadPath),
            ("POST /\nHost: a\nTransfer-Encoding: gzip, chunked", Reason::NotImplemented),
            (
                "POST /\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked",
                Reason::NotImplemented,
            ),
            ("POST /\nHost: a\nTransfer-Encoding: chunked\nContent-Length: 3", Reason::BadRequest),
            ("POST / 1.0\nHost: a\nTransfer-Encoding: chunked", Reason::BadRequest),
            (
                "GET /\nHost: a\nConnection: upgrade\nUpgrade: websocket\nContent-Length: 3",
                Reason::BadRequest,
            ),
            ("GET /\nHost: a\nExpect: gold", Reason::ExpectationFailed),
            ("GET /\nHost: a\nExpect: 100-continue\nExpect: gold", Reason::ExpectationFailed),
            (&many, Reason::HeadTooLarge),
            (&long, Reason::UriTooLong),
        ] {
            assert_eq!(ask(request), Err(reason), "{request}");
        }
    }
}
