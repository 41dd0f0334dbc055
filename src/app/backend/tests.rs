//! A simulated backend behind a real socket.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use super::*;

fn options(name: &str) -> BackendOptions {
    BackendOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        name: name.into(),
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
        error_rate: 0.0,
        zone: Some("a".into()),
        region: None,
    }
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn says_who_it_is_and_what_it_was_asked() {
    let (_stop, shutdown) = watch::channel(false);
    let one = spawn(options("east-1"), shutdown).await.unwrap();
    let answer = ask(one.address, "GET", "/cart?x=1").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for part in ["x-weir-backend: east-1", "\"zone\": \"a\"", "\"/cart?x=1\"", "\"request\": 1"] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
    assert!(ask(one.address, "GET", "/status/404").await.starts_with("HTTP/1.1 404"));
    assert!(ask(one.address, "GET", "/bytes/40000").await.len() > 40_000);
    assert_eq!(one.backend.requests(), 3);
}

#[tokio::test]
async fn health_can_be_switched() {
    let (_stop, shutdown) = watch::channel(false);
    let one = spawn(options("east-1"), shutdown).await.unwrap();
    assert!(ask(one.address, "GET", "/healthz").await.starts_with("HTTP/1.1 200"));
    ask(one.address, "PUT", "/healthz?status=503").await;
    assert!(ask(one.address, "GET", "/healthz").await.starts_with("HTTP/1.1 503"));
    assert!(ask(one.address, "PUT", "/healthz").await.starts_with("HTTP/1.1 400"));
    assert_eq!((one.backend.requests(), one.backend.health_checks()), (0, 2));
}

#[tokio::test]
async fn errors_come_at_their_rate_and_alike_in_every_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (_stop, shutdown) = watch::channel(false);
        let mut options = options("west-2");
        options.error_rate = 0.3;
        let one = spawn(options, shutdown).await.unwrap();
        let mut failed = Vec::new();
        for _ in 0..100 {
            failed.push(ask(one.address, "GET", "/").await.starts_with("HTTP/1.1 500"));
        }
        runs.push(failed);
    }
    assert_eq!(runs[0], runs[1]);
    let count = runs[0].iter().filter(|failed| **failed).count();
    assert!((15..45).contains(&count), "{count}");
}

#[tokio::test]
async fn a_taken_address_is_said_clearly() {
    let (_stop, shutdown) = watch::channel(false);
    let one = spawn(options("east-1"), shutdown.clone()).await.unwrap();
    let mut second = options("east-2");
    second.listen = one.address;
    let error = format!("{:#}", spawn(second, shutdown).await.unwrap_err());
    assert!(error.contains("east-2") && error.contains(&one.address.to_string()), "{error}");
}

// Source: RFC 6455.
#[tokio::test]
async fn websockets_echo() {
    let (_stop, shutdown) = watch::channel(false);
    let one = spawn(options("east-1"), shutdown).await.unwrap();
    let url = format!("ws://{}/ws", one.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    for message in ["short".to_owned(), "long ".repeat(100), "x".repeat(100_000)] {
        socket.send(Message::text(message.clone())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(message));
    }
    socket.send(Message::Ping("still there?".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("still there?".into()));
    socket.close(None).await.unwrap();
}

// Source: RFC 6455 §7.4.1.
#[tokio::test]
async fn an_end_answers_what_was_asked_and_tells_websockets() {
    let (stop, shutdown) = watch::channel(false);
    let one = spawn(options("east-1"), shutdown).await.unwrap();
    let url = format!("ws://{}/ws", one.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut idle = TcpStream::connect(one.address).await.unwrap();
    let asked = tokio::spawn(async move { ask(one.address, "GET", "/slow?ms=300").await });
    while one.backend.requests() < 2 {
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    assert!(asked.await.unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    let Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else {
        panic!("no close frame")
    };
    assert_eq!(u16::from(frame.code), 1001);
    assert!(TcpStream::connect(one.address).await.is_err());
}
