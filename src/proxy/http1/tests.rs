#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use bytes::BytesMut;
use http::{HeaderMap, Method, Response, StatusCode, Version};
use proptest::prelude::*;

use super::answer::{self, Connection, Framing};
use super::head;
use crate::metrics::Reason;
use crate::proxy::connection::Respond;
use crate::upstream::clock::Millis;
use crate::upstream::http1;

fn parse(text: &[u8]) -> Result<Option<head::Head>, Reason> {
    head::parse(&mut BytesMut::from(text), &mut 0, 1024)
}

#[test]
fn takes_one_head_and_leaves_the_rest() {
    let mut input = BytesMut::from(
        &b"\r\nPOST /a?b=c HTTP/1.1\r\nHost: shop\r\nX-Empty:\r\ncontent-length: 5\r\n\r\nhelloGET"
            [..],
    );
    let head = head::parse(&mut input, &mut 0, 1024).unwrap().unwrap();
    assert_eq!(head.parts.method, Method::POST);
    assert_eq!(head.parts.uri, "/a?b=c");
    assert_eq!(head.parts.version, Version::HTTP_11);
    assert_eq!(head.parts.headers["host"], "shop");
    assert_eq!(head.parts.headers["x-empty"], "");
    assert_eq!((head.framing, head.keeps_alive), (http1::Framing::Length(5), true));
    assert_eq!(&input[..], b"helloGET");
}

#[test]
fn says_whether_the_connection_stays() {
    for (text, stays) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap().unwrap().keeps_alive, stays, "{text}");
    }
}

#[test]
fn refuses_what_could_be_read_in_two_ways() {
    use Reason::{BadRequest, HeadTooLarge, NotImplemented, UriTooLong, VersionNotSupported};
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(257));
    let long = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(1024));
    let endless = format!("GET /{}", "a".repeat(1024));
    for (text, reason) in [
        ("GET / HTTP/1.1\nHost: a\n\n", BadRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n", BadRequest),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", BadRequest),
        ("GET /#frag HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest),
        ("GET /\r\n\r\n", BadRequest),
        ("GET / HTTP/1.2\r\n\r\n", VersionNotSupported),
        ("GET / HTTP/2.0\r\n\r\n", VersionNotSupported),
        ("GET / http/1.1\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nContent-Length:\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", BadRequest),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", BadRequest),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", NotImplemented),
        (&many, HeadTooLarge),
        (&long, HeadTooLarge),
        (&endless, UriTooLong),
    ] {
        assert_eq!(parse(text.as_bytes()).err(), Some(reason), "{text:?}");
    }
}

proptest! {
    /// However a head is cut into reads, it is the same head, and nothing before its last byte.
    #[test]
    fn cuts_do_not_matter(mut cuts in prop::collection::vec(0_usize..90, 0..8)) {
        let text = b"PUT /some/path HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\nContent-Length: 7\r\n\r\n";
        cuts.retain(|cut| *cut < text.len());
        cuts.sort_unstable();
        let (mut input, mut seen, mut from) = (BytesMut::new(), 0, 0);
        for cut in cuts {
            input.extend_from_slice(&text[from..cut]);
            from = cut;
            if !input.is_empty() {
                prop_assert!(head::parse(&mut input, &mut seen, 1024).unwrap().is_none());
            }
        }
        input.extend_from_slice(&text[from..]);
        let head = head::parse(&mut input, &mut seen, 1024).unwrap().unwrap();
        prop_assert_eq!(head.framing, http1::Framing::Length(7));
        prop_assert!(input.is_empty());
    }

    /// Whatever bytes come, there is an answer and no panic.
    #[test]
    fn anything_is_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let mut request = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
        request.extend_from_slice(&bytes);
        request.extend_from_slice(b"\r\n\r\n");
        let _ = parse(&request);
    }
}

fn encoded(
    status: u16,
    fields: &[(&'static str, &'static str)],
    framing: Framing,
    connection: Connection,
) -> String {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert("date", "now".parse().unwrap());
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    let mut out = BytesMut::new();
    answer::encode(&mut out, &response.into_parts().0, framing, connection, Millis(1));
    String::from_utf8(out.to_vec()).unwrap().replace("\r\n", "|")
}

#[test]
fn writes_framing_and_connection_once() {
    let fields =
        &[("content-length", "9"), ("connection", "x"), ("upgrade", "websocket"), ("a", "b")][..];
    for (status, framing, connection, expected) in [
        (
            200,
            Framing::Length(3),
            Connection::Default,
            "HTTP/1.1 200 OK|date: now|a: b|content-length: 3||",
        ),
        (
            200,
            Framing::Chunked,
            Connection::Default,
            "HTTP/1.1 200 OK|date: now|a: b|transfer-encoding: chunked||",
        ),
        (
            200,
            Framing::Close,
            Connection::Close,
            "HTTP/1.1 200 OK|date: now|a: b|connection: close||",
        ),
        (
            304,
            Framing::Nothing,
            Connection::KeepAlive,
            "HTTP/1.1 304 Not Modified|date: now|content-length: 9|a: b|connection: keep-alive||",
        ),
        (204, Framing::Nothing, Connection::Default, "HTTP/1.1 204 No Content|date: now|a: b||"),
        (
            599,
            Framing::Length(0),
            Connection::Default,
            "HTTP/1.1 599 |date: now|a: b|content-length: 0||",
        ),
        (
            101,
            Framing::Nothing,
            Connection::Upgrade,
            "HTTP/1.1 101 Switching Protocols|date: now|upgrade: websocket|a: b|connection: upgrade||",
        ),
    ] {
        assert_eq!(encoded(status, fields, framing, connection), expected);
    }
}

#[test]
fn an_answer_is_framed_by_what_was_asked() {
    let of = |method: Method, version, status: u16, length| {
        Framing::of(&method, version, StatusCode::from_u16(status).unwrap(), length)
    };
    assert_eq!(of(Method::GET, Version::HTTP_11, 200, Some(3)), Framing::Length(3));
    assert_eq!(of(Method::GET, Version::HTTP_11, 200, None), Framing::Chunked);
    assert_eq!(of(Method::GET, Version::HTTP_10, 200, None), Framing::Close);
    assert_eq!(of(Method::HEAD, Version::HTTP_11, 200, Some(3)), Framing::Nothing);
    assert_eq!(of(Method::GET, Version::HTTP_11, 304, Some(0)), Framing::Nothing);
    assert_eq!(of(Method::GET, Version::HTTP_11, 204, Some(0)), Framing::Nothing);
}

/// Every connection that waits for its next request costs this much, and a buffer less.
#[test]
fn a_connection_that_waits_is_small() {
    fn size<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }
    let size = size(crate::proxy::connection::serve::<Respond>);
    assert!(size <= 1536, "the task of a connection has {size} bytes");
}
