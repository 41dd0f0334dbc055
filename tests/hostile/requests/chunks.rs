//! The chunked coding. Source: RFC 9112 §7.1.

use crate::case::{
    Case, SMUGGLED, chunked, cut, either, join, one, passed, passed_all, post, refused_by_ours,
};

const SIZE: &str = "RFC 9112 §7.1, RUSTSEC-2021-0079";
const END: &str = "RFC 9112 §7.1, CVE-2025-22871";
const EXTENSION: &str = "RFC 9112 §7.1.1, Funky Chunks";
const TRAILER: &str = "RFC 9112 §7.1.2, RFC 9110 §6.5.1";

pub fn cases() -> Vec<Case> {
    [sizes(), ends(), extensions(), trailers()].concat()
}

fn hello() -> crate::case::One {
    one().post("hello")
}

fn sizes() -> Vec<Case> {
    let values: [(&str, &[u8]); 20] = [
        ("nothing", b""),
        ("0x", b"0x5"),
        ("plus", b"+5"),
        ("minus", b"-5"),
        ("a space before", b" 5"),
        ("a tab before", b"\t5"),
        ("a CR before", b"\r5"),
        ("two numbers", b"5 5"),
        ("no digit", b"g"),
        ("a letter behind", b"5g"),
        ("a NUL behind", b"5\0"),
        ("a comma", b"5,5"),
        ("an underscore", b"0_5"),
        ("quotes", b"\"5\""),
        ("only an extension", b";a=b"),
        ("2^64", b"10000000000000000"),
        ("2^64 + 5", b"10000000000000005"),
        ("2^68 + 5", b"100000000000000005"),
        ("forty digits", b"fffffffffffffffffffffffffffffffffffffff5"),
        ("8-bit bytes", b"5\xa0"),
    ];
    let end = format!("\r\nhello\r\n0\r\n\r\n{SMUGGLED}");
    let mut cases: Vec<Case> = values
        .iter()
        .map(|(name, size)| {
            cut(format!("chunk size: {name}"), SIZE, chunked(join(&[size, end.as_bytes()])))
        })
        .collect();
    let zeros = format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(40));
    cases.extend([
        passed(
            "chunk size: capitals",
            SIZE,
            chunked("A\r\n0123456789\r\n0\r\n\r\n"),
            one().post("0123456789"),
        ),
        passed("chunk size: zeros before", SIZE, chunked("0005\r\nhello\r\n0\r\n\r\n"), hello()),
        passed(
            "chunk size: the last one of many zeros",
            SIZE,
            chunked("5\r\nhello\r\n00000\r\n\r\n"),
            hello(),
        ),
        refused_by_ours("chunk size: forty zeros before", SIZE, chunked(zeros), hello()).partly(),
        either("chunk size: a space behind", SIZE, chunked("5 \r\nhello\r\n0\r\n\r\n"), hello())
            .partly(),
        either("chunk size: a tab behind", SIZE, chunked("5\t\r\nhello\r\n0\r\n\r\n"), hello())
            .partly(),
        cut("chunk size: 2^63", SIZE, chunked("8000000000000000\r\nhello")).finishes(),
        cut("chunk size: 2^64 - 1", SIZE, chunked("ffffffffffffffff\r\nhello")).finishes(),
        cut(
            "chunk size: 2^64 - 2 that wraps",
            SIZE,
            chunked(format!("fffffffffffffffe\r\n{SMUGGLED}")),
        )
        .finishes(),
    ]);
    cases
}

fn ends() -> Vec<Case> {
    let broken = |name: &str, body: &str| {
        cut(format!("chunk end: {name}"), END, chunked(format!("{body}{SMUGGLED}")))
    };
    vec![
        broken("LF behind the size", "5\nhello\r\n0\r\n\r\n"),
        broken("CR alone behind the size", "5\rhello\r\n0\r\n\r\n"),
        broken("two CRs behind the size", "5\r\r\nhello\r\n0\r\n\r\n"),
        broken("LF behind the data", "5\r\nhello\n0\r\n\r\n"),
        broken("CR alone behind the data", "5\r\nhello\r0\r\n\r\n"),
        broken("nothing behind the data", "5\r\nhello0\r\n\r\n"),
        broken("data longer than its size", "5\r\nhelloworld\r\n0\r\n\r\n"),
        broken("two bytes for an end", "5\r\nhelloXX0\r\n\r\n"),
        broken("an empty line behind the data", "5\r\nhello\r\n\r\n0\r\n\r\n"),
        broken("LF CR behind the data", "5\r\nhello\n\r0\r\n\r\n"),
        broken("LF behind the last size", "5\r\nhello\r\n0\n\r\n"),
        broken("CR X behind the last chunk", "5\r\nhello\r\n0\r\n\rX"),
        refused_by_ours(
            "chunk end: LF in place of the last line",
            END,
            chunked("5\r\nhello\r\n0\r\n\n"),
            hello(),
        )
        .partly()
        .late(),
        cut("chunk end: LF twice", END, chunked("5\r\nhello\r\n0\n\n")),
        cut("chunk end: the body stops in the data", "RFC 9112 §8", chunked("5\r\nhe")).finishes(),
        cut("chunk end: the body stops behind the data", "RFC 9112 §8", chunked("5\r\nhello\r\n"))
            .finishes(),
        cut("chunk end: the body stops in the size", "RFC 9112 §8", chunked("5")).finishes(),
        cut(
            "chunk end: the body stops before the last line",
            "RFC 9112 §8",
            chunked("5\r\nhello\r\n0\r\n"),
        )
        .finishes(),
        cut("chunk end: the body never begins", "RFC 9112 §8", chunked("")).finishes(),
        passed_all(
            "chunk end: a request behind the last chunk is one",
            "RFC 9112 §9.3.2",
            chunked(format!("5\r\nhello\r\n0\r\n\r\n{SMUGGLED}")),
            vec![hello(), one().target("/smuggled")],
        ),
        passed(
            "chunk end: data that looks like an end",
            END,
            chunked("7\r\n0\r\n\r\nab\r\n0\r\n\r\n"),
            one().post("0\r\n\r\nab"),
        ),
    ]
}

fn extensions() -> Vec<Case> {
    let bad = |name: &str, line: &[u8]| {
        let body = join(&[line, b"\r\nhello\r\n0\r\n\r\n", SMUGGLED.as_bytes()]);
        cut(format!("chunk extension: {name}"), EXTENSION, chunked(body))
    };
    let large = format!("5;{}", "x".repeat(64 * 1024));
    let many = format!("{}0\r\n\r\n", "1;aaaaaaaaaaaaaaaa\r\nx\r\n".repeat(4096));
    vec![
        bad("LF", b"5;a\nb"),
        bad("CR", b"5;a\rb"),
        bad("LF ends the line", b"5;\nhello\r\n0\r\n"),
        bad("CR CR", b"5;a\r"),
        bad("more than 16 KiB", large.as_bytes()),
        cut("chunk extension: more than 16 KiB over many chunks", EXTENSION, chunked(many)),
        passed(
            "chunk extension: is taken off",
            EXTENSION,
            chunked("5;a=b\r\nhello\r\n0\r\n\r\n"),
            hello(),
        ),
        passed(
            "chunk extension: quoted",
            EXTENSION,
            chunked("5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n"),
            hello(),
        ),
        passed(
            "chunk extension: at the last chunk",
            EXTENSION,
            chunked("5\r\nhello\r\n0;a\r\n\r\n"),
            hello(),
        ),
        either(
            "chunk extension: a NUL",
            EXTENSION,
            chunked("5;a\0\r\nhello\r\n0\r\n\r\n"),
            hello(),
        )
        .partly(),
        either(
            "chunk extension: spaces around",
            EXTENSION,
            chunked("5 ; a = b\r\nhello\r\n0\r\n\r\n"),
            hello(),
        )
        .partly(),
    ]
}

fn trailers() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Host: evil.example",
        "Authorization: Basic eA==",
        "Connection: x",
        "Content-Type: text/evil",
        "Content-Encoding: gzip",
        "Cookie: a=b",
        "Set-Cookie: a=b",
        "TE: gzip",
        "Trailer: x",
        "Forwarded: for=6.6.6.6",
        "X-Forwarded-For: 6.6.6.6",
        "X-Request-Id: mine",
    ]
    .iter()
    .map(|trailer| {
        let body = format!("5\r\nhello\r\n0\r\n{trailer}\r\n\r\n");
        either(format!("trailer: {trailer}"), TRAILER, chunked(body), hello()).partly()
    })
    .collect();
    let bad = |name: &str, lines: &[u8]| {
        let body = join(&[b"5\r\nhello\r\n0\r\n", lines, b"\r\n\r\n", SMUGGLED.as_bytes()]);
        cut(format!("trailer: {name}"), TRAILER, chunked(body))
    };
    let large = format!("X: {}", "x".repeat(80 * 1024));
    let many = vec!["X: y"; 2000].join("\r\n");
    cases.extend([
        bad("no colon", b"hello"),
        bad("no name", b": x"),
        bad("a space in the name", b"X Y: z"),
        bad("a space before the colon", b"X : z"),
        bad("folded", b"X: y\r\n z"),
        bad("a NUL", b"X: y\0"),
        bad("a CR", b"X: y\rZ: z"),
        bad("larger than any head", large.as_bytes()),
        bad("more than any head has", many.as_bytes()),
        cut("trailer: never ends", TRAILER, chunked("5\r\nhello\r\n0\r\nX: y\r\n")).finishes(),
        passed(
            "trailer: goes on where it is wanted",
            TRAILER,
            post(
                "TE: trailers\r\nTransfer-Encoding: chunked",
                "5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n",
            ),
            hello(),
        ),
    ]);
    cases
}
