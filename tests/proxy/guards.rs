//! Bounds of one request and one connection, of memory, and of who may ask.

use bytes::Bytes;
use http::Request;
use tokio::net::TcpStream;
use weir::metrics::Reason;
use weir::model::{Access, Networks};
use weir::proxy::Level;

use crate::rig::{Rig, options, pool, route, trusted};
use crate::support::client::{Answer, Client};
use crate::support::endpoint::{Endpoint, ok};

fn refused(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.field("x-weir-reason"))
}

async fn small(most: u64) -> (Endpoint, Rig) {
    let endpoint = Endpoint::start(|_| ok("done")).await;
    let mut declared = pool(&[endpoint.address]);
    declared.limits.max_body_bytes = Some(most);
    let rig = Rig::start(declared);
    (endpoint, rig)
}

#[tokio::test]
async fn a_body_above_the_pools_limit_gets_413() {
    let (endpoint, rig) = small(5).await;
    let post = |framing: &str, body: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{body}")
    };
    let mut client = rig.client().await;
    assert_eq!(client.ask(post("Content-Length: 5", "12345")).await.status, 200);
    let chunks = "3\r\n123\r\n2\r\n45\r\n0\r\n\r\n";
    assert_eq!(client.ask(post("Transfer-Encoding: chunked", chunks)).await.status, 200);
    assert_eq!(endpoint.received().len(), 2);
    let too_large = (413, Some("body_too_large"));
    for (framing, body) in [
        ("Content-Length: 6", "123456"),
        ("Content-Length: 900000", ""),
        ("Content-Length: 6\r\nExpect: 100-continue", ""),
        ("Transfer-Encoding: chunked", "6\r\n123456\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "5\r\n12345\r\n1\r\n6\r\n0\r\n\r\n"),
    ] {
        let answer = rig.client().await.ask(post(framing, body)).await;
        assert_eq!(refused(&answer), too_large, "{framing}");
    }
    assert_eq!(endpoint.received().len(), 2, "no other message was whole");
}

#[tokio::test]
async fn a_body_above_the_limit_gets_413_over_http2() {
    let (endpoint, rig) = small(5).await;
    let stream = TcpStream::connect(rig.http).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    for (body, expected) in [("12345", 200), ("123456", 413), ("1", 200)] {
        let request = Request::post("http://test.example/").body(()).unwrap();
        sender = sender.ready().await.unwrap();
        let (answer, mut sending) = sender.send_request(request, false).unwrap();
        let _ = sending.send_data(Bytes::from_static(body.as_bytes()), true);
        assert_eq!(answer.await.unwrap().status(), expected, "{body}");
    }
    assert_eq!(endpoint.received().len(), 2);
}

#[tokio::test]
async fn the_process_has_a_limit_for_pools_without_one() {
    let endpoint = Endpoint::start(|_| ok("done")).await;
    let mut limited = options();
    limited.limits.max_body_bytes = Some(1);
    let rig = Rig::with(pool(&[endpoint.address]), route(), limited);
    let ask = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";
    assert_eq!(rig.client().await.ask(ask).await.status, 413);
}

#[tokio::test]
async fn a_connection_ends_after_the_requests_that_it_may_carry() {
    let endpoint = Endpoint::start(|_| ok("done")).await;
    let mut limited = options();
    limited.limits.max_requests = 2;
    let rig = Rig::with(pool(&[endpoint.address]), route(), limited);
    let mut client = rig.client().await;
    assert_eq!(client.get("/").await.field("connection"), None);
    assert_eq!(client.get("/").await.field("connection"), Some("close"));
    assert!(client.is_closed().await);

    let stream = TcpStream::connect(rig.http).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let ended = tokio::spawn(connection);
    for _ in 0..2 {
        let request = Request::get("http://test.example/").body(()).unwrap();
        sender = sender.ready().await.unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), 200);
    }
    ended.await.unwrap().unwrap();
    assert!(sender.ready().await.is_err(), "GOAWAY");
}

#[tokio::test]
async fn little_memory_ends_connections_and_too_little_refuses() {
    let endpoint = Endpoint::start(|_| ok("done")).await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let pressure = rig.handle.pressure();
    let mut client = rig.client().await;
    assert_eq!(client.get("/").await.field("connection"), None);
    pressure.set(Level::High);
    let answer = client.get("/").await;
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
    assert!(client.is_closed().await);
    pressure.set(Level::Full);
    let answer = rig.client().await.get("/").await;
    assert_eq!(refused(&answer), (503, Some("overloaded")));
    assert_eq!(
        (answer.field("retry-after"), answer.field("connection")),
        (Some("1"), Some("close"))
    );
    assert_eq!(endpoint.received().len(), 2);
    let counted =
        "weir_downstream_refused_requests_total{listener=\"http\",reason=\"overloaded\"} 1";
    assert!(rig.metrics.encode().contains(counted));
    pressure.set(Level::Normal);
    let answer = rig.client().await.get("/").await;
    assert_eq!((answer.status, answer.field("connection")), (200, None));
}

#[tokio::test]
async fn only_clients_on_the_lists_may_ask() {
    let endpoint = Endpoint::start(|_| ok("done")).await;
    let networks = |text: &str| Networks::new([text.parse().unwrap()]);
    let mut declared = pool(&[endpoint.address]);
    declared.access =
        Some(Access { allow: Some(networks("192.0.2.0/24")), deny: networks("192.0.2.7/32") });
    let mut behind = options();
    behind.trusted = trusted(1);
    let rig = Rig::with(declared, route(), behind);
    let ask = async |client: &str| {
        let fields = format!("Host: a\r\nX-Forwarded-For: 192.0.2.1, {client}\r\n");
        let mut connection = Client::connect(rig.http).await;
        connection.ask(format!("GET / HTTP/1.1\r\n{fields}\r\n")).await
    };
    for (client, expected) in [("192.0.2.1", 200), ("192.0.2.7", 403), ("198.51.100.1", 403)] {
        assert_eq!(ask(client).await.status, expected, "{client}");
    }
    assert_eq!(
        refused(&rig.client().await.get("/").await),
        (403, Some("access_denied")),
        "the peer"
    );
    assert_eq!(endpoint.received().len(), 1);
    let counted = format!("reason=\"{}\"}} 3", Reason::AccessDenied);
    assert!(rig.metrics.encode().contains(&counted));
}
