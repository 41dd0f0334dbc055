//! Clients that have to say who they are, and those that need not.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::HandshakeKind;
use weir::model::{ClientRule, TlsTerms};

use crate::hosts::{Host, Hosts, Leaf, NEW, OLD, Signer, Visitor};

const HOST: &str = "a.example";

fn shown(leaf: &Leaf) -> String {
    format!(":{}:", STANDARD.encode(leaf.der()))
}

fn with(visitor: &Visitor, own: Option<&Leaf>) -> Visitor {
    Visitor { own: own.cloned(), ..visitor.clone() }
}

async fn asks(hosts: &Hosts, visitor: &Visitor) -> Option<(u16, String)> {
    hosts.ask(&visitor.h1(), HOST, HOST).await
}

#[tokio::test]
async fn a_certificate_is_judged_and_passed_on_as_the_rule_says() {
    let (clients, others) = (Signer::new(), Signer::new());
    let (valid, expired, foreign) =
        (clients.leaf(&["me"]), clients.expired("me"), others.leaf(&["me"]));
    for is_optional in [false, true] {
        let hosts = Hosts::start(&[Host::asking(HOST, &clients.rule(is_optional))]).await;
        for versions in [OLD, NEW] {
            let visitor = Visitor { versions, ..hosts.visitor() };
            let answer = asks(&hosts, &with(&visitor, Some(&valid))).await.expect("is let in");
            assert_eq!(answer, (200, format!("{HOST} {} https", shown(&valid))));
            let none = is_optional.then(|| (200, format!("{HOST} - https")));
            assert_eq!(asks(&hosts, &visitor).await, none, "without, {is_optional}");
            for (what, wrong) in [("expired", &expired), ("foreign", &foreign)] {
                let answer = asks(&hosts, &with(&visitor, Some(wrong))).await;
                assert_eq!(answer, None, "{what}, {is_optional}");
            }
        }
        let answers = hosts.ask_h2(&with(&hosts.visitor(), Some(&valid)), HOST, &[HOST]).await;
        assert_eq!(answers, [(200, format!("{HOST} {} https", shown(&valid)))]);
    }
}

#[tokio::test]
async fn a_host_that_asks_for_nothing_is_told_nothing() {
    let clients = Signer::new();
    let hosts = Hosts::start(&[Host::new(HOST)]).await;
    let visitor = with(&hosts.visitor(), Some(&clients.leaf(&["me"])));
    assert_eq!(asks(&hosts, &visitor).await, Some((200, format!("{HOST} - https"))));
    let forged = "GET / HTTP/1.1\r\nHost: a.example\r\nClient-Cert: :x:\r\nClient_Cert: :x:\r\n\
                  Client-Cert-Chain: :x:\r\n\r\n";
    hosts.rig.client().await.ask(forged).await;
    let received = hosts.endpoint.received();
    let last = received.last().unwrap().head.to_ascii_lowercase();
    assert!(!last.contains("client-cert") && !last.contains("client_cert"), "{last}");
}

#[tokio::test]
async fn a_session_keeps_the_certificate_and_its_rule() {
    let (clients, others) = (Signer::new(), Signer::new());
    let valid = clients.leaf(&["me"]);
    let hosts = Hosts::start(&[Host::asking(HOST, &clients.rule(false))]).await;
    for versions in [OLD, NEW] {
        hosts.serve(&[Host::asking(HOST, &clients.rule(false))]);
        let visitor = Visitor { versions, ..with(&hosts.visitor(), Some(&valid)) };
        let config = visitor.h1();
        let expected = (200, format!("{HOST} {} https", shown(&valid)));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let answer = hosts.ask_on(&config, HOST, HOST).await;
            assert_eq!(answer, Some((expected.clone(), kind)));
        }
        // Who signs the certificates of clients has changed: the session is worth nothing.
        hosts.serve(&[Host::asking(HOST, &others.rule(false))]);
        assert_eq!(hosts.ask(&config, HOST, HOST).await, None);
        // A session that began without a rule is none under it.
        hosts.serve(&[Host::new(HOST)]);
        let open = Visitor { versions, ..hosts.visitor() }.h1();
        assert!(hosts.ask(&open, HOST, HOST).await.is_some());
        assert_eq!(hosts.ask_on(&open, HOST, HOST).await.unwrap().1, HandshakeKind::Resumed);
        hosts.serve(&[Host::asking(HOST, &clients.rule(false))]);
        assert_eq!(hosts.ask(&open, HOST, HOST).await, None);
    }
}

#[tokio::test]
async fn no_other_way_leads_around_the_rule() {
    let (clients, others) = (Signer::new(), Signer::new());
    let every = vec!["a.example", "b.example", "open.example", "any.example"];
    let covering = |host: Host| Host { covers: every.clone(), ..host };
    let hosts = Hosts::start(&[
        covering(Host::asking("a.example", &clients.rule(false))),
        covering(Host::asking("b.example", &others.rule(false))),
        covering(Host::new("open.example")),
        covering(Host::new("")),
    ])
    .await;
    let me = with(&hosts.visitor(), Some(&clients.leaf(&["me"])));
    let statuses = |answers: Vec<(u16, String)>| -> Vec<u16> {
        answers.into_iter().map(|(status, _)| status).collect()
    };
    let all = ["a.example", "b.example", "open.example"];
    let by_a = hosts.ask_h2(&me, "a.example", &all).await;
    assert_eq!(statuses(by_a), [200, 421, 421]);
    let by_open = hosts.ask_h2(&me, "open.example", &all).await;
    assert_eq!(statuses(by_open), [421, 421, 200]);
    let silent = Visitor { is_silent: true, ..me };
    let by_default = hosts.ask_h2(&silent, "any.example", &all).await;
    assert_eq!(statuses(by_default), [421, 421, 200]);
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let answer = hosts.rig.client().await.ask(request).await;
    let reason = answer.field("x-weir-reason");
    assert_eq!((answer.status, reason), (403, Some("certificate_required")), "in clear text");
}

#[tokio::test]
async fn a_connection_from_before_a_rule_is_not_served_under_it() {
    let clients = Signer::new();
    let hosts = Hosts::start(&[Host::new(HOST)]).await;
    let stream = hosts.connect(&hosts.visitor().h1(), HOST).await.unwrap();
    let mut client = crate::support::client::Client::over(stream);
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    assert_eq!(client.ask(request).await.status, 200);
    hosts.serve(&[Host::asking(HOST, &clients.rule(false))]);
    assert_eq!(client.ask(request).await.status, 421);
    hosts.serve(&[Host::asking(HOST, &clients.rule(true))]);
    let answer = client.ask(request).await;
    assert_eq!((answer.status, answer.text()), (200, "a.example - https"));
}

#[tokio::test]
async fn a_route_keeps_its_own_rule_where_the_name_belongs_to_somebody_else() {
    let clients = Signer::new();
    let hosts =
        Hosts::start(&[Host { route_rule: Some(clients.rule(false)), ..Host::new(HOST) }]).await;
    assert_eq!(asks(&hosts, &hosts.visitor()).await.map(|(status, _)| status), Some(421));
}

#[tokio::test]
async fn without_the_authority_nobody_is_let_in() {
    let clients = Signer::new();
    for is_optional in [false, true] {
        let rule = Arc::new(ClientRule { is_optional, anchors: None });
        let terms = TlsTerms { client: Some(rule), ..TlsTerms::default() };
        let hosts =
            Hosts::start(&[Host { terms, ..Host::new(HOST) }, Host::new("b.example")]).await;
        let visitor = hosts.visitor();
        for own in [None, Some(clients.leaf(&["me"]))] {
            assert_eq!(asks(&hosts, &with(&visitor, own.as_ref())).await, None);
        }
        assert!(hosts.ask(&visitor.h1(), "b.example", "b.example").await.is_some());
        assert_eq!(hosts.endpoint.received().len(), 1);
    }
}

/// Source: RFC 5280 §6.3.
#[tokio::test]
async fn who_was_revoked_is_not_let_in_and_a_list_has_to_be_new() {
    let (clients, others) = (Signer::new(), Signer::new());
    let (valid, revoked, foreign) =
        (clients.leaf(&["me"]), clients.leaf(&["x"]), others.leaf(&["y"]));
    let hosts = Hosts::start(&[Host::asking(HOST, &clients.rule(false))]).await;
    for versions in [OLD, NEW] {
        hosts.serve(&[Host::asking(HOST, &clients.rule(false))]);
        let visitor = Visitor { versions, ..hosts.visitor() };
        let session = with(&visitor, Some(&revoked)).h1();
        assert!(hosts.ask(&session, HOST, HOST).await.is_some(), "is not revoked yet");
        hosts.serve(&[Host::asking(HOST, &clients.rule_without(&[&revoked], false))]);
        let answer = asks(&hosts, &with(&visitor, Some(&valid))).await;
        assert_eq!(answer, Some((200, format!("{HOST} {} https", shown(&valid)))));
        assert_eq!(hosts.ask(&session, HOST, HOST).await, None, "nor in a session that is resumed");
        for (what, leaf) in [("revoked", &revoked), ("foreign", &foreign)] {
            assert_eq!(asks(&hosts, &with(&visitor, Some(leaf))).await, None, "{what}");
        }
        hosts.serve(&[Host::asking(HOST, &clients.rule_without(&[], true))]);
        assert_eq!(asks(&hosts, &with(&visitor, Some(&valid))).await, None, "the list has ended");
    }
}
