//! Heads of HTTP/1.1 messages, as far as the two ends of a benchmark need them.

use std::io::{self, ErrorKind};

use bytes::{Buf as _, BytesMut};
use httparse::{EMPTY_HEADER, Header, Status};

const MOST_FIELDS: usize = 64;

/// Request is the head of a request.
pub struct Request {
    pub path: String,
    pub body: Body,
    pub is_last: bool,
    pub websocket_key: Option<String>,
}

/// Body says how the body of a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Length(u64),
    Chunked,
}

/// Takes the head of a request off the buffer, if it is there whole.
pub fn request(buffer: &mut BytesMut) -> io::Result<Option<Request>> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let Status::Complete(length) = head.parse(buffer).map_err(invalid)? else { return Ok(None) };
    let field = |name: &str| value(head.headers, name);
    let request = Request {
        path: head.path.unwrap_or_default().to_owned(),
        body: body(head.headers)?,
        is_last: field("connection").is_some_and(|text| text.eq_ignore_ascii_case("close")),
        websocket_key: field("sec-websocket-key").map(str::to_owned),
    };
    buffer.advance(length);
    Ok(Some(request))
}

/// Takes the head of an answer off the buffer, if it is there whole: its status and its body.
pub fn answer(buffer: &mut BytesMut) -> io::Result<Option<(u16, Body)>> {
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let Status::Complete(length) = head.parse(buffer).map_err(invalid)? else { return Ok(None) };
    let found = (head.code.unwrap_or_default(), body(head.headers)?);
    buffer.advance(length);
    Ok(Some(found))
}

fn body(fields: &[Header<'_>]) -> io::Result<Body> {
    if value(fields, "transfer-encoding").is_some() {
        return Ok(Body::Chunked);
    }
    let length = value(fields, "content-length").map_or(Ok(0), str::parse);
    length.map(Body::Length).map_err(|_| ErrorKind::InvalidData.into())
}

fn value<'a>(fields: &[Header<'a>], name: &str) -> Option<&'a str> {
    let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(field.value).ok()
}

fn invalid(error: httparse::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
