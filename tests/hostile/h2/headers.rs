//! Requests whose fields are wrong. Source: RFC 9113 §8.

use super::frames::{BASE, asked, begun, block, data, field, get, post, trailers, with, without};
use super::run::{Case, either, passed, refused};
use crate::case::{HOST, one};

const PSEUDO: &str = "RFC 9113 §8.3";
const FIELD: &str = "RFC 9113 §8.2.1, CVE-2023-27491";
const HOP: &str = "RFC 9113 §8.2.2";
const LENGTH: &str = "RFC 9113 §8.1.1";
const TRAILER: &str = "RFC 9113 §8.1, RFC 9110 §6.5.1";

pub fn cases() -> Vec<Case> {
    [pseudo(), websockets(), values(), hops(), lengths(), trailing()].concat()
}

fn pseudo() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in [":method", ":scheme", ":path"] {
        cases.push(refused(format!("no {name}"), PSEUDO, asked(without(name))));
        cases.push(refused(format!("an empty {name}"), PSEUDO, asked(with(name, b""))));
    }
    for (name, value) in BASE {
        let twice = [get(&[]), field(name, value)].concat();
        cases.push(refused(format!("{name} twice"), PSEUDO, asked(twice)));
        let late = [without(name), field("x", "y"), field(name, value)].concat();
        cases.push(refused(format!("{name} behind a field"), PSEUDO, asked(late)));
    }
    let wrong = |name: &str, fields: Vec<u8>| refused(name, PSEUDO, asked(fields));
    let path = |value: &str| {
        refused(format!("path {value:?}"), PSEUDO, asked(with(":path", value.as_bytes())))
    };
    let authority = |value: &str| {
        refused(format!("authority {value:?}"), PSEUDO, asked(with(":authority", value.as_bytes())))
    };
    cases.extend([
        wrong("a pseudo field that nobody knows", [get(&[]), field(":evil", "x")].concat()),
        wrong("status in a request", [get(&[]), field(":status", "200")].concat()),
        wrong("no authority and no host", without(":authority")),
        wrong("an empty authority", with(":authority", b"")),
        wrong("another host", get(&[("host", b"evil.example")])),
        wrong("two hosts", get(&[("host", HOST.as_bytes()), ("host", b"evil.example")])),
        wrong(
            "two hosts without authority",
            [without(":authority"), block(&[("host", b"a"), ("host", b"b")])].concat(),
        ),
        wrong("CONNECT", block(&[(":method", b"CONNECT"), (":authority", b"front.example:443")])),
        wrong("CONNECT with a path", with(":method", b"CONNECT")),
        wrong(
            "a protocol that nobody allowed",
            [with(":method", b"CONNECT"), field(":protocol", "evil")].concat(),
        ),
        wrong("a method of two words", with(":method", b"GET /x")),
        wrong("a method with a line's end", with(":method", b"GET / HTTP/1.1\r\nX: y\r\n\r\nGET")),
        wrong("a scheme with a line's end", with(":scheme", b"http\r\nX: y")),
        wrong("a scheme that is a URL", with(":scheme", b"http://evil.example/?")),
        path("hostile"),
        path("*"),
        path("/hostile HTTP/1.1"),
        path("/hostile\r\nX: y"),
        path("/hostile\n"),
        path("/hostile\0"),
        path("/hostile%2f"),
        path("/hostile\\a"),
        path("/hostile%00"),
        path("/a/..;/b"),
        path("http://evil.example/"),
        path("/hostile\t"),
        authority("front.example/a"),
        authority("user@front.example"),
        authority("front.example:x"),
        authority("front.example\r\nX: y"),
        authority("front.example a"),
        authority("front.example:65536"),
        authority("front%2eexample"),
        authority("front.example,evil.example"),
        authority("front.example\0"),
        passed("the host says the same", PSEUDO, asked(get(&[("host", HOST.as_bytes())])), one()),
        passed(
            "a host in place of the authority",
            PSEUDO,
            asked([without(":authority"), field("host", HOST)].concat()),
            one(),
        ),
        passed("dots in the path", PSEUDO, asked(with(":path", b"//a/../hostile")), one()),
        either("a fragment", PSEUDO, asked(with(":path", b"/hostile#a")), one()),
    ]);
    cases
}

/// WebSockets that begin wrong. Source: RFC 8441 §4, §5.
fn websockets() -> Vec<Case> {
    let wrong = |name: &str, block: Vec<u8>| refused(name, "RFC 8441 §4", asked(block));
    let websocket = |name: &str, more: &[(&str, &[u8])]| {
        let bytes = [with(":method", b"CONNECT"), block(more)].concat();
        refused(name, "RFC 8441 §4", asked(bytes))
    };
    vec![
        wrong("a protocol in a GET", [get(&[]), field(":protocol", "websocket")].concat()),
        websocket("a WebSocket in capitals", &[(":protocol", b"WebSocket")]),
        websocket("two protocols", &[(":protocol", b"websocket"), (":protocol", b"websocket")]),
        websocket("a protocol with a line's end", &[(":protocol", b"websocket\r\nX: y")]),
        websocket("a protocol behind fields", &[("x", b"y"), (":protocol", b"websocket")]),
        websocket(
            "a WebSocket of another host",
            &[(":protocol", b"websocket"), ("host", b"evil.example")],
        ),
        websocket(
            "a WebSocket with a length",
            &[(":protocol", b"websocket"), ("content-length", b"5")],
        ),
        wrong(
            "a WebSocket without a path",
            block(&[
                (":method", b"CONNECT"),
                (":scheme", b"http"),
                (":authority", b"front.example"),
                (":protocol", b"websocket"),
            ]),
        ),
        wrong(
            "a WebSocket without a scheme",
            block(&[
                (":method", b"CONNECT"),
                (":path", b"/hostile"),
                (":authority", b"front.example"),
                (":protocol", b"websocket"),
            ]),
        ),
        wrong(
            "a WebSocket at a path with two meanings",
            block(&[
                (":method", b"CONNECT"),
                (":scheme", b"http"),
                (":path", b"/a%2f../hostile"),
                (":authority", b"front.example"),
                (":protocol", b"websocket"),
            ]),
        ),
    ]
}

fn values() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in [
        "X",
        "x-Y",
        "Host",
        "x y",
        "x:y",
        "x\r\ny",
        "x\0y",
        "",
        "x\u{7f}",
        "\u{e4}",
        "x/y",
        "transfer-encoding ",
        "content-length:",
    ] {
        cases.push(refused(
            format!("name {name:?}"),
            FIELD,
            asked([get(&[]), field(name, "5")].concat()),
        ));
    }
    let values: [&[u8]; 7] = [b"a\r\nX: y", b"a\nX: y", b"a\r", b"a\0b", b"\n", b"a\x01", b"a\x7f"];
    for value in values {
        let name = format!("value {:?}", String::from_utf8_lossy(value));
        cases.push(refused(name, FIELD, asked(get(&[("x", value)]))));
    }
    cases.extend([
        either(
            "a value with a space before",
            FIELD,
            asked(get(&[("x", b" a")])),
            one().has("x", "a"),
        ),
        either(
            "a value with a tab behind",
            FIELD,
            asked(get(&[("x", b"a\t")])),
            one().has("x", "a"),
        ),
        passed("8-bit bytes", FIELD, asked(get(&[("x", b"\xe4")])), one().has("x", "\u{e4}")),
        passed(
            "crumbs of a cookie",
            "RFC 9113 §8.2.3",
            asked(get(&[("cookie", b"a=b"), ("cookie", b"c=d")])),
            one().has("cookie", "a=b; c=d"),
        ),
        passed(
            "forged fields",
            "RFC 7239 §8.1",
            asked(get(&[
                ("x-forwarded-for", b"6.6.6.6"),
                ("x_forwarded_for", b"6.6.6.6"),
                ("forwarded", b"for=6.6.6.6"),
                ("proxy", b"http://evil"),
                ("x-forwarded-host", b"evil"),
            ])),
            one(),
        ),
        refused("150 fields", "RFC 6585 §5", asked(get(&vec![("x", &b"y"[..]); 150]))),
    ]);
    cases
}

fn hops() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value) in [
        ("connection", "close"),
        ("connection", "x-forwarded-for"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("upgrade", "h2c"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
    ] {
        cases.push(refused(
            format!("{name}: {value}"),
            HOP,
            asked(get(&[(name, value.as_bytes())])),
        ));
    }
    cases.extend([
        passed(
            "te: trailers",
            HOP,
            asked(get(&[("te", b"trailers")])),
            one().has("te", "trailers"),
        ),
        passed(
            "settings of an upgrade",
            HOP,
            asked(get(&[("http2-settings", b"AAMAAABkAAQAoAAAAAIAAAAA")])),
            one(),
        ),
        refused(
            "chunks and a length",
            HOP,
            [
                begun(post(&[("transfer-encoding", b"chunked"), ("content-length", b"5")])),
                data("0\r\n\r\n"),
            ]
            .concat(),
        ),
    ]);
    cases
}

fn lengths() -> Vec<Case> {
    let sent = |length: &str, body: &str| {
        [begun(post(&[("content-length", length.as_bytes())])), data(body)].concat()
    };
    let mut cases = vec![
        refused("length 5 and no data", LENGTH, asked(post(&[("content-length", b"5")]))),
        refused("length 5 and 3 bytes", LENGTH, sent("5", "hel")).partly(),
        refused("length 5 and 10 bytes", LENGTH, sent("5", "helloworld")).partly(),
        refused(
            "length 0 and a request",
            LENGTH,
            sent("0", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
        )
        .partly(),
        refused(
            "two lengths",
            LENGTH,
            [begun(post(&[("content-length", b"5"), ("content-length", b"6")])), data("hello")]
                .concat(),
        )
        .partly(),
        either(
            "two lengths that are equal",
            LENGTH,
            [begun(post(&[("content-length", b"5"), ("content-length", b"5")])), data("hello")]
                .concat(),
            one().post("hello"),
        )
        .partly(),
        passed(
            "no length",
            LENGTH,
            [begun(post(&[])), data("hello")].concat(),
            one().post("hello"),
        ),
        passed(
            "a length",
            LENGTH,
            sent("5", "hello"),
            one().post("hello").has("content-length", "5"),
        ),
        passed(
            "a request for a body",
            LENGTH,
            [begun(post(&[])), data(crate::case::SMUGGLED)].concat(),
            one().post(crate::case::SMUGGLED),
        ),
    ];
    for length in ["+5", "-5", "0x5", "5 5", "", "5, 6", "18446744073709551621", "a"] {
        cases.push(refused(format!("length {length:?}"), LENGTH, sent(length, "hello")).partly());
    }
    cases
}

fn trailing() -> Vec<Case> {
    let sent = |name: &str, value: &str| {
        [
            begun(post(&[])),
            super::frames::frame(super::frames::DATA, 0, 1, "hello"),
            trailers(&[(name, value.as_bytes())]),
        ]
        .concat()
    };
    let mut cases = vec![
        passed("trailers", TRAILER, sent("x-sum", "7"), one().post("hello")),
        refused(
            "trailers that do not end",
            TRAILER,
            [begun(post(&[])), begun(block(&[("x", b"y")]))].concat(),
        )
        .partly(),
        refused("trailers with a line's end", TRAILER, sent("x", "a\r\nX: y")).partly(),
        refused("trailers in capitals", TRAILER, sent("X", "y")).partly(),
    ];
    // h2 takes off those that are like the request's own.
    for name in [":path", ":method", ":status", ":authority"] {
        cases.push(
            either(format!("trailer {name}"), TRAILER, sent(name, "/evil"), one().post("hello"))
                .partly(),
        );
    }
    for name in [
        "content-length",
        "host",
        "authorization",
        "x-forwarded-for",
        "content-type",
        "cookie",
        "forwarded",
        "x-request-id",
        "connection",
        "transfer-encoding",
    ] {
        cases.push(
            either(format!("trailer {name}"), TRAILER, sent(name, "5"), one().post("hello"))
                .partly(),
        );
    }
    cases
}
