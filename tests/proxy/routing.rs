//! Requests reach the right endpoint, and answers come back.

use std::sync::atomic::Ordering;

use crate::rig::{Rig, options, pool, route};
use crate::support::endpoint::{Endpoint, ok};

#[tokio::test]
async fn a_request_goes_there_and_back() {
    let endpoint = Endpoint::start(|request| ok(&format!("turn {}", request.turn))).await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut client = rig.client().await;
    for turn in 0..3 {
        let answer = client.get("/a/../b?c=d").await;
        assert_eq!((answer.status, answer.text()), (200, &*format!("turn {turn}")));
    }
    let received = endpoint.received();
    assert!(received[0].head.starts_with("GET /b?c=d HTTP/1.1\r\n"), "{}", received[0].head);
    assert_eq!(received[0].field("host"), Some("test.example"));
    assert_eq!(endpoint.connections.load(Ordering::SeqCst), 1, "the connection is kept");
}

#[tokio::test]
async fn round_robin_is_exact_over_connections() {
    let mut endpoints = Vec::new();
    for _ in 0..4 {
        endpoints.push(Endpoint::start(|_| ok("")).await);
    }
    let addresses: Vec<_> = endpoints.iter().map(|endpoint| endpoint.address).collect();
    let rig = Rig::start(pool(&addresses));
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = rig.client().await;
        clients.push(tokio::spawn(async move {
            for _ in 0..500 {
                assert_eq!(client.get("/").await.status, 200);
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    for endpoint in &endpoints {
        let count = endpoint.received().len();
        assert!((999..=1001).contains(&count), "{count}");
    }
}

#[tokio::test]
async fn says_why_there_is_no_answer() {
    let rig = Rig::with(pool(&[]), route(), options());
    let answer = rig.client().await.get("/").await;
    assert_eq!((answer.status, answer.field("x-weir-reason")), (503, Some("no_endpoint")));
    assert_eq!(answer.field("retry-after"), Some("1"));
    let head = rig.client().await.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((head.status, head.body.len()), (503, 0));
    let mut other = route();
    other.hostnames = vec![weir::model::Hostname::parse("shop.example").unwrap()];
    rig.publish(pool(&[]), other);
    let answer = rig.client().await.get("/").await;
    assert_eq!((answer.status, answer.field("x-weir-reason")), (404, Some("no_host")));
}
