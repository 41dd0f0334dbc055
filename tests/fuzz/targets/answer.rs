//! An endpoint's answer: as hyper's client reads it, and passed on as exactly one answer.

use bytes::BytesMut;
use http::{HeaderMap, Method, StatusCode, Version};
use weir::proxy::fuzzing;
use weir::upstream::http1::fuzzing::answer as take;
use weir::upstream::http1::{Expectation, Framing};

use super::message::{self, Body, Message};
use super::oracle;

/// The first byte says what was asked; the rest is all that the endpoint sends before it closes.
pub fn run(data: &[u8]) {
    let Some((&flags, bytes)) = data.split_first() else { return };
    let expectation =
        Expectation { is_head: flags & 1 != 0, is_upgrade: flags & 2 != 0, is_held: false };
    let ours = read(bytes, bytes.len(), expectation);
    let cut = usize::from(flags >> 2) * bytes.len() / 64;
    assert_eq!(ours, read(bytes, cut, expectation), "a cut changes the answer");
    let Some((status, framing, message)) = ours else { return };
    if status == StatusCode::SWITCHING_PROTOCOLS {
        assert!(expectation.is_upgrade, "101 that was not asked for");
        return;
    }
    assert!(!status.is_informational(), "an interim answer is final");
    if !expectation.is_upgrade
        && let Some((their_status, _, theirs)) = oracle::answer(bytes, expectation.is_head)
    {
        assert_eq!(their_status, status);
        assert_eq!(theirs.headers, message.headers);
        assert_eq!(theirs.body, message.body, "another body");
    }
    let method = if expectation.is_head { Method::HEAD } else { Method::GET };
    let version = if flags & 4 == 0 { Version::HTTP_11 } else { Version::HTTP_10 };
    goes_on((&method, version), status, framing, &message);
}

/// Reads an answer that comes in two pieces. Nothing where it is refused or not whole.
fn read(
    bytes: &[u8],
    cut: usize,
    expectation: Expectation,
) -> Option<(StatusCode, Framing, Message)> {
    let (mut input, mut headers) = (BytesMut::from(&bytes[..cut]), HeaderMap::new());
    let mut interim = 0;
    let mut head = take(&mut input, &mut headers, expectation, &mut interim).ok()?;
    input.extend_from_slice(&bytes[cut..]);
    if head.is_none() {
        head = take(&mut input, &mut headers, expectation, &mut interim).ok()?;
    }
    let head = head?;
    match message::body(head.framing, &input) {
        Body::Whole(body, trailers, _) => {
            Some((head.status, head.framing, Message { headers, body, trailers }))
        }
        Body::Partial | Body::Wrong => None,
    }
}

/// Of 256 fields, those that leave room for what Weir writes itself.
const MOST_FIELDS: usize = 250;

/// The client gets one answer, with the same body, whoever reads it.
fn goes_on(asked: (&Method, Version), status: StatusCode, framing: Framing, message: &Message) {
    let length = match framing {
        Framing::Empty => Some(0),
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::Close => None,
    };
    // As many fields as an endpoint may send are too many once Weir has added its own.
    if message.headers.len() > MOST_FIELDS {
        return;
    }
    let (head, closes) = fuzzing::answer(asked, status, message.headers.clone(), length);
    let is_head = *asked.0 == Method::HEAD;
    let text = String::from_utf8_lossy(&head).into_owned();
    let lines = text.strip_suffix("\r\n\r\n").expect("a head ends");
    assert!(lines.split("\r\n").all(|line| !line.contains(['\r', '\n', '\0'])), "{text:?}");
    assert!(!lines.contains("\r\n\r\n"), "two heads: {text:?}");
    let written = message::written(&head, message, length, closes);
    let expectation = Expectation { is_head, ..Expectation::default() };
    let Some((again, _, passed)) = read(&written, written.len(), expectation) else {
        panic!("what goes on is not taken: {text:?}");
    };
    assert_eq!((again, &passed.body), (status, &message.body), "{text:?}");
    let one = |name: &str| passed.headers.get_all(name).iter().count() <= 1;
    assert!(one("content-length") && one("transfer-encoding"), "{text:?}");
    let Some((their_status, _, theirs)) = oracle::answer(&written, is_head) else {
        panic!("hyper refuses what goes on: {text:?}");
    };
    assert_eq!((their_status, theirs.body), (status, passed.body), "{text:?}");
}
