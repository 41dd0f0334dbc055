//! Where a body ends: lengths, codings, and both. Source: RFC 9112 §6.

use crate::case::{
    Case, SMUGGLED, cut, either, get, join, one, passed, passed_all, post, refused, refused_by_ours,
};

const BOTH: &str = "RFC 9112 §6.1, CL.TE and TE.CL";
const CODING: &str = "RFC 9112 §6.1, TE.TE";
const LENGTH: &str = "RFC 9112 §6.3, CVE-2023-40225, RUSTSEC-2021-0078";

pub fn cases() -> Vec<Case> {
    [both(), codings(), names(), lengths(), odd()].concat()
}

fn both() -> Vec<Case> {
    let inner = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    let after = format!("0\r\n\r\n{SMUGGLED}");
    let long = format!("Content-Length: {}\r\nTransfer-Encoding: chunked", after.len());
    vec![
        refused_by_ours(
            "CL.TE: the length hides a request behind the last chunk",
            BOTH,
            post(&long, &after),
            one().post(""),
        ),
        refused_by_ours(
            "CL.TE: one byte more than the chunks",
            BOTH,
            post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"),
            one().post(""),
        ),
        refused_by_ours(
            "TE.CL: the chunks hide a request behind the length",
            BOTH,
            post("Transfer-Encoding: chunked\r\nContent-Length: 4", &inner),
            one().post(SMUGGLED),
        ),
        refused_by_ours(
            "TE.CL: the length comes first",
            BOTH,
            post("Content-Length: 4\r\nTransfer-Encoding: chunked", &inner),
            one().post(SMUGGLED),
        ),
        refused_by_ours(
            "TE.0: length 0 and chunks",
            BOTH,
            post("Content-Length: 0\r\nTransfer-Encoding: chunked", &inner),
            one().post(SMUGGLED),
        ),
        refused_by_ours(
            "a length that is no number beside chunks",
            BOTH,
            post("Transfer-Encoding: chunked\r\nContent-Length: abc", &inner),
            one().post(SMUGGLED),
        ),
        refused_by_ours(
            "equal framings are two all the same",
            BOTH,
            post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
            one().post(""),
        ),
        refused(
            "two lengths and chunks",
            BOTH,
            post("Content-Length: 4\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", &inner),
        ),
        refused(
            "a coding in HTTP/1.0",
            "RFC 9112 §6.1, CVE-2026-2835",
            format!(
                "POST /hostile HTTP/1.0\r\nHost: front.example\r\nTransfer-Encoding: chunked\r\n\r\n{inner}"
            ),
        ),
        refused(
            "a coding and a length in HTTP/1.0",
            "RFC 9112 §6.1, CVE-2026-2835",
            format!(
                "POST /hostile HTTP/1.0\r\nHost: front.example\r\nConnection: keep-alive\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n{inner}"
            ),
        ),
    ]
}

/// Each beside a length that would hide a request, and alone.
fn codings() -> Vec<Case> {
    let body = format!("0\r\n\r\n{SMUGGLED}");
    let values: [(&str, &[u8]); 26] = [
        ("xchunked", b"xchunked"),
        ("chunkedx", b"chunkedx"),
        ("chunked, identity", b"chunked, identity"),
        ("identity, chunked", b"identity, chunked"),
        ("identity", b"identity"),
        ("gzip", b"gzip"),
        ("gzip, chunked", b"gzip, chunked"),
        ("chunked, chunked", b"chunked, chunked"),
        ("chunked, gzip", b"chunked, gzip"),
        ("a parameter", b"chunked;q=1"),
        ("quotes", b"\"chunked\""),
        ("single quotes", b"'chunked'"),
        ("vertical tab behind", b"chunked\x0b"),
        ("vertical tab before", b"\x0bchunked"),
        ("form feed", b"\x0cchunked"),
        ("NUL behind", b"chunked\0"),
        ("NUL before", b"\0chunked"),
        ("DEL", b"chunked\x7f"),
        ("no-break space", b"\xa0chunked"),
        ("next line", b"chunked\x85"),
        ("a comma behind", b"chunked,"),
        ("a comma before", b", chunked"),
        ("a space inside", b"chun ked"),
        ("a tab inside", b"chun\tked"),
        ("nothing", b""),
        ("another word", b"cow"),
    ];
    let mut cases: Vec<Case> = values
        .iter()
        .map(|(name, value)| {
            let fields = join(&[b"Transfer-Encoding: ", value]);
            refused(format!("coding: {name}"), CODING, post(fields, &body))
        })
        .collect();
    cases.extend([
        passed(
            "coding: capitals",
            CODING,
            post("Transfer-Encoding: CHUNKED", "1\r\na\r\n0\r\n\r\n"),
            one().post("a"),
        ),
        passed(
            "coding: spaces and tabs around",
            "RFC 9110 §5.6.3",
            post("Transfer-Encoding: \t chunked \t ", "1\r\na\r\n0\r\n\r\n"),
            one().post("a"),
        ),
        refused(
            "coding: twice",
            CODING,
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", &body),
        ),
        refused(
            "coding: chunked, then identity in a field of its own",
            CODING,
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", &body),
        ),
        refused(
            "coding: identity, then chunked in a field of its own",
            CODING,
            post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", &body),
        ),
        refused(
            "coding: chunked, then nothing in a field of its own",
            CODING,
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding:", &body),
        ),
        refused(
            "coding: unknown beside a length",
            CODING,
            post("Content-Length: 5\r\nTransfer-Encoding: xchunked", "0\r\n\r\n"),
        ),
    ]);
    cases
}

/// The name of the field written so that one side may overlook it.
fn names() -> Vec<Case> {
    let body = format!("0\r\n\r\n{SMUGGLED}");
    let length = format!("Content-Length: {}\r\n", body.len());
    let with = |line: &[u8]| post(join(&[length.as_bytes(), line]), &body);
    let hidden =
        |name: &str, line: &[u8]| refused(format!("coding's name: {name}"), CODING, with(line));
    vec![
        hidden("a space before the colon", b"Transfer-Encoding : chunked"),
        hidden("a tab before the colon", b"Transfer-Encoding\t: chunked"),
        hidden("a vertical tab before the colon", b"Transfer-Encoding\x0b: chunked"),
        hidden("a NUL before the colon", b"Transfer-Encoding\0: chunked"),
        hidden("a NUL inside", b"Transfer\0-Encoding: chunked"),
        hidden("a space before", b" Transfer-Encoding: chunked"),
        hidden("a tab before", b"\tTransfer-Encoding: chunked"),
        hidden("a space inside", b"Transfer Encoding: chunked"),
        hidden("folded behind the colon", b"Transfer-Encoding:\r\n chunked"),
        hidden("folded inside the value", b"Transfer-Encoding: chun\r\n ked"),
        hidden("behind a CR", b"X: y\rTransfer-Encoding: chunked"),
        hidden("behind a colon", b"X: y\r\n: Transfer-Encoding: chunked"),
        hidden("no colon", b"Transfer-Encoding chunked"),
        hidden("8-bit bytes", b"Transfer-Encoding\xa0: chunked"),
        hidden("in quotes", b"\"Transfer-Encoding\": chunked"),
        refused_by_ours(
            "coding's name: behind a bare LF",
            "RFC 9112 §2.2",
            with(b"X: y\nTransfer-Encoding: chunked"),
            one().post(""),
        ),
        passed(
            "coding's name: an underscore",
            "CVE-2023-25725",
            post("Content-Length: 5\r\nTransfer_Encoding: chunked", "0\r\n\r\n"),
            one().post("0\r\n\r\n").lacks("transfer_encoding"),
        ),
        passed(
            "coding's name: of content",
            "RFC 9110 §8.4",
            post("Content-Length: 5\r\nContent-Encoding: chunked", "0\r\n\r\n"),
            one().post("0\r\n\r\n"),
        ),
    ]
}

fn lengths() -> Vec<Case> {
    let values: [(&str, &[u8]); 22] = [
        ("plus", b"+5"),
        ("minus", b"-5"),
        ("minus nothing", b"-0"),
        ("hexadecimal", b"0x5"),
        ("hexadecimal digits", b"a"),
        ("a fraction", b"5.0"),
        ("an exponent", b"5e0"),
        ("two words", b"5 5"),
        ("a list of two", b"5, 6"),
        ("a semicolon", b"5;"),
        ("quotes", b"\"5\""),
        ("nothing", b""),
        ("a comma", b"5,"),
        ("a comma before", b",5"),
        ("an underscore", b"5_0"),
        ("a vertical tab", b"5\x0b"),
        ("a NUL", b"5\0"),
        ("a DEL", b"5\x7f"),
        ("an Arabic digit", "\u{665}".as_bytes()),
        ("2^64", b"18446744073709551616"),
        ("2^64 + 5", b"18446744073709551621"),
        ("forty digits", b"1000000000000000000000000000000000000005"),
    ];
    let mut cases: Vec<Case> = values
        .iter()
        .map(|(name, value)| {
            let fields = join(&[b"Content-Length: ", value]);
            refused(format!("length: {name}"), LENGTH, post(fields, format!("hello{SMUGGLED}")))
        })
        .collect();
    cases.extend([
        refused(
            "length: two that differ",
            LENGTH,
            post("Content-Length: 5\r\nContent-Length: 6", format!("hello{SMUGGLED}")),
        ),
        refused(
            "length: nothing, then 5",
            LENGTH,
            post("Content-Length:\r\nContent-Length: 5", format!("hello{SMUGGLED}")),
        ),
        refused_by_ours(
            "length: two that are equal",
            LENGTH,
            post("Content-Length: 5\r\nContent-Length: 5", "hello"),
            one().post("hello").has("content-length", "5"),
        ),
        either(
            "length: a list of equals",
            LENGTH,
            post("Content-Length: 5, 5", "hello"),
            one().post("hello").has("content-length", "5"),
        ),
        passed(
            "length: zeros before",
            "RFC 9110 §8.6",
            post("Content-Length: 0005", "hello"),
            one().post("hello").has("content-length", "5"),
        ),
        refused("length: a space before the colon", LENGTH, post("Content-Length : 5", "hello")),
        refused("length: folded", LENGTH, post("Content-Length:\r\n 5", "hello")),
        cut("length: 2^63", LENGTH, post("Content-Length: 9223372036854775808", "hello"))
            .finishes(),
        cut("length: 2^64 - 1", LENGTH, post("Content-Length: 18446744073709551615", "hello"))
            .finishes(),
        cut("length: more than comes", "RFC 9112 §8", post("Content-Length: 500", "hello"))
            .finishes(),
        passed(
            "length: an underscore in its name",
            "CVE-2023-25725",
            get("Content_Length: 5"),
            one().lacks("content_length"),
        ),
    ]);
    cases
}

/// Bodies where one side may expect none.
fn odd() -> Vec<Case> {
    let with_body = |method: &str, framing: &str, body: &str| {
        format!("{method} /hostile HTTP/1.1\r\nHost: front.example\r\n{framing}\r\n\r\n{body}")
    };
    let length = format!("Content-Length: {}", SMUGGLED.len());
    let inner = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    let odd = |method: &'static str| {
        let mut one = one().post(SMUGGLED);
        one.method = method;
        one
    };
    let mut cases = vec![
        passed_all(
            "CL.0: no length, and a request behind",
            "RFC 9112 §6.3",
            join(&[&post("", ""), SMUGGLED.as_bytes()]),
            vec![one().post("").has("content-length", "0"), one().target("/smuggled")],
        ),
        passed_all(
            "0.CL: length 0, and a request behind",
            "RFC 9112 §6.3",
            join(&[&post("Content-Length: 0", ""), SMUGGLED.as_bytes()]),
            vec![one().post("").has("content-length", "0"), one().target("/smuggled")],
        ),
    ];
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
        cases.push(passed(
            format!("{method} with a length hides no request"),
            "RFC 9110 §9.3",
            with_body(method, &length, SMUGGLED),
            odd(method),
        ));
    }
    for method in ["GET", "HEAD"] {
        cases.push(passed(
            format!("{method} in chunks hides no request"),
            "RFC 9110 §9.3",
            with_body(method, "Transfer-Encoding: chunked", &inner),
            odd(method),
        ));
    }
    cases
}
