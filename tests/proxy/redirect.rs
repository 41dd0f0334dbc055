//! Clients in clear text, and where they are sent.

use weir::model::HttpsRedirect;
use weir::proxy::Options;

use crate::hosts::{Host, Hosts};
use crate::rig::{Rig, options, pool, route, trusted};
use crate::support::endpoint::{Endpoint, ok};

const STANDARD: HttpsRedirect = HttpsRedirect { status: 308, port: 443 };

fn to_https(redirect: HttpsRedirect) -> weir::model::Route {
    weir::model::Route { https_redirect: Some(redirect), ..route() }
}

#[tokio::test]
async fn clear_text_is_sent_to_the_same_over_https() {
    let endpoint = Endpoint::start(|_| ok("")).await;
    let rig = Rig::with(pool(&[endpoint.address]), to_https(STANDARD), options());
    let elsewhere = HttpsRedirect { status: 301, port: 8443 };
    for (redirect, target, host, location) in [
        (STANDARD, "/", "a.example", "https://a.example/"),
        (STANDARD, "/b/../c?d=e", "A.example:8080", "https://a.example/c?d=e"),
        (elsewhere, "/x", "a.example:80", "https://a.example:8443/x"),
        (STANDARD, "/", "[2001:db8::1]:80", "https://[2001:db8::1]/"),
        (STANDARD, "http://b.example/", "a.example", "https://b.example/"),
        (STANDARD, "//evil.example/", "a.example", "https://a.example/evil.example/"),
    ] {
        rig.publish(pool(&[endpoint.address]), to_https(redirect));
        let mut client = rig.client().await;
        for method in ["GET", "HEAD", "POST"] {
            let request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let answer = client.ask(request).await;
            assert_eq!(answer.status, redirect.status, "{target}");
            assert_eq!(answer.field("location"), Some(location));
            assert_eq!(answer.text(), "");
        }
    }
    assert_eq!(endpoint.received().len(), 0);
}

#[tokio::test]
async fn nothing_is_smuggled_into_the_location() {
    let endpoint = Endpoint::start(|_| ok("")).await;
    let rig = Rig::with(pool(&[endpoint.address]), to_https(STANDARD), options());
    for (request, status) in [
        ("GET /a%0d%0aset-cookie:%20x=1 HTTP/1.1\r\nHost: a.example\r\n\r\n", 308),
        ("GET /\\evil.example HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: user@a.example\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\n\r\n", 400),
    ] {
        let mut client = rig.client().await;
        let answer = client.ask(request).await;
        assert!(answer.status == status || answer.status == 400, "{request}: {}", answer.head);
        assert!(answer.field("set-cookie").is_none(), "{}", answer.head);
    }
}

#[tokio::test]
async fn who_speaks_https_already_is_served() {
    let hosts = Hosts::start(&[Host { redirect: Some(STANDARD), ..Host::new("a.example") }]).await;
    let answer = hosts.ask(&hosts.visitor().h1(), "a.example", "a.example").await;
    assert_eq!(answer.map(|(status, _)| status), Some(200));
    let endpoint = Endpoint::start(|_| ok("")).await;
    for (hops, expected) in [(0, 308), (1, 200)] {
        let options = Options { trusted: trusted(hops), ..options() };
        let rig = Rig::with(pool(&[endpoint.address]), to_https(STANDARD), options);
        let request = "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Proto: https\r\n\r\n";
        assert_eq!(rig.client().await.ask(request).await.status, expected, "{hops} hops");
    }
}
