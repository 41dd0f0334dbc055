//! Which host is asked. Source: RFC 9112 §3.2; RFC 9110 §7.2.

use crate::case::{Case, either, host, join, one, passed, refused};

const HOST: &str = "RFC 9112 §3.2, hyper#3777";

pub fn cases() -> Vec<Case> {
    let values: [&[u8]; 43] = [
        b"",
        b" ",
        b"front.example/hostile",
        b"front.example?a",
        b"front.example#a",
        b"user@front.example",
        b"@front.example",
        b"a:b@front.example",
        b"front.example:port",
        b"front.example:80:80",
        b"front.example:-1",
        b"front.example:+80",
        b"front.example:65536",
        b"front.example:99999",
        b"front.example:080808",
        b"front.example: 80",
        b":80",
        b":",
        b"front.example evil.example",
        b"front.example\tevil.example",
        b"front.example,evil.example",
        b"front.example, evil.example",
        b"front.example;a",
        b"http://front.example",
        b"//front.example",
        b"front.example\\",
        b"front%2eexample",
        b"front%00.example",
        b"front.example\0",
        b"front.example\x7f",
        b"front.example\x0b",
        b"fr\xc3\xb6nt.example",
        b"front.example\xff",
        b"::1",
        b"[::1",
        b"::1]",
        b"[::1]x",
        b"[::1%25eth0]",
        b"[fe80::1%eth0]",
        b"[front.example]",
        b"[::1]:x",
        b"<front.example>",
        b"\"front.example\"",
    ];
    let mut cases: Vec<Case> = values
        .iter()
        .map(|value| {
            refused(
                format!("host: {}", value.escape_ascii()),
                HOST,
                host(join(&[b"Host: ", value])),
            )
        })
        .collect();
    cases.extend([
        refused("host: none", HOST, "GET /hostile HTTP/1.1\r\n\r\n"),
        refused("host: none but others", HOST, host("X-Forwarded-Host: front.example")),
        refused("host: two that differ", HOST, host("Host: front.example\r\nHost: evil.example")),
        refused("host: two that are equal", HOST, host("Host: front.example\r\nHost: front.example")),
        refused("host: two, one empty", HOST, host("Host:\r\nHost: front.example")),
        refused("host: two, of different case", HOST, host("Host: front.example\r\nhOST: evil.example")),
        refused("host: two in HTTP/1.0", HOST, "GET /hostile HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        refused("host: a second behind a space", HOST, host("Host: front.example\r\n Host: evil.example")),
        refused("host: longer than a name may be", "RFC 1035 §2.3.4", host(format!("Host: {}", "a".repeat(256)))),
        passed("host: an address", HOST, host("Host: [::1]:8080"), one().host("[::1]:8080")),
        passed("host: IPv4", HOST, host("Host: 127.0.0.1"), one().host("127.0.0.1")),
        passed("host: capitals", HOST, host("Host: FRONT.Example"), one().host("FRONT.Example")),
        passed("host: an underscore", HOST, host("Host: front_1.example"), one().host("front_1.example")),
        passed("host: a port", HOST, host("Host: front.example:65535"), one().host("front.example:65535")),
        passed("host: the last of a list of names is not the host", HOST, host("Host: front.example\r\nX-Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Server: evil.example"), one()),
        passed("host: an underscore in the field's name", HOST, host("Host: front.example\r\nHost_: evil.example"), one()),
        either("host: a port of no digits", HOST, host("Host: front.example:"), one().host("front.example:")),
        either("host: a dot behind", HOST, host("Host: front.example."), one().host("front.example.")),
        refused("host: two dots", HOST, host("Host: front..example")),
        refused("host: a dot before", HOST, host("Host: .front.example")),
        refused("host: a dot alone", HOST, host("Host: .")),
    ]);
    cases
}
