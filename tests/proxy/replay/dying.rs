//! Endpoints that die while a body is on its way.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use weir::model::{Retry, RetryCondition, Route};

use crate::rig::{Rig, options, pool, route};
use crate::support::endpoint::{Endpoint, Reply, read_request};

use super::{answer_of, ask_http2, body_of, http2, listen};

/// What has come goes to the next endpoint first, then what the client still sends.
#[tokio::test]
async fn a_body_that_is_still_coming_is_whole_for_the_next_endpoint() {
    for (framing, first, second) in [
        ("Content-Length: 8", "half", "rest"),
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\n", "4\r\nrest\r\n0\r\n\r\n"),
    ] {
        let (told, mut died) = mpsc::unbounded_channel();
        let address = dies_at_half(told).await;
        let rig = Rig::start(pool(&[address]));
        let mut client = rig.client().await;
        client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{first}")).await;
        died.recv().await.unwrap();
        client.send(second).await;
        let answer = client.answer(false).await.unwrap();
        assert_eq!((answer.status, answer.text()), (200, "halfrest"), "{framing}");
    }
    let (told, mut died) = mpsc::unbounded_channel();
    let address = dies_at_half(told).await;
    let rig = Rig::start(pool(&[address]));
    let request = http::Request::put("http://h2.example/").body(()).unwrap();
    let (answer, mut stream) = http2(&rig).await.send_request(request, false).unwrap();
    stream.send_data("half".into(), false).unwrap();
    died.recv().await.unwrap();
    stream.send_data("rest".into(), true).unwrap();
    let mut answer = answer.await.unwrap();
    let (body, _) = crate::h2_endpoints::read(answer.body_mut()).await.unwrap();
    assert_eq!((answer.status().as_u16(), &body[..]), (200, &b"halfrest"[..]));
}

/// The body waits for the word of the second endpoint, too.
#[tokio::test]
async fn a_body_that_waits_for_100_continue_is_sent_again() {
    let (told, mut died) = mpsc::unbounded_channel();
    let address = dies_at_half(told).await;
    let rig = Rig::start(pool(&[address]));
    let mut client = rig.client().await;
    client
        .send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n")
        .await;
    assert_eq!(client.answer(false).await.unwrap().status, 100);
    client.send("half").await;
    died.recv().await.unwrap();
    client.send("rest").await;
    let answer = client.answer(false).await.unwrap();
    assert_eq!((answer.status, answer.text()), (200, "halfrest"));
}

/// An endpoint whose first connection ends when half of the body is there; later ones answer with it.
async fn dies_at_half(told: mpsc::UnboundedSender<()>) -> SocketAddr {
    listen(move |number, stream| {
        let told = told.clone();
        async move {
            let mut client = crate::support::client::Client::over(stream);
            if number == 0 {
                let head = client.until(b"\r\n\r\n").await.unwrap();
                if String::from_utf8(head).unwrap().contains("100-continue") {
                    client.send("HTTP/1.1 100 Continue\r\n\r\n").await;
                }
                client.until(b"half").await.unwrap();
                told.send(()).unwrap();
                return;
            }
            let head = client.until(b"\r\n\r\n").await.unwrap();
            if String::from_utf8_lossy(&head).contains("100-continue") {
                // It is held until the endpoint wants it.
                assert!(client.ahead.is_empty());
                client.send("HTTP/1.1 100 Continue\r\n\r\n").await;
            }
            let mut ahead = [head, std::mem::take(&mut client.ahead)].concat();
            let request = read_request(&mut client.stream, &mut ahead, 0).await.unwrap();
            client.send(answer_of(&body_of(&request))).await;
        }
    })
    .await
}

#[tokio::test]
async fn retries_that_are_declared_send_the_body_again() {
    let bad = Endpoint::start(|request| {
        if request.head.contains("/late") {
            Reply::Hang
        } else {
            Reply::Keep(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n".to_vec())
        }
    })
    .await;
    let good = Endpoint::start(|request| Reply::Keep(answer_of(&body_of(request)))).await;
    let mut declared = pool(&[bad.address, good.address]);
    let conditions = vec![RetryCondition::Status(503), RetryCondition::Timeout];
    declared.retry = Some(Retry { attempts: 1, conditions, budget_percent: 100 });
    let times = Route { backend_request_timeout: Some(Duration::from_millis(100)), ..route() };
    let rig = Rig::with(declared, times, options());
    let (mut http1, mut http2) = (rig.client().await, http2(&rig).await);
    for path in ["/", "/late"] {
        for _ in 0..4 {
            let request =
                format!("PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
            let answer = http1.ask(request).await;
            assert_eq!((answer.status, answer.text()), (200, "hello"), "{path}");
        }
    }
    for _ in 0..4 {
        let (status, body) = ask_http2(&mut http2, "PUT", &[b"he", b"llo"]).await;
        assert_eq!((status, &body[..]), (200, &b"hello"[..]));
    }
    assert!(!bad.received().is_empty());
}
