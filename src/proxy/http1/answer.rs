//! Writes the head of an answer.

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, Method, StatusCode, Version, response};

use super::date;
use crate::upstream::clock::Millis;
use crate::upstream::http1::line;

/// Framing says how the client finds the end of an answer's body. Source: RFC 9112 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none; a length that the answer names is kept where it may be.
    Nothing,
    /// By its length.
    Length(u64),
    /// By the last chunk.
    Chunked,
    /// By the end of the connection.
    Close,
}

impl Framing {
    /// Returns the framing of an answer whose body has this length, where that is known.
    pub(super) fn of(
        method: &Method,
        version: Version,
        status: StatusCode,
        length: Option<u64>,
    ) -> Self {
        let is_bodiless = *method == Method::HEAD
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        match length {
            _ if is_bodiless => Self::Nothing,
            Some(length) => Self::Length(length),
            None if version == Version::HTTP_11 => Self::Chunked,
            None => Self::Close,
        }
    }
}

/// Connection says what the answer says of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// Nothing: it stays, as is the rule in HTTP/1.1.
    Default,
    /// It stays, which HTTP/1.0 must be told.
    KeepAlive,
    /// It ends after the answer.
    Close,
    /// It goes on as a WebSocket.
    Upgrade,
}

/// Writes a head. `Content-Length`, `Transfer-Encoding` and `Connection` are written from the
/// arguments alone, but for the length of a body that is not sent.
pub(super) fn encode(
    out: &mut BytesMut,
    parts: &response::Parts,
    framing: Framing,
    connection: Connection,
    now: Millis,
) {
    out.reserve(256);
    status_line(out, parts.status);
    let keeps_length = framing == Framing::Nothing
        && !parts.status.is_informational()
        && parts.status != StatusCode::NO_CONTENT;
    let mut has_date = false;
    for (name, value) in &parts.headers {
        if *name == CONNECTION
            || *name == TRANSFER_ENCODING
            || (*name == CONTENT_LENGTH && !keeps_length)
            || (*name == UPGRADE && connection != Connection::Upgrade)
        {
            continue;
        }
        has_date |= *name == DATE;
        line(out, name.as_str(), value.as_bytes());
    }
    match framing {
        Framing::Length(length) => {
            line(out, "content-length", itoa::Buffer::new().format(length).as_bytes());
        }
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Nothing | Framing::Close => {}
    }
    match connection {
        Connection::Default => {}
        Connection::KeepAlive => out.extend_from_slice(b"connection: keep-alive\r\n"),
        Connection::Close => out.extend_from_slice(b"connection: close\r\n"),
        Connection::Upgrade => out.extend_from_slice(b"connection: upgrade\r\n"),
    }
    if !has_date && !parts.status.is_informational() {
        date::with(now, |date| line(out, "date", date.as_bytes()));
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes an interim answer, which has no body. Source: RFC 9110 §15.2.
pub(in crate::proxy) fn encode_interim(out: &mut BytesMut, status: StatusCode, fields: &HeaderMap) {
    status_line(out, status);
    let is_written = |name: &HeaderName| {
        ![CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH, UPGRADE].contains(name)
    };
    for (name, value) in fields.iter().filter(|(name, _)| is_written(name)) {
        line(out, name.as_str(), value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn status_line(out: &mut BytesMut, status: StatusCode) {
    if status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.extend_from_slice(b" ");
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}
