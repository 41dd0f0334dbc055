//! Request lines and targets. Source: RFC 9112 §3; RFC 3986 §6.2.2.

use crate::case::{Case, One, SMUGGLED, either, join, line, one, passed, refused, target};

const LINE: &str = "RFC 9112 §3";
const VERSION: &str = "RFC 9112 §2.3";
const FORM: &str = "RFC 9112 §3.2";
const PATH: &str = "RFC 3986 §6.2.2, CVE-2019-9901, CVE-2021-29492, CVE-2025-66490";

pub fn cases() -> Vec<Case> {
    [lines(), versions(), forms(), paths(), bad_paths()].concat()
}

fn at(path: &str) -> One {
    one().target(path)
}

fn lines() -> Vec<Case> {
    let bad = |name: &str, text: &[u8]| refused(format!("request line: {name}"), LINE, line(text));
    vec![
        bad("two spaces before the target", b"GET  /hostile HTTP/1.1"),
        bad("two spaces behind the target", b"GET /hostile  HTTP/1.1"),
        bad("a space behind the version", b"GET /hostile HTTP/1.1 "),
        bad("a space before the method", b" GET /hostile HTTP/1.1"),
        bad("a tab before the target", b"GET\t/hostile HTTP/1.1"),
        bad("a tab behind the target", b"GET /hostile\tHTTP/1.1"),
        bad("a vertical tab before the target", b"GET\x0b/hostile HTTP/1.1"),
        bad("a CR inside", b"GET /hostile\rHTTP/1.1"),
        bad("a NUL inside", b"GET /hostile\0 HTTP/1.1"),
        bad("a space in the target", b"GET /hostile /other HTTP/1.1"),
        bad("two versions", b"GET /hostile HTTP/1.1 HTTP/1.1"),
        bad("no method", b"/hostile HTTP/1.1"),
        bad("an empty method", b" /hostile HTTP/1.1"),
        bad("no target", b"GET HTTP/1.1"),
        bad("an empty target", b"GET  HTTP/1.1"),
        bad("no space", b"GET/hostile HTTP/1.1"),
        bad("a method in brackets", b"(GET) /hostile HTTP/1.1"),
        bad("a method with a colon", b"GET: /hostile HTTP/1.1"),
        bad("a method of 8-bit letters", b"G\xc9T /hostile HTTP/1.1"),
        bad("an answer", b"HTTP/1.1 200 OK"),
        either(
            "request line: a method in small letters is another",
            LINE,
            line("get /hostile HTTP/1.1"),
            one().method("get"),
        ),
        either(
            "request line: a method that nobody knows",
            LINE,
            line("WEIRD! /hostile HTTP/1.1"),
            one().method("WEIRD!"),
        ),
        refused("request line: PRI in HTTP/1.1", "RFC 9113 §3.4", line("PRI * HTTP/1.1")),
        refused(
            "request line: the preface of HTTP/2 with another end",
            "RFC 9113 §3.4",
            format!("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n{SMUGGLED}"),
        ),
    ]
}

fn versions() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/1.9",
        "HTTP/2",
        "HTTP/2.0",
        "HTTP/3.0",
        "HTTP/9.9",
        "http/1.1",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1,1",
        "HTTP/1.",
        "HTTP/1",
        "HTTP/.1",
        "HTTP /1.1",
        "HTTP/ 1.1",
        "HTTP/1.1x",
        "HTTP11",
        "HTTPS/1.1",
        "FTP/1.1",
        "ICY/1.1",
        "HTTP/\u{661}.1",
        "HTTP/1.1\0",
        "HTTP/-1.1",
        "HTTP/4294967297.1",
    ]
    .iter()
    .map(|version| {
        refused(format!("version: {version:?}"), VERSION, line(format!("GET /hostile {version}")))
    })
    .collect();
    cases.extend([
        refused("version: none", "HTTP/0.9", "GET /hostile\r\n"),
        refused("version: none, with fields", "HTTP/0.9", line("GET /hostile")),
        passed("version: 1.0 is passed on as 1.1", VERSION, line("GET /hostile HTTP/1.0"), one()),
        passed(
            "version: 1.0 that wants to stay",
            "RFC 9112 §9.3",
            "GET /hostile HTTP/1.0\r\nHost: front.example\r\nConnection: keep-alive\r\n\r\n",
            one(),
        ),
        passed(
            "version: 1.0 needs no host",
            "RFC 9112 §3.2",
            "GET /hostile HTTP/1.0\r\n\r\n",
            one().host(""),
        ),
    ]);
    cases
}

fn forms() -> Vec<Case> {
    let bad = |name: &str, text: &str| refused(format!("target: {name}"), FORM, target(text));
    vec![
        passed(
            "target: absolute, of another host",
            FORM,
            target("http://other.example/hostile"),
            one().host("other.example"),
        ),
        passed(
            "target: absolute, of another port",
            FORM,
            target("http://front.example:81/hostile"),
            one().host("front.example:81"),
        ),
        passed("target: absolute, without a path", FORM, target("http://front.example"), at("/")),
        passed(
            "target: absolute, a query alone",
            FORM,
            target("http://front.example?a"),
            at("/?a"),
        ),
        either("target: absolute, https", FORM, target("https://front.example/hostile"), one()),
        either("target: absolute, capitals", FORM, target("HTTP://front.example/hostile"), one()),
        bad("absolute, ftp", "ftp://front.example/hostile"),
        bad("absolute, an unknown scheme", "evil://front.example/hostile"),
        bad("absolute, with a user", "http://user@front.example/hostile"),
        bad("absolute, with a user and a password", "http://a:b@front.example/hostile"),
        bad("absolute, with an empty user", "http://@front.example/hostile"),
        bad("absolute, no host", "http:///hostile"),
        bad("absolute, one slash", "http:/hostile"),
        bad("absolute, no slash", "http:hostile"),
        bad("absolute, a port that is none", "http://front.example:x/hostile"),
        bad("absolute, a port that is too large", "http://front.example:65536/hostile"),
        bad("absolute, an escaped host", "http://front%2eexample/hostile"),
        bad("absolute, a backslash", "http://front.example\\@evil.example/hostile"),
        bad("absolute, two hosts", "http://front.example,evil.example/hostile"),
        bad("javascript", "javascript:alert(1)"),
        bad("a file", "file:///etc/passwd"),
        refused(
            "target: absolute, no host field",
            "RFC 9112 §3.2",
            "GET http://front.example/hostile HTTP/1.1\r\n\r\n",
        ),
        refused(
            "target: absolute, two host fields",
            "RFC 9112 §3.2",
            "GET http://front.example/hostile HTTP/1.1\r\nHost: front.example\r\nHost: front.example\r\n\r\n",
        ),
        bad("an authority", "front.example"),
        bad("an authority with a port", "front.example:80"),
        bad("a relative path", "hostile"),
        bad("a relative path with a dot", "./hostile"),
        bad("a query alone", "?a=b"),
        bad("an asterisk", "*"),
        bad("an asterisk in a path of its own", "*/hostile"),
        refused("target: an asterisk for OPTIONS", "RFC 9110 §9.3.7", line("OPTIONS * HTTP/1.1")),
        refused(
            "target: CONNECT to a host",
            "RFC 9110 §9.3.6",
            line("CONNECT front.example:443 HTTP/1.1"),
        ),
        refused(
            "target: CONNECT and a request behind",
            "CVE-2025-64763",
            join(&[&line("CONNECT front.example:443 HTTP/1.1"), SMUGGLED.as_bytes()]),
        ),
        refused("target: CONNECT to a path", "RFC 9110 §9.3.6", line("CONNECT /hostile HTTP/1.1")),
        refused(
            "target: CONNECT to a URL",
            "RFC 9110 §9.3.6",
            line("CONNECT http://front.example/ HTTP/1.1"),
        ),
        refused(
            "target: CONNECT with a body",
            "RFC 9110 §9.3.6",
            format!(
                "CONNECT front.example:443 HTTP/1.1\r\nHost: front.example:443\r\nContent-Length: {}\r\n\r\n{SMUGGLED}",
                SMUGGLED.len()
            ),
        ),
        refused(
            "target: a path for a host of CONNECT",
            "RFC 9110 §9.3.6",
            target("front.example:443/hostile"),
        ),
    ]
}

fn paths() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        ("//hostile", "/hostile"),
        ("//evil.example/hostile", "/evil.example/hostile"),
        ("///hostile//a", "/hostile/a"),
        ("/a/../hostile", "/hostile"),
        ("/a/./../hostile", "/hostile"),
        ("/../../hostile", "/hostile"),
        ("/a//../hostile", "/hostile"),
        ("/hostile/..", "/"),
        ("/hostile/.", "/hostile/"),
        ("/%2e%2e/hostile", "/hostile"),
        ("/%2E%2E/hostile", "/hostile"),
        ("/.%2e/hostile", "/hostile"),
        ("/a/%2e/../hostile", "/hostile"),
        ("/%68ostile", "/hostile"),
        ("/%48ostile", "/Hostile"),
        ("/hostile%20", "/hostile%20"),
        ("/hostile%0d%0aX:%20y", "/hostile%0D%0AX:%20y"),
        ("/hostile%09", "/hostile%09"),
        ("/hostile%3fa=b", "/hostile%3Fa=b"),
        ("/hostile%23a", "/hostile%23a"),
        ("/hostile%3ba", "/hostile%3Ba"),
        ("/hostile;a=b", "/hostile;a=b"),
        ("/hostile;a/b", "/hostile;a/b"),
        ("/%252e%252e/hostile", "/%252e%252e/hostile"),
        ("/hostile%252f", "/hostile%252f"),
        ("/hostile%e9", "/hostile%E9"),
        ("/hostile%c3%a9", "/hostile%C3%A9"),
        ("/.../hostile", "/.../hostile"),
        ("/.hostile/..a", "/.hostile/..a"),
        ("/hostile?a=/../b", "/hostile?a=/../b"),
        ("/hostile?a=%2f%00", "/hostile?a=%2f%00"),
        ("/a/../hostile?b=/../c", "/hostile?b=/../c"),
        ("/hostile?a?b", "/hostile?a?b"),
        ("/hostile?", "/hostile?"),
        ("/hostile?url=http://evil.example/", "/hostile?url=http://evil.example/"),
        ("/http://evil.example/", "/http:/evil.example/"),
        ("/@evil.example", "/@evil.example"),
    ]
    .iter()
    .map(|(raw, normal)| passed(format!("path: {raw}"), PATH, target(raw), at(normal)))
    .collect();
    cases.extend([
        either("path: a fragment", "RFC 9112 §3.2", target("/hostile#a"), at("/hostile")),
        either(
            "path: a fragment before dots",
            "RFC 9112 §3.2",
            target("/hostile#/../a"),
            at("/hostile"),
        ),
        either(
            "path: UTF-8 as it is",
            "RFC 3986 §2.1",
            target("/hostile\u{e9}"),
            at("/hostile%C3%A9"),
        ),
        either(
            "path: brackets",
            "RFC 3986 §3.3",
            target("/hostile{[a]}"),
            at("/hostile%7B%5Ba%5D%7D"),
        ),
        either("path: quotes", "RFC 3986 §3.3", target("/hostile\"a\""), at("/hostile%22a%22")),
        either(
            "path: a bar and a caret",
            "RFC 3986 §3.3",
            target("/hostile|^`"),
            at("/hostile%7C%5E%60"),
        ),
        either(
            "path: less and greater",
            "RFC 3986 §3.3",
            target("/hostile<a>"),
            at("/hostile%3Ca%3E"),
        ),
    ]);
    cases
}

fn bad_paths() -> Vec<Case> {
    let raw: [&[u8]; 37] = [
        b"/hostile%2f..",
        b"/hostile%2Fa",
        b"/..%2fhostile",
        b"/%2e%2e%2fhostile",
        b"/hostile%5c..",
        b"/hostile%5Ca",
        b"/hostile\\a",
        b"/..\\hostile",
        b"\\hostile",
        b"/hostile%00",
        b"/hostile%00.html",
        b"/%",
        b"/%2",
        b"/%zz",
        b"/%u002e",
        b"/hostile%",
        b"/hostile%0",
        b"/%2%65",
        b"/% 2e",
        b"/hostile\x7f",
        b"/hostile\x01",
        b"/hostile\xff",
        b"/hostile\xc0\xae",
        b"/%c0%ae%c0%ae/hostile",
        b"/%c0%afhostile",
        b"/%e0%80%af",
        b"/%f0%80%80%af",
        b"/%c1%9c",
        b"/a/..;/hostile",
        b"/a/..;b=c/hostile",
        b"/a/.;/hostile",
        b"/%2e%2e;/hostile",
        b"/a/..;",
        b"/;/..;x/hostile",
        b"/a/..%3b/hostile",
        b"/a/%2e%2E%3Bb=c/hostile",
        b"/a/.%3b/hostile",
    ];
    let mut cases: Vec<Case> = raw
        .iter()
        .map(|raw| refused(format!("path: {}", raw.escape_ascii()), PATH, target(raw)))
        .collect();
    let query: [&[u8]; 4] =
        [b"/hostile?a\x01", b"/hostile?a\x7f", b"/hostile?a\0", b"/hostile?a\xff"];
    cases.extend(
        query
            .iter()
            .map(|raw| refused(format!("query: {}", raw.escape_ascii()), PATH, target(raw))),
    );
    cases
}
