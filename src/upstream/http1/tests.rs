//! What answers are taken, and what is refused.

use bytes::BytesMut;
use http::{HeaderMap, StatusCode, Version};

use super::framing::{framing, keeps_alive};
use super::parse::{HEAD_LIMIT, parse_head};
use super::*;

fn read(text: &[u8], is_head: bool) -> Result<(StatusCode, Framing, bool), Violation> {
    let (mut input, mut headers) = (BytesMut::from(text), HeaderMap::new());
    let parsed = parse_head(&mut input, &mut headers)?.expect("a whole head");
    let (status, version) = parsed;
    let framing = framing(is_head, status, version, &headers)?;
    Ok((status, framing, keeps_alive(version, &headers)))
}

#[test]
fn framing_follows_the_rules() {
    for (text, is_head, expected, keeps) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", false, Framing::Length(5), true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", true, Framing::Empty, true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false, Framing::Empty, true),
        ("HTTP/1.1 204 No\r\n\r\n", false, Framing::Empty, true),
        ("HTTP/1.1 304 No\r\ncontent-length: 5\r\n\r\n", false, Framing::Empty, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", false, Framing::Chunked, true),
        ("HTTP/1.1 200\r\n\r\n", false, Framing::Close, true),
        ("HTTP/1.0 200 OK\r\n\r\n", false, Framing::Close, false),
        (
            "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\n",
            false,
            Framing::Length(1),
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 1\r\n\r\n",
            false,
            Framing::Length(1),
            false,
        ),
    ] {
        let (_, found, kept) = read(text.as_bytes(), is_head).unwrap();
        assert_eq!((found, kept), (expected, keeps), "{text:?}");
    }
}

#[test]
fn hostile_answers_are_refused() {
    use Violation as V;
    let many: String = (0..300).map(|n| format!("x-{n}: 1\r\n")).collect();
    let many = format!("HTTP/1.1 200 OK\r\n{many}\r\n");
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(HEAD_LIMIT));
    for (text, expected) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            V::TwoFramings,
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n", V::ContentLength),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n", V::ContentLength),
        ("HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n", V::ContentLength),
        ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", V::ContentLength),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0x5\r\n\r\n", V::ContentLength),
        ("HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n", V::ContentLength),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n", V::ContentLength),
        ("HTTP/1.1 204 No\r\ncontent-length: x\r\n\r\n", V::ContentLength),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", V::TransferEncoding),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", V::TransferEncoding),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n", V::TransferEncoding),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n", V::TransferEncoding),
        ("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", V::TransferEncoding),
        ("HTTP/2.0 200 OK\r\n\r\n", V::Head),
        ("HTTP/1.1 20 OK\r\n\r\n", V::Head),
        ("HTTP/1.1 99999 OK\r\n\r\n", V::Head),
        ("HTTP/1.1 099 OK\r\n\r\n", V::Head),
        ("SSH-2.0-OpenSSH\r\n\r\n", V::Head),
        ("HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n", V::Head),
        ("HTTP/1.1 200 OK\r\n: x\r\n\r\n", V::Head),
        ("HTTP/1.1 200 OK\r\nname : x\r\n\r\n", V::Head),
        ("HTTP/1.1 200 OK\r\na: x\r\n folded\r\n\r\n", V::Head),
        ("HTTP/1.1 200 OK\r\na: x\0y\r\n\r\n", V::Head),
        ("HTTP/1.1 200 OK\r\na: x\ry\r\n\r\n", V::Head),
        (&many, V::HeadTooLarge),
        (&long, V::HeadTooLarge),
    ] {
        assert_eq!(
            read(text.as_bytes(), false),
            Err(expected),
            "{:?}",
            text.get(..80).unwrap_or(text)
        );
    }
}

#[test]
fn a_head_waits_for_its_end_and_leaves_the_rest() {
    let text = b"HTTP/1.1 200 OK\r\na: b\r\nempty:\r\n\r\nrest";
    let mut headers = HeaderMap::new();
    for cut in 0..text.len() - 4 {
        let mut input = BytesMut::from(&text[..cut]);
        assert_eq!(parse_head(&mut input, &mut headers), Ok(None), "{cut}");
    }
    headers.insert("stale", "1".parse().unwrap());
    let mut input = BytesMut::from(&text[..]);
    let parsed = parse_head(&mut input, &mut headers).unwrap();
    assert_eq!(parsed, Some((StatusCode::OK, Version::HTTP_11)));
    assert_eq!(&input[..], b"rest");
    assert_eq!(
        (&headers["a"], &headers["empty"], headers.len()),
        (&"b".parse().unwrap(), &"".parse().unwrap(), 2)
    );
}
