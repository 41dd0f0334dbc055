//! Requests for a host on a connection that was opened for another one.
//! Source: RFC 9110 §15.5.20; Gateway API GEP-3567.

use weir::model::{TlsTerms, TlsVersion};

use crate::hosts::{Host, Hosts};

fn hosts() -> Vec<Host> {
    let new = TlsTerms { min_version: TlsVersion::Tls13, ..TlsTerms::default() };
    vec![
        Host {
            covers: vec!["one.example", "two.example", "new.example"],
            ..Host::new("one.example")
        },
        Host::new("two.example"),
        Host { terms: new, ..Host::new("new.example") },
        Host { covers: vec!["any.example"], ..Host::new("") },
    ]
}

const CASES: [(&str, &str, u16); 8] = [
    ("one.example", "one.example", 200),
    ("one.example", "ONE.example:8443", 200),
    // The certificate is for both, and so are the terms.
    ("one.example", "two.example", 200),
    ("two.example", "one.example", 421),
    ("one.example", "new.example", 421),
    ("new.example", "one.example", 421),
    // Of no certificate.
    ("one.example", "elsewhere.example", 200),
    ("one.example", "192.0.2.1", 200),
];

#[tokio::test]
async fn a_request_is_refused_where_the_connection_is_not_for_its_host() {
    let hosts = Hosts::start(&hosts()).await;
    let visitor = hosts.visitor();
    for (name, host, status) in CASES {
        let answer = hosts.ask(&visitor.h1(), name, host).await.expect("an answer");
        assert_eq!(answer.0, status, "{name} {host}");
        if status == 421 {
            assert!(answer.1.starts_with("421 Misdirected Request: misdirected\n"), "{}", answer.1);
        }
    }
}

#[tokio::test]
async fn a_connection_goes_on_after_a_misdirected_request() {
    let hosts = Hosts::start(&hosts()).await;
    let asked = ["one.example", "two.example", "new.example", "one.example"];
    let answers = hosts.ask_h2(&hosts.visitor(), "one.example", &asked).await;
    let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 200, 421, 200]);
    let received = hosts.endpoint.received();
    assert!(received.iter().all(|request| request.field("host") != Some("new.example")));
}

#[tokio::test]
async fn a_client_that_names_nobody_gets_what_the_default_certificate_is_good_for() {
    let hosts = Hosts::start(&hosts()).await;
    let mut visitor = hosts.visitor();
    visitor.is_silent = true;
    for (host, status) in [
        ("any.example", 200),
        ("192.0.2.1:8443", 200),
        ("elsewhere.example", 200),
        ("one.example", 421),
    ] {
        let answer = hosts.ask(&visitor.h1(), "any.example", host).await.expect("an answer");
        assert_eq!(answer.0, status, "{host}");
    }
}

#[tokio::test]
async fn clear_text_is_for_every_host() {
    let hosts = Hosts::start(&hosts()).await;
    for host in ["one.example", "two.example", "elsewhere.example"] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(hosts.rig.client().await.ask(request).await.status, 200);
    }
}

/// In a handshake of its own such a host would get no certificate; another one only has no route here.
#[tokio::test]
async fn without_a_default_certificate_no_other_host_is_served() {
    let only = Host { covers: vec!["one.example", "other.example"], ..Host::new("one.example") };
    let hosts = Hosts::start(&[only]).await;
    let visitor = hosts.visitor();
    for (host, status) in [
        ("one.example", 200),
        ("other.example", 404),
        ("elsewhere.example", 421),
        ("192.0.2.1", 421),
    ] {
        let answer = hosts.ask(&visitor.h1(), "one.example", host).await.expect("an answer");
        assert_eq!(answer.0, status, "{host}");
    }
    let asked = ["one.example", "elsewhere.example", "other.example"];
    let answers = hosts.ask_h2(&visitor, "one.example", &asked).await;
    let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 421, 404]);
}
