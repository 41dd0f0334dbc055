//! Kept connections that turn out dead, and endpoints that reset.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::h2_endpoints::endpoint::{self as h2_endpoint, Asked};
use crate::h2_endpoints::{self, pool_of};
use crate::rig::{Rig, pool, route};
use crate::support::endpoint::{Endpoint, Reply};

use super::{answer_of, ask_http2, body_of, http2, one_worker, without_retries};

const REPEATABLE: [&str; 5] = ["PUT", "DELETE", "GET", "OPTIONS", "TRACE"];

/// An endpoint that answers the first request of a connection and resets the second.
async fn every_second() -> Endpoint {
    Endpoint::start(|request| match request.turn {
        0 => Reply::Keep(answer_of(&body_of(request))),
        _ => Reply::Close(Vec::new()),
    })
    .await
}

/// The same over HTTP/2, where connections stay; it counts what it got.
async fn every_second_stream() -> (h2_endpoint::Endpoint, Arc<AtomicUsize>) {
    let seen: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&seen);
    let endpoint = h2_endpoint::Endpoint::start(move |mut asked: Asked| {
        let is_reset = count.fetch_add(1, Ordering::SeqCst) % 2 == 1;
        async move {
            let Ok((body, _)) = h2_endpoints::read(&mut asked.body).await else { return };
            if is_reset {
                asked.respond.send_reset(h2::Reason::INTERNAL_ERROR);
            } else {
                asked.answer(body);
            }
        }
    })
    .await;
    (endpoint, seen)
}

/// The same body, by its length and in chunks.
const HELLO: [&str; 2] = [
    "Content-Length: 5\r\n\r\nhello",
    "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
];

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_with_the_body() {
    let endpoint = every_second().await;
    let rig = Rig::with(without_retries(pool(&[endpoint.address])), route(), one_worker());
    let (mut http1, mut http2) = (rig.client().await, http2(&rig).await);
    for method in REPEATABLE {
        let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n");
        for rest in HELLO {
            let answer = http1.ask(format!("{head}{rest}")).await;
            assert_eq!((answer.status, answer.text()), (200, "hello"), "{method} {rest}");
        }
        let empty = format!("{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        let answer = http1.ask(empty).await;
        assert_eq!((answer.status, answer.text()), (200, ""), "{method} without a byte");
        for _ in 0..2 {
            let (status, body) = ask_http2(&mut http2, method, &[b"he", b"llo"]).await;
            assert_eq!((status, &body[..]), (200, &b"hello"[..]), "{method} over HTTP/2");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_is_replaced_with_the_body() {
    let (endpoint, _) = every_second_stream().await;
    let rig = Rig::with(without_retries(pool_of(&[endpoint.address])), route(), one_worker());
    let (mut http1, mut http2) = (rig.client().await, http2(&rig).await);
    for method in REPEATABLE {
        let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n");
        for rest in HELLO {
            let answer = http1.ask(format!("{head}{rest}")).await;
            assert_eq!(answer.status, 200, "{method} {rest}");
            assert!(String::from_utf8_lossy(&answer.body).contains("hello"), "{method} {rest}");
        }
        for _ in 0..2 {
            let (status, body) = ask_http2(&mut http2, method, &[b"he", b"llo"]).await;
            assert_eq!((status, &body[..]), (200, &b"hello"[..]), "{method} over HTTP/2");
        }
    }
}

/// What may have been done is done once.
#[tokio::test]
async fn a_post_is_never_sent_twice() {
    for method in ["POST", "PATCH"] {
        let endpoint = every_second().await;
        let rig = Rig::with(pool(&[endpoint.address]), route(), one_worker());
        let mut http1 = rig.client().await;
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        for turn in 0..6 {
            let expected = if turn % 2 == 0 { 200 } else { 502 };
            assert_eq!(http1.ask(&request).await.status, expected, "{method} {turn}");
        }
        assert_eq!(endpoint.received().len(), 6, "{method}");
        let (endpoint, seen) = every_second_stream().await;
        let rig = Rig::with(pool_of(&[endpoint.address]), route(), one_worker());
        let mut http2 = http2(&rig).await;
        for turn in 0..6 {
            let expected = if turn % 2 == 0 { 200 } else { 502 };
            let (status, _) = ask_http2(&mut http2, method, &[b"hello"]).await;
            assert_eq!(status, expected, "{method} {turn} over HTTP/2");
        }
        assert_eq!(seen.load(Ordering::SeqCst), 6, "{method} over HTTP/2");
    }
}

/// Sends a body of this length to an endpoint that resets everything, and returns how often it came.
async fn tries_of(length: usize, is_chunked: bool) -> usize {
    let endpoint = Endpoint::start(|_| Reply::Close(Vec::new())).await;
    let rig = Rig::with(pool(&[endpoint.address]), route(), one_worker());
    let body = "x".repeat(length);
    let request = if is_chunked {
        format!(
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             {length:x}\r\n{body}\r\n0\r\n\r\n"
        )
    } else {
        format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let answer = rig.client().await.ask(request).await;
    assert_eq!((answer.status, answer.field("x-weir-reason")), (502, Some("upstream_reset")));
    let received = endpoint.received();
    assert!(received.iter().all(|request| body_of(request) == body.as_bytes()));
    received.len()
}

#[tokio::test]
async fn a_body_above_the_bound_is_sent_once() {
    for is_chunked in [false, true] {
        assert_eq!(tries_of(64 * 1024, is_chunked).await, 2, "chunked: {is_chunked}");
        assert_eq!(tries_of(64 * 1024 + 1, is_chunked).await, 1, "chunked: {is_chunked}");
    }
}

#[tokio::test]
async fn bytes_that_are_sent_twice_count_once() {
    let endpoint = every_second().await;
    let mut declared = without_retries(pool(&[endpoint.address]));
    declared.limits.max_body_bytes = Some(5);
    let rig = Rig::with(declared, route(), one_worker());
    let mut client = rig.client().await;
    for _ in 0..4 {
        let request = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                       5\r\nhello\r\n0\r\n\r\n";
        assert_eq!(client.ask(request).await.text(), "hello");
    }
    assert_eq!(endpoint.received().len(), 7);
    // The last request ends a moment after its client has the answer.
    let counted = async {
        while !rig.metrics.encode().lines().any(|line| {
            line.starts_with("weir_downstream_received_bytes_total{") && line.ends_with(" 20")
        }) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), counted).await.unwrap();
}
