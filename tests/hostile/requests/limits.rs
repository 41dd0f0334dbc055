//! What is too long, too many or too slow. Source: RFC 9110 §15.5.

use crate::bench::{HEAD, TARGET};
use crate::case::{Case, chunked, cut, get, join, line, one, passed, post, refused, target};

const LONG: &str = "RFC 9112 §3, RFC 6585 §5";
const SLOW: &str = "slowloris";

pub fn cases() -> Vec<Case> {
    let fields = |count: usize| -> String {
        (0..count).map(|index| format!("X-{index}: y")).collect::<Vec<_>>().join("\r\n")
    };
    vec![
        refused("limit: a target", LONG, target(format!("/hostile/{}", "x".repeat(TARGET)))),
        refused("limit: a query", LONG, target(format!("/hostile?{}", "x".repeat(TARGET)))),
        refused(
            "limit: a target longer than any head",
            LONG,
            target(format!("/hostile/{}", "x".repeat(HEAD * 2))),
        ),
        refused(
            "limit: a target that grows with dots",
            LONG,
            target(format!("/hostile/{}", "a/../".repeat(TARGET))),
        ),
        refused("limit: a value", LONG, get(format!("X: {}", "x".repeat(HEAD * 2)))),
        refused("limit: a name", LONG, get(format!("{}: y", "x".repeat(HEAD * 2)))),
        refused(
            "limit: a host",
            LONG,
            line(format!("GET /hostile HTTP/1.1\r\nHost: {}", "x".repeat(HEAD * 2))),
        ),
        refused("limit: a cookie of many crumbs", LONG, get(vec!["Cookie: a=b"; 200].join("\r\n"))),
        refused("limit: 101 fields", LONG, get(fields(100))),
        refused("limit: 1,000 fields", LONG, get(fields(1000))),
        refused("limit: 1,000 empty fields", LONG, get(vec!["X:"; 1000].join("\r\n"))),
        passed("limit: 90 fields are no attack", LONG, get(fields(89)), one().has("x-88", "y")),
        refused(
            "limit: a method",
            LONG,
            line(format!("{} /hostile HTTP/1.1", "X".repeat(HEAD * 2))),
        ),
        refused(
            "limit: a version",
            LONG,
            line(format!("GET /hostile HTTP/1.{}", "1".repeat(HEAD * 2))),
        ),
        refused(
            "limit: a head that never ends",
            LONG,
            join(&[b"GET /hostile HTTP/1.1\r\n", &b"X: y\r\n".repeat(HEAD)]),
        ),
        refused("limit: a line that never ends", LONG, vec![b'A'; HEAD * 16]),
        refused("limit: empty lines that never end", LONG, b"\r\n".repeat(HEAD)).late(),
        refused("head: stops in the method", "RFC 9112 §8", "GE").finishes(),
        refused("head: stops in the target", "RFC 9112 §8", "GET /host").finishes(),
        refused("head: stops in a name", "RFC 9112 §8", "GET /hostile HTTP/1.1\r\nHo").finishes(),
        refused(
            "head: stops before the empty line",
            "RFC 9112 §8",
            "GET /hostile HTTP/1.1\r\nHost: front.example\r\n",
        )
        .finishes(),
        refused(
            "head: stops before the last LF",
            "RFC 9112 §8",
            "GET /hostile HTTP/1.1\r\nHost: front.example\r\n\r",
        )
        .finishes(),
        refused("silence: in the method", SLOW, "G").late(),
        refused("silence: behind the method of HTTP/2", SLOW, "PRI * HT").late(),
        refused("silence: in a field", SLOW, "GET /hostile HTTP/1.1\r\nHost: front.example\r\nX: ")
            .late(),
        refused(
            "silence: before the last LF",
            SLOW,
            "GET /hostile HTTP/1.1\r\nHost: front.example\r\n\r",
        )
        .late(),
        refused("silence: from the first byte", SLOW, "").late(),
        cut("silence: in a body of a length", "slow body", post("Content-Length: 500", "hello"))
            .late(),
        cut("silence: in a chunk", "slow body", chunked("5\r\nhe")).late(),
        cut("silence: behind a chunk", "slow body", chunked("5\r\nhello\r\n")).late(),
        cut("silence: in a chunk's size", "slow body", chunked("5")).late(),
        cut("silence: in the trailers", "slow body", chunked("5\r\nhello\r\n0\r\nX: y\r\n")).late(),
        cut("silence: before the first chunk", "slow body", chunked("")).late(),
        cut(
            "silence: after 100-continue",
            "slow body",
            post("Expect: 100-continue\r\nContent-Length: 5", ""),
        )
        .late(),
    ]
}
