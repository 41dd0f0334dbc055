//! Bodies of answers, and what follows them. Source: RFC 9112 §6, §7, §9.

use super::kinds::{Case, SMUGGLED, answer, broken, chunked, either, fine, ok, whole};
use crate::case::join;

const CHUNK: &str = "RFC 9112 §7.1";
const NO_BODY: &str = "RFC 9112 §6.3";
const AFTER: &str = "RFC 9112 §9.2, response queue poisoning";

pub fn cases() -> Vec<Case> {
    [chunks(), ends(), no_bodies(), after()].concat()
}

fn chunks() -> Vec<Case> {
    let mut cases = Vec::new();
    for body in [
        "g\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\n\rX",
        "5\r\nhello\r\n0\r\nX Y: z\r\n\r\n",
        "5\r\nhello\r\n0\r\n: z\r\n\r\n",
        "5\r\nhello\r\n0\r\nX\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
    ] {
        cases.push(broken(&format!("chunks {body:?}"), CHUNK, chunked(body)));
    }
    let many = format!("5\r\nhello\r\n0\r\n{}\r\n", "X: y\r\n".repeat(2000));
    let large = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(64 * 1024));
    cases.extend([
        broken("2,000 trailers", "RFC 9112 §7.1.2", chunked(many)),
        broken("a chunk extension of 64 KiB", "RFC 9112 §7.1.1", chunked(large)),
        broken("it stops in a chunk", "RFC 9112 §8", chunked("5\r\nhe")).closes(),
        broken("it stops behind a chunk", "RFC 9112 §8", chunked("5\r\nhello\r\n")).closes(),
        broken("it stops in the trailers", "RFC 9112 §8", chunked("5\r\nhello\r\n0\r\nX: y\r\n"))
            .closes(),
        broken("it stops before the first chunk", "RFC 9112 §8", chunked("")).closes(),
        fine(
            "chunk extensions are taken off",
            CHUNK,
            chunked("5;a=b\r\nhello\r\n0;c\r\n\r\n"),
            whole(200, "hello"),
        )
        .reused(),
        fine(
            "trailers that nobody asked for",
            "RFC 9110 §6.5.1",
            chunked("5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n"),
            whole(200, "hello").lacks("x-late"),
        )
        .reused(),
    ]);
    for name in
        ["Content-Length", "Transfer-Encoding", "Set-Cookie", "Connection", "Host", "Content-Type"]
    {
        let body = format!("5\r\nhello\r\n0\r\n{name}: 1\r\n\r\n");
        let lacks = match name {
            "Set-Cookie" => "set-cookie",
            "Content-Length" => "content-length",
            _ => "content-type",
        };
        cases.push(
            either(
                &format!("trailer {name}"),
                "RFC 9110 §6.5.1",
                chunked(body),
                whole(200, "hello").lacks(lacks),
            )
            .reused(),
        );
    }
    cases
}

fn ends() -> Vec<Case> {
    vec![
        broken("shorter than its length", "RFC 9112 §8", ok("Content-Length: 50", "hello"))
            .closes(),
        broken("nothing of its length", "RFC 9112 §8", ok("Content-Length: 50", "")).closes(),
        broken(
            "a length of 2^63",
            "RFC 9112 §8",
            ok("Content-Length: 9223372036854775807", "hello"),
        )
        .closes(),
        fine(
            "longer than its length",
            AFTER,
            ok("Content-Length: 5", "helloworld"),
            whole(200, "hello"),
        ),
        fine("to the end of the connection", "RFC 9112 §6.3", ok("", "hello"), whole(200, "hello"))
            .closes(),
        fine(
            "to the end, in HTTP/1.0",
            "RFC 9112 §6.3",
            answer("HTTP/1.0 200 OK", "", "hello"),
            whole(200, "hello"),
        )
        .closes(),
        fine(
            "to the end, in spite of keep-alive",
            "RFC 9112 §6.3",
            answer("HTTP/1.0 200 OK", "Connection: keep-alive", "hello"),
            whole(200, "hello"),
        )
        .closes(),
        fine(
            "HTTP/1.0 does not stay",
            "RFC 9112 §9.3",
            answer("HTTP/1.0 200 OK", "Content-Length: 5", "hello"),
            whole(200, "hello"),
        ),
        fine(
            "close, yet it stays",
            "RFC 9112 §9.6",
            ok("Connection: close\r\nContent-Length: 5", "hello"),
            whole(200, "hello"),
        ),
    ]
}

fn no_bodies() -> Vec<Case> {
    let sent = |line: &str| join(&[&answer(line, "Content-Length: 5", ""), b"hello"]);
    let smuggled = |line: &str| join(&[&answer(line, "", ""), SMUGGLED.as_bytes()]);
    vec![
        fine("204 with a body", NO_BODY, sent("HTTP/1.1 204 No Content"), whole(204, "")),
        fine(
            "204 and an answer behind",
            AFTER,
            smuggled("HTTP/1.1 204 No Content"),
            whole(204, ""),
        ),
        fine(
            "204 in chunks",
            NO_BODY,
            answer(
                "HTTP/1.1 204 No Content",
                "Transfer-Encoding: chunked",
                "5\r\nhello\r\n0\r\n\r\n",
            ),
            whole(204, "").lacks("transfer-encoding"),
        ),
        fine("304 with a body", NO_BODY, sent("HTTP/1.1 304 Not Modified"), whole(304, "")),
        fine(
            "304 and an answer behind",
            AFTER,
            smuggled("HTTP/1.1 304 Not Modified"),
            whole(304, ""),
        ),
        fine("HEAD with a body", NO_BODY, ok("Content-Length: 5", "hello"), whole(200, ""))
            .method("HEAD"),
        fine(
            "HEAD and an answer behind",
            AFTER,
            join(&[&ok("Content-Length: 51", ""), SMUGGLED.as_bytes()]),
            whole(200, ""),
        )
        .method("HEAD"),
        fine(
            "HEAD in chunks with a body",
            NO_BODY,
            chunked("5\r\nhello\r\n0\r\n\r\n"),
            whole(200, ""),
        )
        .method("HEAD"),
        fine(
            "HEAD with a length and nothing more",
            NO_BODY,
            ok("Content-Length: 5", ""),
            whole(200, ""),
        )
        .method("HEAD")
        .reused(),
        fine(
            "204 with a length and nothing more",
            NO_BODY,
            answer("HTTP/1.1 204 No Content", "Content-Length: 0", ""),
            whole(204, "").lacks("content-length"),
        )
        .reused(),
        fine(
            "304 with a length and nothing more",
            NO_BODY,
            answer("HTTP/1.1 304 Not Modified", "Content-Length: 5", ""),
            whole(304, ""),
        )
        .reused(),
        fine(
            "205 with length 0",
            NO_BODY,
            answer("HTTP/1.1 205 Reset Content", "Content-Length: 0", ""),
            whole(205, ""),
        )
        .reused(),
    ]
}

fn after() -> Vec<Case> {
    let good = ok("Content-Length: 5", "hello");
    vec![
        fine(
            "a second answer at once",
            AFTER,
            join(&[&good, SMUGGLED.as_bytes()]),
            whole(200, "hello"),
        ),
        fine(
            "a second answer behind chunks",
            AFTER,
            join(&[&chunked("5\r\nhello\r\n0\r\n\r\n"), SMUGGLED.as_bytes()]),
            whole(200, "hello"),
        ),
        fine(
            "a second answer behind nothing",
            AFTER,
            join(&[&ok("Content-Length: 0", ""), SMUGGLED.as_bytes()]),
            whole(200, ""),
        ),
        fine("CR LF behind the body", AFTER, join(&[&good, b"\r\n"]), whole(200, "hello")),
        fine("a NUL behind the body", AFTER, join(&[&good, b"\0"]), whole(200, "hello")),
        fine("a second answer later", AFTER, &good, whole(200, "hello")).adds(SMUGGLED.as_bytes()),
        fine("junk later", AFTER, &good, whole(200, "hello")).adds(b"junk"),
        fine("a time-out for nobody later", "RFC 9110 §15.5.9", &good, whole(200, "hello")).adds(
            b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        ),
        fine("a line's end later", AFTER, &good, whole(200, "hello")).adds(b"\r\n"),
        fine(
            "keep-alive, then closed",
            "RFC 9112 §9.5",
            ok("Connection: keep-alive\r\nContent-Length: 5", "hello"),
            whole(200, "hello"),
        )
        .closes(),
        fine("nothing wrong", "RFC 9112 §9.3", &good, whole(200, "hello")).reused(),
    ]
}
