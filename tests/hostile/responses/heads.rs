//! Heads of answers. Source: RFC 9112 §4, §5, §6; RFC 9110 §15.

use super::kinds::{Case, SMUGGLED, answer, bad, either, fine, ok, whole};
use crate::case::join;

const FRAMING: &str = "RFC 9112 §6.3, response smuggling";
const STATUS: &str = "RFC 9112 §4, RFC 9110 §15";
const FIELD: &str = "RFC 9112 §5, response splitting";

pub fn cases() -> Vec<Case> {
    [framing(), status(), fields(), interim()].concat()
}

fn framing() -> Vec<Case> {
    let mut cases = vec![
        bad(
            "length and chunks",
            FRAMING,
            ok("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ),
        bad(
            "chunks and length",
            FRAMING,
            ok("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
        ),
        bad(
            "two lengths that differ",
            FRAMING,
            ok("Content-Length: 2\r\nContent-Length: 5", "hello"),
        ),
        bad("a list of lengths", FRAMING, ok("Content-Length: 2, 5", "hello")),
        either(
            "two lengths that are equal",
            FRAMING,
            ok("Content-Length: 5\r\nContent-Length: 5", "hello"),
            whole(200, "hello"),
        ),
        bad(
            "two codings",
            FRAMING,
            ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ),
        bad(
            "a coding in HTTP/1.0",
            FRAMING,
            answer("HTTP/1.0 200 OK", "Transfer-Encoding: chunked", "0\r\n\r\n"),
        ),
        bad(
            "a coding's name with a space",
            FRAMING,
            ok("Transfer-Encoding : chunked\r\nContent-Length: 5", "0\r\n\r\n"),
        ),
        bad("a length's name with a space", FRAMING, ok("Content-Length : 5", "hello")),
        bad("a folded length", FRAMING, ok("Content-Length:\r\n 5", "hello")),
    ];
    for value in [
        "gzip",
        "chunked, identity",
        "xchunked",
        "identity",
        "chunked;a",
        "gzip, chunked",
        "chunked, chunked",
        "",
    ] {
        let bytes = ok(format!("Transfer-Encoding: {value}"), "0\r\n\r\n");
        cases.push(bad(&format!("coding {value:?}"), FRAMING, bytes));
    }
    for value in [
        "+5",
        "-5",
        "0x5",
        "5 5",
        "",
        "5;",
        "5.0",
        "a",
        "18446744073709551616",
        "99999999999999999999999",
    ] {
        let bytes = ok(format!("Content-Length: {value}"), "hello");
        cases.push(bad(&format!("length {value:?}"), FRAMING, bytes));
    }
    cases
}

fn status() -> Vec<Case> {
    let mut cases = Vec::new();
    for line in [
        "HTTP/1.1 99 Low",
        "HTTP/1.1 099 Low",
        "HTTP/1.1 1000 High",
        "HTTP/1.1 abc OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 000 None",
        "HTTP/1.1 +20 OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/0.9 200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/2 200",
        "http/1.1 200 OK",
        "HTTP/1.10 200 OK",
        "HTTPS/1.1 200 OK",
        "ICY 200 OK",
        " HTTP/1.1 200 OK",
        "HTTP/1.1",
        "200 OK",
        "GET / HTTP/1.1",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\rK",
    ] {
        cases.push(bad(
            &format!("status line {line:?}"),
            STATUS,
            answer(line, "Content-Length: 5", "hello"),
        ));
    }
    cases.extend([
        fine(
            "a status that nobody knows",
            STATUS,
            answer("HTTP/1.1 299 Odd", "Content-Length: 5", "hello"),
            whole(299, "hello"),
        )
        .reused(),
        either(
            "a status above 599",
            STATUS,
            answer("HTTP/1.1 999 Odd", "Content-Length: 5", "hello"),
            whole(999, "hello"),
        )
        .closes(),
        fine(
            "no reason",
            STATUS,
            answer("HTTP/1.1 200 ", "Content-Length: 5", "hello"),
            whole(200, "hello"),
        )
        .reused(),
        either(
            "no reason and no space",
            STATUS,
            answer("HTTP/1.1 200", "Content-Length: 5", "hello"),
            whole(200, "hello"),
        )
        .closes(),
        either(
            "a reason of 8-bit bytes",
            STATUS,
            answer(b"HTTP/1.1 200 \xe4\xff", "Content-Length: 5", "hello"),
            whole(200, "hello"),
        )
        .closes(),
        bad("HTTP/0.9", "HTTP/0.9", "<html>hello</html>").closes(),
        bad("nothing", "RFC 9112 §8", "").closes(),
        bad("the preface of HTTP/2", "RFC 9113 §3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        bad("settings of HTTP/2", "RFC 9113 §6.5", b"\0\0\0\x04\0\0\0\0\0").closes(),
        bad("a TLS alert", "RFC 8446 §6", b"\x15\x03\x01\0\x02\x02\x28").closes(),
        bad(
            "junk before the head",
            STATUS,
            join(&[b"junk\r\n", &ok("Content-Length: 5", "hello")]),
        ),
        either(
            "an empty line before the head",
            "RFC 9112 §2.2",
            join(&[b"\r\n", &ok("Content-Length: 5", "hello")]),
            whole(200, "hello"),
        )
        .closes(),
        bad("it stops in the status line", "RFC 9112 §8", "HTTP/1.1 20").closes(),
        bad("it stops in a field", "RFC 9112 §8", "HTTP/1.1 200 OK\r\nContent-Le").closes(),
        bad(
            "it stops before the empty line",
            "RFC 9112 §8",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        )
        .closes(),
    ]);
    cases
}

fn fields() -> Vec<Case> {
    let bad_field = |name: &str, line: &[u8]| {
        bad(name, FIELD, ok(join(&[line, b"\r\nContent-Length: 5"]), "hello"))
    };
    let many: String = (0..2000).map(|index| format!("X-{index}: y\r\n")).collect();
    let mut cases = vec![
        bad_field("a folded field", b"A: b\r\n c"),
        bad_field("a field folded with a tab", b"A: b\r\n\tc"),
        bad_field("a NUL in a value", b"A: b\0c"),
        bad_field("a CR in a value", b"A: b\rSet-Cookie: c"),
        bad_field("a control character in a value", b"A: b\x01"),
        bad_field("a DEL in a value", b"A: b\x7f"),
        bad_field("a NUL in a name", b"A\0: b"),
        bad_field("a space in a name", b"A B: c"),
        bad_field("a space before the colon", b"A : b"),
        bad_field("no name", b": b"),
        bad_field("no colon", b"A"),
        bad_field("8-bit bytes in a name", b"\xe4: b"),
        bad_field("2,000 fields", many.trim_end().as_bytes()),
        bad_field(
            "a value larger than any head",
            format!("A: {}", "x".repeat(200 * 1024)).as_bytes(),
        ),
        bad(
            "a head that never ends",
            "header bomb",
            join(&[b"HTTP/1.1 200 OK\r\n", &b"X: y\r\n".repeat(64 * 1024)]),
        ),
        bad(
            "a line that never ends",
            "header bomb",
            join(&[b"HTTP/1.1 200 ", &vec![b'A'; 512 * 1024]]),
        ),
        fine(
            "8-bit bytes in a value",
            FIELD,
            ok(b"A: \xe4\xff\r\nContent-Length: 5", "hello"),
            whole(200, "hello"),
        )
        .reused(),
        fine(
            "escapes of a line's end",
            FIELD,
            ok("A: b%0d%0aX-Split: 1\r\nContent-Length: 5", "hello"),
            whole(200, "hello").lacks("x-split"),
        )
        .reused(),
        either(
            "LF ends a field",
            FIELD,
            ok("A: b\nX: y\r\nContent-Length: 5", "hello"),
            whole(200, "hello"),
        )
        .closes(),
        either(
            "LF ends all",
            "RFC 9112 §2.2",
            "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
            whole(200, "hello"),
        )
        .closes(),
    ];
    for (field, name) in [
        ("Connection: close", "connection"),
        ("Connection: X-Hop\r\nX-Hop: 1", "x-hop"),
        ("Keep-Alive: timeout=5", "keep-alive"),
        ("Proxy-Connection: close", "proxy-connection"),
        ("Upgrade: h2c", "upgrade"),
        ("Connection: upgrade\r\nUpgrade: h2c", "upgrade"),
        ("TE: trailers", "te"),
        ("Proxy-Authenticate: Basic", "proxy-authenticate"),
    ] {
        let bytes = ok(format!("{field}\r\nContent-Length: 5"), "hello");
        cases.push(
            fine(
                &format!("for one connection alone: {field:?}"),
                "RFC 9110 §7.6.1",
                bytes,
                whole(200, "hello").lacks(name),
            )
            .closes(),
        );
    }
    let listed = ok("Connection: content-length\r\nContent-Length: 5", "hello");
    cases.push(
        fine("the length is listed", "RFC 9110 §7.6.1", listed, whole(200, "hello")).reused(),
    );
    cases
}

fn interim() -> Vec<Case> {
    let with = |lines: &str| join(&[lines.as_bytes(), &ok("Content-Length: 5", "hello")]);
    vec![
        bad(
            "101 that nobody asked for",
            "RFC 9110 §15.2.2",
            answer(
                "HTTP/1.1 101 Switching Protocols",
                "Connection: upgrade\r\nUpgrade: websocket",
                SMUGGLED,
            ),
        ),
        bad(
            "101 to h2c",
            "RFC 9110 §15.2.2",
            answer("HTTP/1.1 101 Switching Protocols", "Connection: upgrade\r\nUpgrade: h2c", ""),
        ),
        bad(
            "100 without end",
            "RFC 9110 §15.2",
            with(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(5000)),
        ),
        bad(
            "103 without end",
            "RFC 8297",
            with(&"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(5000)),
        ),
        fine(
            "some 100 that nobody waits for",
            "RFC 9110 §15.2.1",
            with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"),
            whole(200, "hello"),
        )
        .reused(),
        fine(
            "103, then the answer",
            "RFC 8297",
            with("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
            whole(200, "hello").lacks("link"),
        )
        .reused(),
        fine(
            "a status of 1xx that nobody knows",
            "RFC 9110 §15.2",
            with("HTTP/1.1 199 Odd\r\n\r\n"),
            whole(200, "hello"),
        )
        .reused(),
        either(
            "100 with a length",
            "RFC 9112 §6.3",
            with("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n"),
            whole(200, "hello"),
        )
        .closes(),
        bad(
            "100 with a body",
            "RFC 9112 §6.3",
            with("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello"),
        ),
        bad("100, then the end", "RFC 9112 §8", "HTTP/1.1 100 Continue\r\n\r\n").closes(),
    ]
}
