//! TLS to the endpoints: who they have to be, what they are shown, and what a change does.
//! Source: Gateway API BackendTLSPolicy.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use weir::health;
use weir::model::{
    Authorities, BackendTls, BackendTlsSettings, ClientCertificate, Outlier, Pool, PrivateKey,
    Probe, SubjectName, TlsVersion,
};
use weir::upstream::Transport;

use crate::rig::{Rig, pool, route};
use crate::support::authority::{Authority, Leaf, server, server_with};
use crate::support::client::Answer;
use crate::support::endpoint::{Endpoint, Reply, ok};

pub fn settings(authority: &Authority) -> BackendTlsSettings {
    BackendTlsSettings {
        hostname: "shop.internal".into(),
        names: Vec::new(),
        authorities: Authorities::Certificates(authority.pem().into()),
        client: None,
        min_version: TlsVersion::Tls12,
    }
}

pub fn over_tls(pool: Pool, settings: BackendTlsSettings) -> Pool {
    Pool { backend_tls: Some(BackendTls::Settings(Arc::new(settings))), ..pool }
}

pub fn client_certificate(leaf: &Leaf) -> ClientCertificate {
    ClientCertificate {
        origin: "default/client".into(),
        not_after: i64::MAX,
        chain_pem: leaf.chain_pem.as_str().into(),
        key: PrivateKey::new(&leaf.key_pem),
    }
}

pub fn path(request: &crate::support::endpoint::Received) -> Reply {
    ok(request.head.split(' ').nth(1).unwrap())
}

/// Asks an endpoint that shows a certificate.
async fn answer(leaf: &Leaf, settings: BackendTlsSettings) -> Answer {
    let (config, _asked) = server(leaf);
    ask(config, settings).await
}

async fn ask(config: rustls::ServerConfig, settings: BackendTlsSettings) -> Answer {
    let endpoint = Endpoint::start_tls(config, path).await;
    let rig = Rig::start(over_tls(pool(&[endpoint.address]), settings));
    let answer = rig.client().await.get("/seen").await;
    if answer.status != 200 {
        assert!(endpoint.received().is_empty(), "no request may reach it");
    }
    answer
}

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(answer.field("x-weir-reason"), Some("upstream_tls"), "{answer:?}");
}

#[tokio::test]
async fn an_endpoint_of_the_authority_is_asked_for_its_name_over_kept_connections() {
    let authority = Authority::new();
    let (config, mut asked) = server(&authority.leaf(&["shop.internal"]));
    let endpoint = Endpoint::start_tls(config, path).await;
    let rig = Rig::start(over_tls(pool(&[endpoint.address]), settings(&authority)));
    let mut client = rig.client().await;
    for n in 0..5 {
        assert_eq!(client.get(&format!("/{n}")).await.text(), format!("/{n}"));
        // What must not be sent twice asks the kernel first, past tickets for later sessions.
        let post = format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(client.ask(post).await.status, 200);
    }
    assert_eq!(endpoint.connections.load(Ordering::SeqCst), 1);
    assert_eq!(asked.recv().await.unwrap().as_deref(), Some("shop.internal"));
    let bodies = endpoint.received();
    assert!(bodies.iter().filter(|one| one.head.starts_with("POST")).all(|one| one.body == b"hi"));
}

#[tokio::test]
async fn large_bodies_go_both_ways() {
    let authority = Authority::new();
    let (config, _asked) = server(&authority.leaf(&["shop.internal"]));
    let endpoint = Endpoint::start_tls(config, |request| {
        let mut answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", request.body.len());
        answer.push_str(std::str::from_utf8(&request.body).unwrap());
        Reply::Keep(answer.into_bytes())
    })
    .await;
    let rig = Rig::start(over_tls(pool(&[endpoint.address]), settings(&authority)));
    let body = "0123456789abcdef".repeat(256 * 1024);
    let head = format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = rig.client().await.ask(head + &body).await;
    assert!(answer.status == 200 && answer.text() == body, "{}", answer.head);
}

#[tokio::test]
async fn another_authority_another_name_and_a_past_time_are_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = answer(&authority.leaf(&["shop.internal"]), settings(&authority)).await;
    assert_eq!(good.text(), "/seen");
    assert_refused(&answer(&other.leaf(&["shop.internal"]), settings(&authority)).await);
    assert_refused(&answer(&authority.leaf(&["other.internal"]), settings(&authority)).await);
    assert_refused(&answer(&authority.expired("shop.internal"), settings(&authority)).await);
}

#[tokio::test]
async fn subject_names_replace_the_hostname() {
    let authority = Authority::new();
    let with = |names: &[SubjectName]| BackendTlsSettings {
        names: names.to_vec(),
        ..settings(&authority)
    };
    let hostname = |name: &str| SubjectName::Hostname(name.into());
    let uri = |uri: &str| SubjectName::Uri(uri.into());
    let (spiffe, other) = ("spiffe://cluster.local/ns/shop/sa/web", "spiffe://cluster.local/other");

    let by_uri = authority.leaf_of_uri(spiffe);
    assert_eq!(answer(&by_uri, with(&[uri(spiffe)])).await.status, 200);
    assert_eq!(answer(&by_uri, with(&[hostname("a.internal"), uri(spiffe)])).await.status, 200);
    assert_refused(&answer(&by_uri, with(&[uri(other)])).await);
    assert_refused(&answer(&by_uri, with(&[uri(&spiffe.to_uppercase())])).await);

    let by_name = authority.leaf(&["pod.shop.internal", "*.wild.internal"]);
    assert_eq!(answer(&by_name, with(&[hostname("pod.shop.internal")])).await.status, 200);
    assert_eq!(answer(&by_name, with(&[hostname("x.wild.internal")])).await.status, 200);
    assert_eq!(answer(&by_name, with(&[hostname("*.wild.internal")])).await.status, 200);
    assert_refused(&answer(&by_name, with(&[hostname("*.shop.internal")])).await);
    // The name that is asked for does not count any more.
    let by_hostname = authority.leaf(&["shop.internal"]);
    assert_refused(&answer(&by_hostname, with(&[hostname("pod.shop.internal")])).await);
    // A name is not enough: the authority and the time count as before.
    let foreign = Authority::new().leaf_of_uri(spiffe);
    assert_refused(&answer(&foreign, with(&[uri(spiffe)])).await);
    let past = authority.expired("pod.shop.internal");
    assert_refused(&answer(&past, with(&[hostname("pod.shop.internal")])).await);
}

#[tokio::test]
async fn an_endpoint_that_asks_for_a_certificate_gets_it() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let leaf = authority.leaf(&["shop.internal"]);
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
        let config = || server_with(&leaf, versions, Some(&clients)).0;
        let known = client_certificate(&clients.leaf(&["weir"]));
        let known = BackendTlsSettings { client: Some(known), ..settings(&authority) };
        assert_eq!(ask(config(), known).await.status, 200);
        assert_refused(&ask(config(), settings(&authority)).await);
        let foreign = client_certificate(&Authority::new().leaf(&["weir"]));
        let foreign = BackendTlsSettings { client: Some(foreign), ..settings(&authority) };
        assert_refused(&ask(config(), foreign).await);
    }
}

#[tokio::test]
async fn an_older_version_than_the_least_is_refused() {
    let authority = Authority::new();
    let leaf = authority.leaf(&["shop.internal"]);
    let old = || server_with(&leaf, &[&rustls::version::TLS12], None).0;
    assert_eq!(ask(old(), settings(&authority)).await.status, 200);
    let newer = BackendTlsSettings { min_version: TlsVersion::Tls13, ..settings(&authority) };
    assert_refused(&ask(old(), newer.clone()).await);
    let new = server_with(&leaf, &[&rustls::version::TLS13], None).0;
    assert_eq!(ask(new, newer).await.status, 200);
}

#[tokio::test]
async fn nothing_is_sent_in_clear_text_where_tls_is_declared() {
    let endpoint = Endpoint::start(path).await;
    let authority = Authority::new();
    let rig = Rig::start(over_tls(pool(&[endpoint.address]), settings(&authority)));
    // Its bytes are no TLS, and ours are no HTTP to it.
    let plain = Endpoint::start(|_| Reply::Close(b"HTTP/1.1 400 No\r\n\r\n".to_vec())).await;
    rig.publish(over_tls(pool(&[plain.address]), settings(&authority)), route());
    assert!(endpoint.received().is_empty());
    let missing = Pool { backend_tls: Some(BackendTls::Unresolved), ..pool(&[endpoint.address]) };
    rig.publish(missing, route());
    let answer = rig.client().await.get("/").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.field("x-weir-reason"), Some("backend_tls_unresolved"));
    assert_eq!(endpoint.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn connections_of_old_settings_are_not_used_again() {
    let (old, new) = (Authority::new(), Authority::new());
    let (config, _asked) = server(&old.leaf(&["shop.internal"]));
    let endpoint = Endpoint::start_tls(config, path).await;
    let rig = Rig::start(over_tls(pool(&[endpoint.address]), settings(&old)));
    let mut client = rig.client().await;
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(client.get("/").await.status, 200);
    // What TLS does not depend on leaves connections and sessions as they are.
    let slower = Pool { keep_alive: Duration::from_secs(9), ..pool(&[endpoint.address]) };
    rig.publish(over_tls(slower, settings(&old)), route());
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(endpoint.connections.load(Ordering::SeqCst), 1);

    rig.publish(over_tls(pool(&[endpoint.address]), settings(&new)), route());
    assert_refused(&client.get("/").await);
    rig.publish(over_tls(pool(&[endpoint.address]), settings(&old)), route());
    assert_eq!(client.get("/").await.status, 200, "back again");
    assert_eq!(endpoint.connections.load(Ordering::SeqCst), 2);
}

/// Source: RFC 5280 §6.3.
#[tokio::test]
async fn who_was_revoked_is_asked_nothing_more_and_a_list_has_to_be_new() {
    let authority = Authority::new();
    let (valid, revoked) = (authority.leaf(&["shop.internal"]), authority.leaf(&["shop.internal"]));
    let with = |pem: String| BackendTlsSettings {
        authorities: Authorities::Certificates(pem.into()),
        ..settings(&authority)
    };
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        let (good, _asked) = server_with(&valid, versions, None);
        let (bad, _asked_too) = server_with(&revoked, versions, None);
        let good = Endpoint::start_tls(good, path).await;
        let bad = Endpoint::start_tls(bad, path).await;
        let rig = Rig::start(over_tls(pool(&[bad.address]), settings(&authority)));
        let mut client = rig.client().await;
        let publish = |endpoint: &Endpoint, pem: String| {
            rig.publish(over_tls(pool(&[endpoint.address]), with(pem)), route());
        };
        assert_eq!(client.get("/").await.text(), "/", "is not revoked yet");
        // Neither the kept connection nor a session of it is used once the list is another.
        publish(&bad, authority.pem_without(&[&revoked], false));
        for _ in 0..2 {
            assert_refused(&client.get("/").await);
        }
        assert_eq!(bad.received().len(), 1);
        publish(&good, authority.pem_without(&[&revoked], false));
        assert_eq!(client.get("/").await.text(), "/", "is not on the list");
        publish(&good, authority.pem_without(&[], true));
        assert_refused(&client.get("/").await);
        publish(&bad, authority.pem_without(&[], false));
        assert_eq!(client.get("/").await.text(), "/", "is taken off the list");
    }
}

#[tokio::test]
async fn a_failed_handshake_is_tried_on_another_endpoint_and_counts_for_ejection() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (good, _asked) = server(&authority.leaf(&["shop.internal"]));
    let (bad, _asked_too) = server(&other.leaf(&["shop.internal"]));
    let good = Endpoint::start_tls(good, path).await;
    let bad = Endpoint::start_tls(bad, path).await;
    let outlier = Outlier {
        consecutive_errors: 2,
        base_ejection_time: Duration::from_secs(60),
        max_ejection_time: Duration::from_secs(60),
        max_ejected_percent: 50,
    };
    let declared = Pool { outlier: Some(outlier), ..pool(&[good.address, bad.address]) };
    let rig = Rig::start(over_tls(declared, settings(&authority)));
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let bad_state = || {
        let table = rig.table.load_full();
        let pool = table.pools().next().unwrap();
        let member = pool.endpoints.iter().find(|one| one.state.address() == bad.address).unwrap();
        Arc::clone(&member.state)
    };
    let mut client = rig.client().await;
    let mut asked = 0;
    while bad_state().ejected_until() == weir::upstream::Millis(0) {
        assert_eq!(client.ask(post).await.status, 200);
        asked += 1;
        assert!(asked < 100_000, "it is never ejected");
    }
    assert!(bad.received().is_empty());
}

#[tokio::test]
async fn websockets_go_through() {
    let authority = Authority::new();
    let (config, _asked) = server(&authority.leaf(&["shop.internal"]));
    let endpoint = Endpoint::start_tls(config, |_| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                    upgrade: websocket\r\n\r\n";
        Reply::Echo(head.into())
    })
    .await;
    let rig = Rig::start(over_tls(pool(&[endpoint.address]), settings(&authority)));
    let mut client = rig.client().await;
    let upgrade = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    assert_eq!(client.ask(upgrade).await.status, 101);
    for text in ["one", "two", "three"] {
        client.send(text).await;
        assert_eq!(client.until(text.as_bytes()).await.as_deref(), Some(text.as_bytes()));
    }
}

#[tokio::test]
async fn checks_ask_over_tls() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (config, mut asked) = server(&authority.leaf(&["shop.internal"]));
    let endpoint = Endpoint::start_tls(config, path).await;
    let long = Duration::from_secs(20);
    let http =
        Probe::Http { path: "/z".into(), head: false, host: None, expected: vec![(200, 200)] };
    for probe in [http, Probe::Tcp] {
        let transport = |authority: &Authority| {
            Transport::new(&over_tls(pool(&[endpoint.address]), settings(authority)))
        };
        health::check(endpoint.address, &transport(&authority), &probe, long).await.unwrap();
        assert_eq!(asked.recv().await.unwrap().as_deref(), Some("shop.internal"));
        let wrong = health::check(endpoint.address, &transport(&other), &probe, long).await;
        assert_eq!(wrong.unwrap_err().as_str(), "upstream_tls");
        asked.recv().await.unwrap();
    }
    assert_eq!(endpoint.received().len(), 1);
}
