//! Clients that are slow, and streams that are idle by nature.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use weir::metrics::Reason;
use weir::proxy::{Options, Progress};

use crate::rig::{Rig, options, pool, route};
use crate::support::client::Client;
use crate::support::endpoint::{Endpoint, ok};

/// A client has a tenth of a second, and every byte of a slow one is worth next to nothing.
pub fn impatient() -> Options {
    let mut options = options();
    options.limits.progress = Progress { timeout: Duration::from_millis(100), rate: 1 << 30 };
    options
}

fn start(address: SocketAddr) -> Rig {
    Rig::with(pool(&[address]), route(), impatient())
}

/// Returns an endpoint whose connections the test takes itself.
async fn by_hand() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn accept(listener: &TcpListener) -> Client<TcpStream> {
    Client::over(listener.accept().await.unwrap().0)
}

async fn http2(rig: &Rig, window: u32) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(rig.http).await.unwrap();
    let (sender, connection) =
        h2::client::Builder::new().initial_window_size(window).handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

fn get() -> Request<()> {
    Request::get("http://test.example/").body(()).unwrap()
}

/// Waits until a request ended for this reason.
async fn dropped_for(rig: &Rig, reason: Reason) {
    let line = format!(
        "weir_upstream_dropped_requests_total{{pool=\"default/test\",reason=\"{reason}\"}} 1"
    );
    while !rig.metrics.encode().contains(&line) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits longer than an impatient Weir does: another client began later and was cut off.
pub async fn wait_out(rig: &Rig) {
    let mut other = rig.client().await;
    other.send("POST /clock HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await;
    assert_eq!(other.answer(false).await.unwrap().status, 408);
}

#[tokio::test]
async fn a_body_that_trickles_ends_with_408() {
    let endpoint = Endpoint::start(|_| ok("late")).await;
    let rig = start(endpoint.address);
    for framing in ["Transfer-Encoding: chunked", "Content-Length: 100000"] {
        let mut client = rig.client().await;
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")).await;
        let piece = if framing.contains("chunked") { "1\r\nx\r\n" } else { "x" };
        let answer = loop {
            tokio::select! {
                biased;
                answer = client.answer(false) => break answer.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
            let _ = client.stream.write_all(piece.as_bytes()).await;
        };
        assert_eq!((answer.status, answer.field("x-weir-reason")), (408, Some("body_timeout")));
        assert!(client.is_closed().await);
    }
    assert!(endpoint.received().is_empty(), "no whole request came");
}

#[tokio::test]
async fn a_body_over_http2_that_stops_ends_with_408() {
    let endpoint = Endpoint::start(|_| ok("late")).await;
    let rig = start(endpoint.address);
    let mut sender = http2(&rig, 65_535).await;
    let request = Request::post("http://test.example/").body(()).unwrap();
    let (answer, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"x"), false).unwrap();
    assert_eq!(answer.await.unwrap().status(), 408);
    let (answer, _) = sender.ready().await.unwrap().send_request(get(), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200, "the connection goes on");
}

#[tokio::test]
async fn a_body_whose_answer_has_begun_may_be_idle() {
    let (listener, address) = by_hand().await;
    let rig = start(address);
    let mut client = rig.client().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n").await;
    let mut endpoint = accept(&listener).await;
    endpoint.until(b"a\r\n").await.unwrap();
    endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n").await;
    client.until(b"A\r\n").await.unwrap();
    tokio::spawn(async move { drop(accept(&listener).await.until(b"never").await) });
    wait_out(&rig).await;
    client.send("1\r\nb\r\n0\r\n\r\n").await;
    endpoint.until(b"0\r\n\r\n").await.unwrap();
    endpoint.send("0\r\n\r\n").await;
    assert!(client.until(b"0\r\n\r\n").await.is_some());
}

/// Calls may be idle, but not where endpoints speak HTTP/1.1: a client's word is not enough.
#[tokio::test]
async fn a_body_that_only_calls_itself_grpc_is_bounded_too() {
    let endpoint = Endpoint::start(|_| ok("late")).await;
    let rig = start(endpoint.address);
    let mut sender = http2(&rig, 65_535).await;
    let request = Request::post("http://test.example/chat.Chat/Talk")
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (answer, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"x"), false).unwrap();
    assert_eq!(answer.await.unwrap().headers()["x-weir-reason"], "body_timeout");
}

/// Sends without an end until the proxy takes no more and then closes.
async fn pour(listener: TcpListener) {
    loop {
        let mut endpoint = accept(&listener).await;
        tokio::spawn(async move {
            endpoint.until(b"\r\n\r\n").await.unwrap();
            endpoint.send("HTTP/1.1 200 OK\r\n\r\n").await;
            let piece = vec![b'x'; 64 * 1024];
            while endpoint.stream.write_all(&piece).await.is_ok() {}
        });
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let (listener, address) = by_hand().await;
    tokio::spawn(pour(listener));
    let rig = start(address);
    let mut client = rig.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    dropped_for(&rig, Reason::SlowReader).await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_stream_without_a_window_is_reset_and_others_go_on() {
    let (listener, address) = by_hand().await;
    tokio::spawn(pour(listener));
    let rig = start(address);
    let mut sender = http2(&rig, 0).await;
    let (answer, _) = sender.send_request(get(), true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    let error = body.data().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
    dropped_for(&rig, Reason::SlowReader).await;
    let (answer, _) = sender.ready().await.unwrap().send_request(get(), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200, "the connection goes on");
}

#[tokio::test]
async fn events_come_one_by_one_however_long_they_take() {
    let (listener, address) = by_hand().await;
    let rig = start(address);
    let ask = "GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n";
    for framing in ["Transfer-Encoding: chunked", "Connection: close"] {
        let mut client = rig.client().await;
        client.send(ask).await;
        let mut endpoint = accept(&listener).await;
        endpoint.until(b"\r\n\r\n").await.unwrap();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n\r\n");
        endpoint.send(head).await;
        assert!(client.until(b"\r\n\r\n").await.is_some(), "the head waits for nothing");
        for n in 0..3 {
            let event = format!("data: {n}\n\n");
            let sent = if framing.contains("chunked") {
                format!("{:x}\r\n{event}\r\n", event.len())
            } else {
                event.clone()
            };
            endpoint.send(sent).await;
            assert!(client.until(event.as_bytes()).await.is_some(), "{n} of {framing}");
            let mut clock = rig.client().await;
            clock.send("POST /clock HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await;
            let held = accept(&listener).await;
            assert_eq!(clock.answer(false).await.unwrap().status, 408);
            drop(held);
        }
    }
}

#[tokio::test]
async fn events_over_http2_come_one_by_one() {
    let (listener, address) = by_hand().await;
    let rig = start(address);
    let mut sender = http2(&rig, 65_535).await;
    let (answer, _) = sender.send_request(get(), true).unwrap();
    let mut endpoint = accept(&listener).await;
    endpoint.until(b"\r\n\r\n").await.unwrap();
    endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let mut body = answer.await.unwrap().into_body();
    for n in 0..3 {
        let event = format!("data: {n}\n\n");
        endpoint.send(format!("{:x}\r\n{event}\r\n", event.len())).await;
        assert_eq!(body.data().await.unwrap().unwrap(), event);
        let mut clock = rig.client().await;
        clock.send("POST /clock HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await;
        let held = accept(&listener).await;
        assert_eq!(clock.answer(false).await.unwrap().status, 408);
        drop(held);
    }
    endpoint.send("0\r\n\r\n").await;
    while let Some(rest) = body.data().await {
        assert!(rest.unwrap().is_empty());
    }
    assert_eq!(body.trailers().await.unwrap(), None::<HeaderMap>);
}
