//! Hostile answers over HTTP/2: frames on stream 1, and what the client gets of them.

use crate::h2::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, field, frame,
};
use crate::responses::kinds::{Expect, Whole, whole};

/// A hostile endpoint of HTTP/2.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// RFC section, or where it happened.
    pub source: &'static str,
    /// Method of the request.
    pub method: &'static str,
    pub frames: Vec<u8>,
    pub expect: Expect,
}

fn case(name: &str, source: &'static str, frames: Vec<u8>, expect: Expect) -> Case {
    Case { name: format!("HTTP/2: {name}"), source, method: "GET", frames, expect }
}

fn bad(name: &str, source: &'static str, frames: Vec<u8>) -> Case {
    case(name, source, frames, Expect::Bad)
}

fn broken(name: &str, source: &'static str, frames: Vec<u8>) -> Case {
    case(name, source, frames, Expect::Broken)
}

fn fine(name: &str, source: &'static str, frames: Vec<u8>, whole: Whole) -> Case {
    case(name, source, frames, Expect::Whole(whole))
}

fn either(name: &str, source: &'static str, frames: Vec<u8>, whole: Whole) -> Case {
    case(name, source, frames, Expect::Either(whole))
}

type Fields<'a> = &'a [(&'a str, &'a [u8])];

/// A head that has no body.
fn only(fields: Fields<'_>) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, block(fields))
}

/// A head whose body comes.
fn head(fields: Fields<'_>) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, block(fields))
}

fn ok(more: Fields<'_>) -> Vec<u8> {
    head(&[&[(":status", &b"200"[..])], more].concat())
}

fn data(flags: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(DATA, flags, 1, bytes)
}

fn join(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.concat()
}

/// An answer of 200 with a body and one more field.
fn with(name: &str, value: &[u8]) -> Vec<u8> {
    join(&[ok(&[(name, value)]), data(END_STREAM, "body")])
}

pub fn cases() -> Vec<Case> {
    [lengths(), fields(), heads(), order(), floods(), connection()].concat()
}

fn lengths() -> Vec<Case> {
    const RULE: &str = "RFC 9113 §8.1.1";
    let sized = |length: &[u8]| with("content-length", length);
    let mut head_only = fine(
        "a length in the answer to HEAD",
        "RFC 9110 §8.6",
        only(&[(":status", b"200"), ("content-length", b"9")]),
        whole(200, ""),
    );
    head_only.method = "HEAD";
    let mut head_body =
        either("a body in the answer to HEAD", "RFC 9110 §9.3.2", with("x", b"y"), whole(200, ""));
    head_body.method = "HEAD";
    vec![
        fine("its length", RULE, sized(b"4"), whole(200, "body")),
        broken("a length above the body", RULE, sized(b"5")),
        broken("a length below the body", RULE, sized(b"3")),
        broken("a length of 0 before a body", RULE, sized(b"0")),
        bad(
            "a length without a body",
            RULE,
            only(&[(":status", b"200"), ("content-length", b"9")]),
        ),
        bad("two lengths", RULE, {
            let fields: Fields<'_> = &[("content-length", b"4"), ("content-length", b"5")];
            join(&[ok(fields), data(END_STREAM, "body")])
        }),
        bad("the same length twice", RULE, {
            let fields: Fields<'_> = &[("content-length", b"4"), ("content-length", b"4")];
            join(&[ok(fields), data(END_STREAM, "body")])
        }),
        bad("a list of lengths", RULE, sized(b"4, 4")),
        bad("a signed length", RULE, sized(b"+4")),
        bad("a negative length", RULE, sized(b"-4")),
        bad("a length in hexadecimal", RULE, sized(b"0x4")),
        bad("an empty length", RULE, sized(b"")),
        bad("a length beyond numbers", RULE, sized(b"99999999999999999999")),
        head_only,
        head_body,
        either(
            "a body of 204",
            "RFC 9110 §15.3.5",
            join(&[head(&[(":status", b"204")]), data(END_STREAM, "body")]),
            whole(204, ""),
        ),
        either(
            "a body of 304",
            "RFC 9110 §15.4.5",
            join(&[head(&[(":status", b"304")]), data(END_STREAM, "body")]),
            whole(304, ""),
        ),
    ]
}

fn fields() -> Vec<Case> {
    const HOPS: &str = "RFC 9113 §8.2.2";
    const NAMES: &str = "RFC 9113 §8.2.1";
    let mut cases: Vec<Case> = [
        ("connection", &b"close"[..]),
        ("connection", b"content-length"),
        ("keep-alive", b"timeout=5"),
        ("proxy-connection", b"keep-alive"),
        ("transfer-encoding", b"chunked"),
        ("upgrade", b"websocket"),
        ("te", b"gzip"),
    ]
    .into_iter()
    .map(|(name, value)| bad(&format!("{name}: {}", value.escape_ascii()), HOPS, with(name, value)))
    .collect();
    for name in ["X-Upper", "x upper", "x:y", "", "x\r\ny", "x\0", "x\u{e9}"] {
        cases.push(bad(&format!("a name {name:?}"), NAMES, with(name, b"1")));
    }
    for value in [&b"a\r\nset-cookie: x=y"[..], b"a\nb", b"a\rb", b"a\0b"] {
        let name = format!("a value {:?}", value.escape_ascii().to_string());
        cases.push(bad(&name, "RFC 9113 §8.2.1, response splitting", with("x", value)));
    }
    let fields: Vec<u8> = (0..300).flat_map(|n| field(format!("x-{n}"), "1")).collect();
    let many = [field(":status", "200"), fields].concat();
    cases.push(bad(
        "300 fields",
        "header bomb",
        join(&[frame(HEADERS, END_HEADERS, 1, many), data(END_STREAM, "body")]),
    ));
    cases
}

fn heads() -> Vec<Case> {
    const PSEUDO: &str = "RFC 9113 §8.3";
    const INTERIM: &str = "RFC 9110 §15.2";
    let status = |value: &[u8]| join(&[head(&[(":status", value)]), data(END_STREAM, "body")]);
    let interim = |status: &[u8], count: usize| {
        let mut frames = vec![head(&[(":status", status)]); count];
        frames.push(with("x", b"y"));
        join(&frames)
    };
    vec![
        bad("no status", PSEUDO, join(&[head(&[("x", b"y")]), data(END_STREAM, "body")])),
        bad("two statuses", PSEUDO, with(":status", b"200")),
        bad("a status behind a field", PSEUDO, {
            let fields: Fields<'_> = &[("x", b"y"), (":status", b"200")];
            join(&[head(fields), data(END_STREAM, "body")])
        }),
        bad("a status of two digits", PSEUDO, status(b"20")),
        bad("a status of four digits", PSEUDO, status(b"2000")),
        bad("a status of letters", PSEUDO, status(b"ok!")),
        bad("a status of 0", PSEUDO, status(b"000")),
        bad("a pseudo-header that is not known", PSEUDO, with(":secret", b"1")),
        either(
            "a path in an answer",
            PSEUDO,
            {
                let fields: Fields<'_> = &[(":status", b"200"), (":path", b"/other")];
                join(&[head(fields), data(END_STREAM, "body")])
            },
            whole(200, "body"),
        ),
        bad("101", "RFC 9113 §8.6", interim(b"101", 1)),
        bad("101 as the last", "RFC 9113 §8.6", only(&[(":status", b"101")])),
        fine("three early hints", "RFC 8297", interim(b"103", 3), whole(200, "body")),
        bad("40 interim answers", INTERIM, interim(b"103", 40)),
        bad("10,000 interim answers", INTERIM, interim(b"100", 10_000)),
        bad("an interim answer that is the last", INTERIM, only(&[(":status", b"103")])),
    ]
}

fn order() -> Vec<Case> {
    const RULE: &str = "RFC 9113 §8.1";
    let body = |flags| join(&[ok(&[]), data(flags, "body")]);
    let trailers = |fields: Fields<'_>, flags: u8| {
        join(&[body(0), frame(HEADERS, END_HEADERS | flags, 1, block(fields))])
    };
    let reset = |reason: u32| frame(RST_STREAM, 0, 1, reason.to_be_bytes());
    vec![
        fine("a body", RULE, body(END_STREAM), whole(200, "body")),
        fine("trailers", RULE, trailers(&[("x-sum", b"4")], END_STREAM), whole(200, "body")),
        fine(
            "trailers that frame",
            "RFC 9110 §6.5.1",
            trailers(&[("content-length", b"9"), ("host", b"evil")], END_STREAM),
            whole(200, "body").lacks("host"),
        ),
        either(
            "a status in trailers",
            "RFC 9113 §8.1",
            trailers(&[(":status", b"500")], END_STREAM),
            whole(200, "body"),
        ),
        broken("trailers that do not end", RULE, trailers(&[("x", b"y")], 0)),
        broken("an upper-case trailer", RULE, trailers(&[("X-Sum", b"4")], END_STREAM)),
        broken("a hop in trailers", RULE, trailers(&[("connection", b"x")], END_STREAM)),
        bad("a body before its head", RULE, join(&[data(0, "body"), ok(&[])])),
        fine(
            "a reset behind the whole answer",
            RULE,
            join(&[body(END_STREAM), reset(0)]),
            whole(200, "body"),
        ),
        broken("a reset in the body", RULE, join(&[body(0), reset(2)])),
        broken("a cancelled body", RULE, join(&[body(0), reset(8)])),
        broken("a GOAWAY in the body, then the end", RULE, {
            join(&[body(0), frame(GOAWAY, 0, 0, [0; 8])])
        }),
        either(
            "more behind the end",
            "RFC 9113 §5.1",
            join(&[body(END_STREAM), data(END_STREAM, "more")]),
            whole(200, "body"),
        ),
        broken("padding longer than its frame", "RFC 9113 §6.1", {
            join(&[ok(&[]), frame(DATA, PADDED | END_STREAM, 1, b"\xffbody")])
        }),
        fine(
            "padding",
            "RFC 9113 §6.1",
            join(&[ok(&[]), frame(DATA, PADDED | END_STREAM, 1, b"\x02bodyxx")]),
            whole(200, "body"),
        ),
    ]
}

fn floods() -> Vec<Case> {
    // To a request that is not sent twice.
    let flood = |name: &str, source, one: Vec<u8>| Case {
        method: "POST",
        ..bad(name, source, [one.repeat(10_000), with("x", b"y")].concat())
    };
    let big = block(&[(":status", b"200"), ("x", &vec![b'a'; 70_000])]);
    let (first, rest) = big.split_at(16_000);
    let mut continued = frame(HEADERS, 0, 1, first);
    for piece in rest.chunks(16_000) {
        continued.extend(frame(CONTINUATION, 0, 1, piece));
    }
    continued.extend(frame(CONTINUATION, END_HEADERS, 1, []));
    // One entry of nearly the whole table, then references to it. Source: RFC 7541 §6.1, §6.2.1.
    let mut entry = b"\x40\x01x\x7f\x80\x1e".to_vec();
    entry.extend([b'a'; 127 + 0x1e * 128]);
    let bomb = [field(":status", "200"), entry, vec![0xbe; 12_000]].concat();
    vec![
        bad("a head of 70 KB", "header bomb", continued),
        bad("a head that grows from its table", "CVE-2016-6581, header bomb", {
            frame(HEADERS, END_HEADERS | END_STREAM, 1, bomb)
        }),
        bad("a head without end", "CVE-2024-27316, CVE-2024-28182", {
            let mut frames = frame(HEADERS, 0, 1, field(":status", "200"));
            frames.extend(frame(CONTINUATION, 0, 1, field("x", "y")).repeat(20_000));
            frames
        }),
        bad("a head of nothing without end", "RUSTSEC-2024-0332", {
            let mut frames = frame(HEADERS, 0, 1, []);
            frames.extend(frame(CONTINUATION, 0, 1, []).repeat(20_000));
            frames
        }),
        flood("10,000 pings", "CVE-2019-9512", frame(PING, 0, 0, [0; 8])),
        flood("10,000 answers to pings", "CVE-2019-9512", frame(PING, 1, 0, [0; 8])),
        flood("10,000 settings", "CVE-2019-9515", frame(SETTINGS, 0, 0, [])),
        flood("10,000 priorities", "CVE-2019-9513", frame(PRIORITY, 0, 3, [0, 0, 0, 0, 9])),
        flood("10,000 windows", "RFC 9113 §10.5", frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 1])),
        flood("10,000 windows of a stream", "RFC 9113 §10.5", {
            frame(WINDOW_UPDATE, 0, 1, [0, 0, 0, 1])
        }),
        flood("10,000 frames that nobody knows", "RFC 9113 §5.5", frame(0x20, 0, 0, [0; 50])),
        broken("10,000 pings in a body", "CVE-2019-9512", {
            join(&[ok(&[]), frame(PING, 0, 0, [0; 8]).repeat(10_000), data(END_STREAM, "body")])
        }),
        broken("10,000 empty frames", "CVE-2019-9518", {
            join(&[ok(&[]), data(0, []).repeat(10_000), data(END_STREAM, "body")])
        }),
    ]
}

fn connection() -> Vec<Case> {
    let setting = |name: u16, value: u32| {
        let payload = [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
        frame(SETTINGS, 0, 0, payload)
    };
    vec![
        bad("HTTP/1.1", "RFC 9113 §3.4", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()),
        bad("a frame beyond the largest", "RFC 9113 §4.2", frame(DATA, 0, 1, vec![0; 20_000])),
        bad("a head on stream 0", "RFC 9113 §6.2", frame(HEADERS, 5, 0, field(":status", "200"))),
        bad("a head on a stream nobody opened", "RFC 9113 §5.1.1", {
            frame(HEADERS, 5, 5, field(":status", "200"))
        }),
        bad("a head on an even stream", "RFC 9113 §5.1.1", {
            frame(HEADERS, 5, 2, field(":status", "200"))
        }),
        bad("a body on stream 0", "RFC 9113 §6.1", frame(DATA, 1, 0, "body")),
        bad("a push that was not allowed", "RFC 9113 §6.6", {
            let promised = [&2_u32.to_be_bytes()[..], &block(&[(":status", b"200")])].concat();
            frame(PUSH_PROMISE, END_HEADERS, 1, promised)
        }),
        bad("an index that is not there", "RFC 7541 §2.3.3", frame(HEADERS, 5, 1, [0xff, 0x7f])),
        bad("a code that is cut off", "RFC 7541 §5.2", {
            frame(HEADERS, 5, 1, b"\x88\x00\x81\xff\x81\xff")
        }),
        bad("settings of a wrong size", "RFC 9113 §6.5", frame(SETTINGS, 0, 0, [0; 5])),
        bad("a window beyond numbers", "RFC 9113 §6.5.2", setting(4, 0x8000_0000)),
        bad("a frame size below the least", "RFC 9113 §6.5.2", setting(5, 1)),
        bad("a window that grows by nothing", "RFC 9113 §6.9", frame(WINDOW_UPDATE, 0, 0, [0; 4])),
        bad("a window that grows too much", "RFC 9113 §6.9.1", {
            frame(WINDOW_UPDATE, 0, 0, 0x7fff_ffff_u32.to_be_bytes())
        }),
        bad("a ping of a wrong size", "RFC 9113 §6.7", frame(PING, 0, 0, [0; 7])),
        bad("a continuation of nothing", "RFC 9113 §6.10", frame(CONTINUATION, 4, 1, [])),
    ]
}
