//! Writes the head of a request.

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, Method};

/// RequestHead is what a request begins with. `Content-Length`, `Transfer-Encoding` and `Host` are
/// written from it alone, never from the fields.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path and query.
    pub target: &'a str,
    /// Host.
    pub host: &'a [u8],
    /// Fields.
    pub fields: &'a HeaderMap,
    /// The body's length: nothing where there is no body, nothing inside for chunks.
    pub body: Option<Option<u64>>,
}

/// Writes a head; fields that `keep` refuses are left out, and `add` writes lines behind them.
pub fn encode(
    out: &mut BytesMut,
    head: &RequestHead<'_>,
    keep: impl Fn(&HeaderName) -> bool,
    add: impl FnOnce(&mut BytesMut),
) {
    let parts = [head.method.as_str().as_bytes(), b" ", head.target.as_bytes()];
    out.reserve(512 + head.target.len());
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(head.host);
    out.extend_from_slice(b"\r\n");
    for (name, value) in head.fields {
        if keep(name) && *name != HOST && *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
            line(out, name.as_str(), value.as_bytes());
        }
    }
    match head.body {
        None => {}
        Some(None) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Some(Some(length)) => line(out, "content-length", length.to_string().as_bytes()),
    }
    add(out);
    out.extend_from_slice(b"\r\n");
}

/// Writes one field.
pub fn line(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_framing_and_host_once() {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("host", "other"),
            ("content-length", "7"),
            ("transfer-encoding", "chunked"),
            ("accept", "*/*"),
            ("x-drop", "1"),
        ] {
            fields.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let head = |body| RequestHead {
            method: &Method::POST,
            target: "/a?b",
            host: b"shop.example",
            fields: &fields,
            body,
        };
        for (body, framing) in [
            (None, ""),
            (Some(None), "transfer-encoding: chunked\r\n"),
            (Some(Some(3)), "content-length: 3\r\n"),
        ] {
            let mut out = BytesMut::new();
            encode(&mut out, &head(body), |name| name != "x-drop", |out| line(out, "x-add", b"1"));
            let expected = format!(
                "POST /a?b HTTP/1.1\r\nhost: shop.example\r\naccept: */*\r\n{framing}x-add: 1\r\n\r\n"
            );
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
