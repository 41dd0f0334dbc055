//! What goes on, and what is added.

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::rules::{HOP_BY_HOP, NEVER_ON};
use super::*;
use crate::model;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    headers
}

const ADDED: Added<'static> = Added {
    peer: "192.0.2.1",
    scheme: "http",
    host: "shop.example",
    port: 80,
    is_trusted: false,
    request_id: "abc",
    is_upgrade: false,
    client_cert: None,
};

fn forwarded(headers: &HeaderMap, added: &Added<'_>) -> Vec<String> {
    let dropped = Dropped::of(headers, added.is_trusted);
    let mut lines: Vec<String> = headers
        .iter()
        .filter(|(name, _)| dropped.keeps(name))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    let mut out = BytesMut::new();
    add(&mut out, headers, added);
    lines.extend(String::from_utf8(out.to_vec()).unwrap().lines().map(str::to_owned));
    lines
}

#[test]
fn a_stranger_cannot_speak_for_a_proxy() {
    let headers = map(&[
        ("x-forwarded-for", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil"),
        ("x-forwarded-client-cert", "By=evil"),
        ("x_forwarded_ssl", "on"),
        ("x.forwarded.for", "6.6.6.6"),
        ("content.length", "5"),
        ("x-forwarded-scheme", "https"),
        ("forwarded", "for=6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
        ("x-request-id", "mine"),
        ("proxy", "http://evil"),
        ("accept", "*/*"),
    ]);
    assert_eq!(
        forwarded(&headers, &ADDED),
        [
            "accept: */*",
            "x-forwarded-for: 192.0.2.1",
            "x-forwarded-proto: http",
            "x-forwarded-host: shop.example",
            "x-forwarded-port: 80",
            "x-request-id: abc",
            "forwarded: for=192.0.2.1;proto=http;host=shop.example",
        ]
    );
}

#[test]
fn a_trusted_proxy_is_kept_and_appended_to() {
    let headers = map(&[
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("forwarded", "for=203.0.113.7"),
        ("x-request-id", "theirs"),
    ]);
    let added = Added { is_trusted: true, peer: "2001:db8::1", host: "[::1]:80", ..ADDED };
    assert_eq!(
        forwarded(&headers, &added),
        [
            "x-forwarded-for: 203.0.113.7, 2001:db8::1",
            "x-forwarded-proto: https",
            "x-forwarded-host: [::1]:80",
            "x-forwarded-port: 443",
            "x-request-id: theirs",
            "forwarded: for=203.0.113.7, for=\"[2001:db8::1]\";proto=http;host=\"[::1]:80\"",
        ]
    );
}

#[test]
fn listed_fields_go_but_not_what_weir_adds() {
    let headers = map(&[
        ("connection", "close, X-Private, x-forwarded-for, Authorization"),
        ("x-private", "1"),
        ("authorization", "Bearer x"),
        ("te", "gzip, trailers"),
        ("keep-alive", "timeout=5"),
        ("upgrade", "h2c"),
        ("http2-settings", "x"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ]);
    let lines = forwarded(&headers, &ADDED);
    for line in [
        "authorization: Bearer x",
        "x-forwarded-for: 192.0.2.1",
        "te: trailers",
        "cookie: a=1; b=2",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line} in {lines:?}");
    }
    for name in ["x-private", "keep-alive", "upgrade", "http2-settings"] {
        assert!(!lines.iter().any(|line| line.starts_with(name)), "{name} in {lines:?}");
    }
    assert_eq!(lines.iter().filter(|line| line.starts_with("connection")).count(), 1);
    assert_eq!(lines.iter().filter(|line| line.starts_with("cookie")).count(), 1);
}

#[test]
fn answers_lose_what_is_about_the_connection() {
    let lines = [
        ("connection", "close, x-hop, content-length"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("content-length", "3"),
        ("server", "theirs"),
    ];
    let mut headers = map(&lines);
    clean_answer(&mut headers, false);
    assert_eq!(headers, map(&[("content-length", "3"), ("server", "theirs")]));
    let mut headers = map(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
    clean_answer(&mut headers, true);
    assert_eq!(headers, map(&[("connection", "upgrade"), ("upgrade", "websocket")]));
}

proptest! {
    /// What came through once comes through again unchanged, whatever the fields.
    #[test]
    fn rules_are_idempotent(
        fields in prop::collection::vec(
            (prop::sample::select(vec![
                "connection", "te", "x-a", "x-b", "x-forwarded-for", "x_forwarded_host",
                "forwarded", "cookie", "upgrade", "accept", "keep-alive", "authorization",
            ]),
            prop::sample::select(vec!["x-a", "close", "trailers", "x-b, te", "v", "cookie"])),
            0..12,
        )
    ) {
        let headers = map(&fields);
        let once = forwarded(&headers, &ADDED);
        let mut again = HeaderMap::new();
        for line in &once {
            let (name, value) = line.split_once(": ").unwrap();
            again.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let mut twice = forwarded(&again, &ADDED);
        let mut once = once;
        once.sort();
        twice.sort();
        prop_assert_eq!(once, twice);
    }
}

/// What does not go on as it came is refused as the name of a session.
#[test]
fn what_never_goes_on_is_taken_by_the_model() {
    let hop_by_hop = HOP_BY_HOP;
    let hop_by_hop = hop_by_hop.iter().map(HeaderName::as_str);
    let own = NEVER_ON.iter().flat_map(|names| names.iter().copied());
    let mut written = BytesMut::new();
    add(&mut written, &HeaderMap::new(), &ADDED);
    let written = String::from_utf8(written.to_vec()).unwrap();
    let written = written.lines().map(|line| line.split(':').next().unwrap());
    for name in own.chain(hop_by_hop).chain(written).chain(["content-length"]) {
        let taken = model::HeaderName::parse(name).unwrap().taken();
        assert!(taken.is_some_and(model::Taken::is_final), "{name}");
    }
    for (length, names) in NEVER_ON.iter().enumerate() {
        assert!(names.iter().all(|name| name.len() == length), "{names:?}");
    }
}
