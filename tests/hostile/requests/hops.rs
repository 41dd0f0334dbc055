//! Fields about one connection, or in somebody else's name. Source: RFC 9110 §7.6; RFC 7239.

use crate::case::{Case, SMUGGLED, either, get, join, one, passed, passed_all, post, refused};

const HOP: &str = "RFC 9110 §7.6.1, CVE-2021-32813, CVE-2024-45410";
const FORGED: &str = "RFC 7239 §8.1, CVE-2016-5385";
const EXPECT: &str = "RFC 9110 §10.1.1";
const UPGRADE: &str = "RFC 9110 §7.8, CVE-2026-2833";

pub fn cases() -> Vec<Case> {
    [listed(), forged(), transfer(), expect(), upgrade()].concat()
}

/// What a client must not have taken off.
fn listed() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "host",
        "Host",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "forwarded",
        "x-request-id",
    ]
    .iter()
    .map(|name| {
        passed(
            format!("connection: lists {name}"),
            HOP,
            get(format!("Connection: close, {name}")),
            one(),
        )
    })
    .collect();
    cases.extend([
        passed(
            "connection: lists content-length",
            HOP,
            post("Connection: content-length\r\nContent-Length: 5", "hello"),
            one().post("hello"),
        ),
        passed(
            "connection: lists transfer-encoding",
            HOP,
            post(
                "Connection: transfer-encoding\r\nTransfer-Encoding: chunked",
                "5\r\nhello\r\n0\r\n\r\n",
            ),
            one().post("hello"),
        ),
        passed(
            "connection: lists authorization",
            HOP,
            get("Connection: authorization\r\nAuthorization: Basic eA=="),
            one().has("authorization", "Basic eA=="),
        ),
        passed(
            "connection: lists cookie",
            HOP,
            get("Connection: Cookie\r\nCookie: a=b"),
            one().has("cookie", "a=b"),
        ),
        passed(
            "connection: lists content-type",
            HOP,
            post("Connection: content-type\r\nContent-Type: text/plain\r\nContent-Length: 0", ""),
            one().post("").has("content-type", "text/plain"),
        ),
        passed(
            "connection: lists a field of the client",
            HOP,
            get("Connection: X-Hop\r\nX-Hop: 1"),
            one().lacks("x-hop"),
        ),
        passed(
            "connection: lists in two fields",
            HOP,
            get("Connection: close\r\nX-Hop: 1\r\nConnection: x-hop"),
            one().lacks("x-hop"),
        ),
        passed(
            "connection: lists itself",
            HOP,
            get("Connection: connection"),
            one().lacks("connection"),
        ),
        passed(
            "connection: lists junk",
            HOP,
            get("Connection: \"x-hop\", , ;a=b\r\nX-Hop: 1"),
            one(),
        ),
        passed(
            "connection: keep-alive and its field",
            HOP,
            get("Connection: keep-alive\r\nKeep-Alive: timeout=99999"),
            one().lacks("keep-alive"),
        ),
        passed(
            "connection: of proxies",
            HOP,
            get("Proxy-Connection: keep-alive"),
            one().lacks("proxy-connection"),
        ),
        passed(
            "connection: close and a request behind",
            "RFC 9112 §9.6",
            join(&[&get("Connection: close"), SMUGGLED.as_bytes()]),
            one(),
        ),
        passed(
            "connection: close in capitals",
            "RFC 9112 §9.6",
            join(&[&get("Connection: x, CLOSE"), SMUGGLED.as_bytes()]),
            one(),
        ),
    ]);
    cases
}

/// The judge checks on every request that these fields are Weir's own.
fn forged() -> Vec<Case> {
    [
        "X-Forwarded-For: 6.6.6.6",
        "X-Forwarded-For: 127.0.0.1, 6.6.6.6",
        "X_Forwarded_For: 6.6.6.6",
        "X-Forwarded_For: 6.6.6.6",
        "X-Forwarded-Proto: https",
        "X_Forwarded_Proto: https",
        "X-Forwarded-Host: evil.example",
        "X_Forwarded_Host: evil.example",
        "X-Forwarded-Port: 1",
        "X-Forwarded-Prefix: /evil",
        "X-Forwarded-Client-Cert: By=evil",
        "X-Forwarded-Ssl: on",
        "X_Forwarded_Scheme: https",
        "Client-Cert: :Zm9yZ2Vk:",
        "X-Real-IP: 6.6.6.6",
        "X_Real_IP: 6.6.6.6",
        "Forwarded: for=6.6.6.6;host=evil.example",
        "X-Request-Id: mine",
        "X-Request-ID: a\r\nX-Request-Id: b",
        "Proxy: http://evil.example",
        "PROXY: http://evil.example",
        "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
        "Content_Length: 5",
        "Transfer_Encoding: chunked",
        "X.Forwarded.For: 6.6.6.6",
        "X.Forwarded-Host: evil.example",
        "Client.Cert: :Zm9yZ2Vk:",
        "Content.Length: 5",
        "Transfer.Encoding: chunked",
    ]
    .iter()
    .map(|field| {
        let names = [
            "x-forwarded_for",
            "x_forwarded_proto",
            "x_forwarded_host",
            "x-forwarded-client-cert",
            "x-forwarded-ssl",
            "x_forwarded_scheme",
            "client-cert",
            "x.forwarded.for",
            "x.forwarded-host",
            "client.cert",
            "content.length",
            "transfer.encoding",
        ];
        let one = names.iter().fold(one(), |one, name| one.lacks(name));
        passed(format!("forged: {}", field.escape_debug()), FORGED, get(field), one)
    })
    .collect()
}

fn transfer() -> Vec<Case> {
    vec![
        passed(
            "TE: trailers",
            "RFC 9110 §10.1.4",
            get("TE: trailers"),
            one().has("te", "trailers"),
        ),
        passed("TE: gzip", "RFC 9110 §10.1.4", get("TE: gzip"), one().lacks("te")),
        passed(
            "TE: trailers among others",
            "RFC 9110 §10.1.4",
            get("TE: gzip;q=0.5, trailers, chunked"),
            one().has("te", "trailers"),
        ),
        passed(
            "TE: listed",
            "RFC 9110 §10.1.4",
            get("Connection: TE\r\nTE: trailers"),
            one().has("te", "trailers"),
        ),
        either(
            "Trailer: names a length",
            "RFC 9110 §6.6.2",
            post(
                "Trailer: Content-Length\r\nTransfer-Encoding: chunked",
                "5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n",
            ),
            one().post("hello"),
        )
        .partly(),
    ]
}

fn expect() -> Vec<Case> {
    vec![
        passed(
            "expect: 100-continue without a body",
            EXPECT,
            get("Expect: 100-continue"),
            one().lacks("expect"),
        ),
        passed(
            "expect: 100-continue and the body at once",
            EXPECT,
            post("Expect: 100-continue\r\nContent-Length: 5", "hello"),
            one().post("hello"),
        ),
        passed(
            "expect: 100-continue and chunks at once",
            EXPECT,
            post("Expect: 100-Continue\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
            one().post("hello"),
        ),
        passed(
            "expect: 100-continue in HTTP/1.0",
            EXPECT,
            "POST /hostile HTTP/1.0\r\nHost: front.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
            one().post("hello").lacks("expect"),
        ),
        refused("expect: something else", EXPECT, get("Expect: 200-ok")),
        refused(
            "expect: something else with a body",
            EXPECT,
            post(format!("Expect: 200-ok\r\nContent-Length: {}", SMUGGLED.len()), SMUGGLED),
        ),
        refused("expect: nothing", EXPECT, post("Expect:\r\nContent-Length: 5", "hello")),
        refused(
            "expect: a list",
            EXPECT,
            post("Expect: 100-continue, 200-ok\r\nContent-Length: 5", "hello"),
        ),
        refused(
            "expect: junk around",
            EXPECT,
            post("Expect: y 100-continue\r\nContent-Length: 5", "hello"),
        ),
        refused(
            "expect: two fields that differ",
            EXPECT,
            post("Expect: 100-continue\r\nExpect: 200-ok\r\nContent-Length: 5", "hello"),
        ),
    ]
}

fn upgrade() -> Vec<Case> {
    let websocket =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    let asked = || one().has("upgrade", "websocket").has("connection", "upgrade");
    let behind = |fields: &str| join(&[&get(fields), SMUGGLED.as_bytes()]);
    vec![
        passed_all(
            "upgrade: h2c is not offered on",
            "h2c smuggling",
            behind(
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
            ),
            vec![one().lacks("upgrade"), one().target("/smuggled")],
        ),
        passed(
            "upgrade: h2c without its settings",
            "h2c smuggling",
            get("Connection: Upgrade\r\nUpgrade: h2c"),
            one().lacks("upgrade").lacks("connection"),
        ),
        passed(
            "upgrade: h2c that is not listed",
            "h2c smuggling",
            get("Upgrade: h2c"),
            one().lacks("upgrade"),
        ),
        passed(
            "upgrade: h2 over TLS",
            "h2c smuggling",
            get("Connection: Upgrade\r\nUpgrade: h2"),
            one().lacks("upgrade"),
        ),
        passed(
            "upgrade: TLS",
            "RFC 2817",
            get("Connection: Upgrade\r\nUpgrade: TLS/1.0"),
            one().lacks("upgrade"),
        ),
        passed(
            "upgrade: h2c with a body",
            "h2c smuggling",
            post("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5", "hello"),
            one().post("hello").lacks("upgrade"),
        ),
        passed(
            "upgrade: another protocol",
            UPGRADE,
            get("Connection: Upgrade\r\nUpgrade: evil/2"),
            one().lacks("upgrade"),
        ),
        passed(
            "upgrade: websocket that is not listed",
            UPGRADE,
            get("Upgrade: websocket"),
            one().lacks("upgrade"),
        ),
        passed(
            "upgrade: websocket in HTTP/1.0",
            UPGRADE,
            "GET /hostile HTTP/1.0\r\nHost: front.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            one().lacks("upgrade"),
        ),
        refused(
            "upgrade: websocket with a length",
            UPGRADE,
            post(format!("{websocket}\r\nContent-Length: {}", SMUGGLED.len()), SMUGGLED),
        ),
        refused(
            "upgrade: websocket in chunks",
            UPGRADE,
            post(format!("{websocket}\r\nTransfer-Encoding: chunked"), "5\r\nhello\r\n0\r\n\r\n"),
        ),
        passed_all(
            "upgrade: a refused websocket is no tunnel",
            "CVE-2026-2833",
            behind(&format!("{websocket}\r\nSec-WebSocket-Version: 13")),
            vec![asked(), one().target("/smuggled")],
        ),
        passed_all(
            "upgrade: a websocket of a wrong version is no tunnel",
            "WebSocket 777 smuggling",
            behind(&format!("{websocket}\r\nSec-WebSocket-Version: 777")),
            vec![asked(), one().target("/smuggled")],
        ),
        either(
            "upgrade: websocket by POST",
            "RFC 6455 §4.1",
            post(format!("{websocket}\r\nContent-Length: 0"), ""),
            one().post("").has("upgrade", "websocket"),
        ),
        either(
            "upgrade: websocket or h2c",
            UPGRADE,
            get("Connection: Upgrade\r\nUpgrade: websocket, h2c"),
            one(),
        ),
        passed(
            "upgrade: capitals",
            UPGRADE,
            get("Connection: UPGRADE\r\nUpgrade: WebSocket"),
            asked(),
        ),
    ]
}
