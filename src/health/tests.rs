//! Checks against real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::probe::{self, Failure};
use crate::model::Probe;
use crate::upstream::Transport;

const LONG: Duration = Duration::from_secs(20);

/// Checks in clear text.
async fn check(address: SocketAddr, probe: &Probe, timeout: Duration) -> Result<(), Failure> {
    probe::check(address, &Transport::default(), probe, timeout).await
}

/// Answers one connection with these bytes once a request head is in; returns that head.
async fn answer_with(bytes: &'static [u8]) -> (SocketAddr, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, head) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.windows(4).any(|w| w == b"\r\n\r\n") {
            let mut buffer = [0; 1024];
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(n) => read.extend_from_slice(&buffer[..n]),
            }
        }
        let _ = seen.send(String::from_utf8_lossy(&read).into_owned());
        let _ = stream.write_all(bytes).await;
        // Stays open until the check closes: it must not wait for the end of the body.
        let _ = stream.read(&mut [0; 16]).await;
    });
    (address, head)
}

fn http(head: bool, host: Option<&str>) -> Probe {
    Probe::Http {
        path: "/healthz?deep=1".into(),
        head,
        host: host.map(Into::into),
        expected: vec![(200, 299), (418, 418)],
    }
}

#[tokio::test]
async fn http_checks_judge_the_status_and_ignore_the_body() {
    let endless = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nonly the beginning";
    let (address, head) = answer_with(endless).await;
    check(address, &http(false, None), LONG).await.unwrap();
    let head = head.await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /healthz?deep=1 http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {address}\r\n")), "{head}");

    let (address, head) = answer_with(b"HTTP/1.1 418 Teapot\r\n\r\n").await;
    check(address, &http(true, Some("shop.example.com")), LONG).await.unwrap();
    let head = head.await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("head /") && head.contains("host: shop.example.com\r\n"), "{head}");

    let (address, _head) = answer_with(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
    let failure = check(address, &http(false, None), LONG).await.unwrap_err();
    assert!(matches!(failure, Failure::Status(503)), "{failure:?}");
}

#[tokio::test]
async fn garbage_silence_and_closed_ports_fail() {
    let (address, _head) = answer_with(b"220 mail.example.com ESMTP\r\n").await;
    let failure = check(address, &http(false, None), LONG).await.unwrap_err();
    assert_eq!(failure.as_str(), "protocol_error", "{failure:?}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let short = Duration::from_millis(50);
    let failure = check(address, &http(false, None), short).await.unwrap_err();
    assert!(matches!(failure, Failure::Timeout(_)), "{failure:?}");
    check(address, &Probe::Tcp, LONG).await.unwrap();
    let grpc = Probe::Grpc { service: "".into() };
    assert_eq!(check(address, &grpc, short).await.unwrap_err().as_str(), "timeout");

    drop(silent);
    for probe in [Probe::Tcp, http(false, None), grpc] {
        let failure = check(address, &probe, LONG).await.unwrap_err();
        assert!(matches!(failure, Failure::Connect(_)), "{failure:?}");
    }
}

/// A gRPC server that answers one message and one status.
async fn grpc_server(message: &'static [u8], status: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| async move {
            assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
            assert_eq!(request.headers()["content-type"], "application/grpc");
            let asked = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(&asked[..], [&[0, 0, 0, 0, 6, 10, 4][..], b"shop"].concat());
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.parse().unwrap());
            let body = Full::new(Bytes::from_static(message))
                .with_trailers(async move { Some(Ok::<_, std::convert::Infallible>(trailers)) });
            Ok::<_, hyper::Error>(Response::new(body))
        });
        let _ = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    });
    address
}

// Source: grpc.health.v1.
#[tokio::test]
async fn grpc_checks_ask_the_health_service() {
    let probe = Probe::Grpc { service: "shop".into() };
    let serving = grpc_server(&[0, 0, 0, 0, 2, 8, 1], "0").await;
    check(serving, &probe, LONG).await.unwrap();

    let not_serving = grpc_server(&[0, 0, 0, 0, 2, 8, 2], "0").await;
    let failure = check(not_serving, &probe, LONG).await.unwrap_err();
    assert!(matches!(failure, Failure::NotServing("NOT_SERVING")), "{failure:?}");

    let unimplemented = grpc_server(&[], "12").await;
    let failure = check(unimplemented, &probe, LONG).await.unwrap_err();
    assert!(matches!(failure, Failure::GrpcStatus(12)), "{failure:?}");

    let (http1_only, _head) = answer_with(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let failure = check(http1_only, &probe, LONG).await.unwrap_err();
    assert_eq!(failure.as_str(), "protocol_error", "{failure:?}");
}
