//! A request's head: what is taken has one meaning, hyper's too, and is forwarded as exactly that.

use http::HeaderMap;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use weir::proxy::fuzzing::{self, Taken};
use weir::table::path;
use weir::upstream::http1::Framing;

use super::message::{self, Body};
use super::strict::{self, Parsed};
use super::{oracle, routes};

/// Fields that Weir writes itself, whatever the client says.
const OWN: [&str; 15] = [
    "host",
    "content-length",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-request-id",
    "forwarded",
    "connection",
    "upgrade",
    "te",
    "expect",
    "cookie",
    "via",
];

/// Takes one request from the front of the bytes.
pub fn run(data: &[u8]) {
    let whole = fuzzing::request(data, b"");
    let cut = data.len() / 2;
    let pieces = fuzzing::request(&data[..cut], &data[cut..]);
    let taken = match (whole, pieces) {
        (Ok(Some(whole)), Ok(Some(pieces))) => {
            assert_eq!(whole.forwarded, pieces.forwarded, "a cut changes what is forwarded");
            assert_eq!((whole.used, whole.framing), (pieces.used, pieces.framing));
            whole
        }
        (Ok(Some(taken)), other) | (other, Ok(Some(taken))) => {
            panic!("a cut changes whether it is taken: {taken:?} or {other:?}")
        }
        _ => return,
    };
    like_hyper(&taken, data);
    forwarded(&taken);
}

/// Where hyper takes the same bytes, it reads the same.
fn like_hyper(taken: &Taken, data: &[u8]) {
    let Body::Whole(body, ..) = message::body(taken.framing, &data[taken.used..]) else { return };
    let Some(theirs) = oracle::request(data) else { return };
    assert_eq!(theirs.method, taken.parts.method.as_str());
    assert_eq!(theirs.uri, taken.parts.uri);
    assert_eq!(theirs.version, taken.parts.version);
    assert_eq!(sorted(&theirs.message.headers), sorted(&taken.parts.headers));
    assert_eq!(theirs.message.body, body, "another body");
}

fn sorted(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let pairs = headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let mut all: Vec<_> = pairs.collect();
    all.sort();
    all
}

/// What goes on is one message, read strictly, of the same meaning.
fn forwarded(taken: &Taken) {
    let text = String::from_utf8_lossy(&taken.forwarded).into_owned();
    let query = taken.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{query}", taken.path);
    let line = format!("{} {target} HTTP/1.1\r\n", taken.parts.method);
    assert!(taken.forwarded.starts_with(line.as_bytes()), "{text:?} does not begin {line:?}");
    assert!(query.bytes().all(|byte| byte.is_ascii_graphic()), "{query:?}");
    assert_eq!(path::normalise(&taken.path).as_deref(), Ok(&*taken.path), "no normal form");
    // Queries are passed on as they are, escapes that are none too: the rest is read strictly.
    let plain = format!("{} {} HTTP/1.1\r\n", taken.parts.method, taken.path);
    let mut whole = [plain.as_bytes(), &taken.forwarded[line.len()..]].concat();
    let head = whole.len();
    match taken.framing {
        Framing::Empty => {}
        Framing::Chunked => whole.extend_from_slice(b"3\r\nabc\r\n0\r\n\r\n"),
        Framing::Length(length) if length <= 65536 => whole.resize(head + length as usize, b'x'),
        Framing::Length(_) => return,
        Framing::Close => panic!("a request until the end of the connection"),
    }
    let request = match strict::request(&whole) {
        Parsed::Whole(request, used) if used == whole.len() => request,
        other => panic!("{other:?} is forwarded: {text:?}"),
    };
    assert_eq!((&*request.method, &*request.target), (taken.parts.method.as_str(), &*taken.path));
    assert_eq!(request.values("host"), [&taken.host]);
    only_kept_fields(taken, &request);
    same_again(taken);
}

/// A field that the endpoint gets is the client's, or one that Weir writes.
fn only_kept_fields(taken: &Taken, request: &strict::Request) {
    for (name, value) in &request.fields {
        if OWN.contains(&name.as_str()) {
            continue;
        }
        let values = oracle::values(&taken.parts.headers, name);
        let value: Vec<u8> = value.chars().map(|c| c as u8).collect();
        let trimmed = |v: &Vec<u8>| v.trim_ascii() == value.trim_ascii();
        assert!(values.iter().any(trimmed), "{name} is made up");
    }
    for name in ["keep-alive", "proxy-connection", "x_forwarded_for", "content_length", "proxy"] {
        assert!(request.values(name).is_empty(), "{name} goes on");
    }
}

/// The endpoint, read by Weir's own codec, would see the same; a second Weir routes the same.
fn same_again(taken: &Taken) {
    let again = match fuzzing::request(&taken.forwarded, b"") {
        Ok(Some(again)) => again,
        // An HTTP/1.0 request without a host goes on with an empty one.
        _ if taken.host.is_empty() => return,
        // Fields that Weir adds may make it longer than this target takes.
        _ if taken.forwarded.len() > 4096 || taken.parts.headers.len() > 90 => return,
        other => panic!("refused by the next: {other:?}"),
    };
    assert_eq!(again.used, taken.forwarded.len());
    let meaning = |taken: &Taken| (taken.host.clone(), taken.path.clone(), taken.query.clone());
    assert_eq!(meaning(&again), meaning(taken));
    let expects_body = taken.parts.method.as_str().starts_with('P');
    assert!(again.framing == taken.framing || expects_body, "{:?}", again.framing);
    let is_listed = taken.parts.headers.contains_key(CONNECTION);
    if !is_listed {
        assert_eq!(routes::of(&again), routes::of(taken), "the next takes another route");
    }
    for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
        assert!(again.parts.headers.get_all(&name).iter().count() <= 1, "{name} twice");
    }
}
