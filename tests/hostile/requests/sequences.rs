//! Several requests at once, good ones and hostile ones. Source: RFC 9112 §9.3.2.

use crate::case::{
    Case, SMUGGLED, chunked, get, host, join, one, passed_all, passed_then_refused, post, refused,
    target,
};

const PIPELINE: &str = "RFC 9112 §9.3.2";

pub fn cases() -> Vec<Case> {
    let good = get("");
    let first = one;
    let then = |name: &str, hostile: &[u8]| {
        passed_then_refused(
            format!("pipeline: good, then {name}"),
            PIPELINE,
            join(&[&good, hostile, SMUGGLED.as_bytes()]),
            first(),
        )
    };
    vec![
        passed_all(
            "pipeline: five good ones in order",
            PIPELINE,
            join(&[&target("/1"), &target("/2"), &target("/3"), &target("/4"), &target("/5")]),
            ["/1", "/2", "/3", "/4", "/5"].map(|path| one().target(path)).into(),
        ),
        passed_all(
            "pipeline: bodies of both kinds between",
            PIPELINE,
            join(&[
                &post("Content-Length: 5", "hello"),
                &chunked("5\r\nhello\r\n0\r\n\r\n"),
                &target("/3"),
            ]),
            vec![one().post("hello"), one().post("hello"), one().target("/3")],
        ),
        passed_all(
            "pipeline: an empty line between",
            "RFC 9112 §2.2",
            join(&[&post("Content-Length: 5", "hello"), b"\r\n", &target("/2")]),
            vec![one().post("hello"), one().target("/2")],
        ),
        passed_all(
            "pipeline: HEAD, then GET",
            "RFC 9110 §9.3.2",
            join(&[b"HEAD /hostile HTTP/1.1\r\nHost: front.example\r\n\r\n", &target("/2")]),
            vec![one().method("HEAD"), one().target("/2")],
        ),
        then("no host", b"GET /hostile HTTP/1.1\r\n\r\n"),
        then("two hosts", &host("Host: a\r\nHost: b")),
        then("a length that is none", &post("Content-Length: x", "")),
        then("a coding that is unknown", &post("Transfer-Encoding: x", "")),
        then("a folded field", &get("A: b\r\n c")),
        then("a broken line", b"GET\r\n\r\n"),
        then("CONNECT", b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"),
        then("a NUL", b"\0"),
        refused(
            "pipeline: hostile, then good",
            PIPELINE,
            join(&[&host("Host: a\r\nHost: b"), &good]),
        ),
        passed_all(
            "pipeline: a byte behind a body begins a request of its own",
            PIPELINE,
            join(&[&post("Content-Length: 5", "helloX"), SMUGGLED.as_bytes()]),
            vec![one().post("hello"), one().method("XGET").target("/smuggled")],
        ),
    ]
}
