//! What goes wrong on either side.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use tokio::sync::mpsc;
use weir::model::{Protocol, Route};
use weir::proxy::Options;

use super::endpoint::{Asked, Endpoint};
use super::frames::{self, END_STREAM, GOAWAY, RST_STREAM, Wire};
use super::{client, get, pool_of, post, read, send};
use crate::rig::{Rig, options, route};

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

/// What the endpoint says it did not process is sent again, whatever its method, with its body.
/// Source: RFC 9113 §8.7.
#[tokio::test]
async fn what_was_not_processed_is_sent_again() {
    // GOAWAY with no stream processed, then the connection ends.
    let goaway = |mut wire: Wire| async move {
        wire.until(frames::DATA).await;
        wire.write(GOAWAY, 0, 0, &[0; 8]).await;
    };
    // The stream alone is refused.
    let refused = |mut wire: Wire| async move {
        let data = wire.until(frames::DATA).await.unwrap();
        wire.write(RST_STREAM, 0, data.stream, &7_u32.to_be_bytes()).await;
        echo(wire).await;
    };
    for is_goaway in [true, false] {
        let (address, connections) = frames::start(move |number, wire| async move {
            match (number, is_goaway) {
                (1, true) => goaway(wire).await,
                (1, false) => refused(wire).await,
                _ => echo(wire).await,
            }
        })
        .await;
        let rig = Rig::start(pool_of(&[address]));
        let answer = rig.client().await.ask(POST).await;
        assert_eq!((answer.status, answer.text()), (200, "hello"), "GOAWAY: {is_goaway}");
        let expected = if is_goaway { 2 } else { 1 };
        assert_eq!(connections.load(Ordering::SeqCst), expected);
    }
}

/// Answers each request with its body.
async fn echo(mut wire: Wire) {
    loop {
        let Some(frame) = wire.until(frames::DATA).await else { return };
        wire.write(frames::HEADERS, 4, frame.stream, b"\x88\x0f\x0d\x015").await;
        wire.data(frame.stream, &frame.payload, END_STREAM).await;
    }
}

/// What may have been processed is not, unless its method is idempotent.
#[tokio::test]
async fn what_may_have_been_processed_is_not_sent_again() {
    let (address, connections) = frames::start(|number, mut wire| async move {
        let stream = wire.request().await.unwrap();
        if number == 1 {
            // GOAWAY that says that the stream is processed, then the end.
            let mut payload = stream.to_be_bytes().to_vec();
            payload.extend([0; 4]);
            wire.write(GOAWAY, 0, 0, &payload).await;
            return;
        }
        wire.ok(stream, END_STREAM).await;
        while wire.read().await.is_some() {}
    })
    .await;
    let rig = Rig::start(pool_of(&[address]));
    let answer = rig.client().await.ask("POST / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.field("x-weir-reason"), Some("upstream_reset"));
    assert_eq!((answer.status, connections.load(Ordering::SeqCst)), (502, 1));
    assert_eq!(rig.client().await.get("/").await.status, 200);
}

#[tokio::test]
async fn a_connection_that_is_ending_takes_no_new_requests() {
    let endpoint = Endpoint::with(h2::server::Builder::new(), 3, |mut asked: Asked| async move {
        asked.answer(asked.connection.to_string());
    })
    .await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), Options { workers: 1, ..options() });
    let mut http1 = rig.client().await;
    for request in 0..30 {
        let answer = http1.ask(POST).await;
        assert_eq!(answer.status, 200, "request {request}");
    }
    assert!(endpoint.connections() >= 10, "{}", endpoint.connections());
    while endpoint.open.load(Ordering::SeqCst) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_resets_the_stream_of_its_endpoint() {
    let (told, mut resets) = mpsc::unbounded_channel();
    let endpoint = Endpoint::start(move |mut asked: Asked| {
        let told = told.clone();
        async move {
            let mut stream = asked.begin(200);
            stream.send_data(Bytes::from_static(b"x"), false).unwrap();
            let reason = std::future::poll_fn(|context| stream.poll_reset(context)).await.unwrap();
            told.send(reason).unwrap();
        }
    })
    .await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    // While the answer is on its way, over HTTP/2 and HTTP/1.1.
    let mut http2 = client(&rig).await;
    let (answer, mut stream) = http2.send_request(post("/"), false).unwrap();
    let answer = answer.await.unwrap();
    stream.send_reset(Reason::CANCEL);
    assert_eq!(resets.recv().await, Some(Reason::CANCEL));
    drop(answer);
    let mut http1 = rig.client().await;
    http1.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    http1.until(b"x").await.unwrap();
    drop(http1);
    assert_eq!(resets.recv().await, Some(Reason::CANCEL));
    let table = rig.table.load_full();
    let state = &table.pools().next().unwrap().endpoints[0].state;
    while state.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_never_whole_for_its_client() {
    let endpoint = Endpoint::start(|mut asked: Asked| async move {
        let mut stream = asked.begin(200);
        stream.send_data(Bytes::from_static(b"half"), false).unwrap();
        let _ = asked.body.data().await;
        stream.send_reset(Reason::INTERNAL_ERROR);
    })
    .await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    let mut http2 = client(&rig).await;
    let (answer, mut stream) = http2.send_request(post("/"), false).unwrap();
    let mut answer = answer.await.unwrap();
    assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "half");
    stream.send_data(Bytes::from_static(b"go"), true).unwrap();
    let error = read(answer.body_mut()).await.unwrap_err();
    assert!(error.is_reset() && error.is_remote(), "{error}");
    let mut http1 = rig.client().await;
    http1.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    http1.until(b"half").await.unwrap();
    http1.send("2\r\ngo\r\n0\r\n\r\n").await;
    while http1.read().await > 0 {}
    let rest = String::from_utf8_lossy(&http1.ahead);
    assert!(!rest.ends_with("0\r\n\r\n"), "{rest}");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_reset() {
    let (told, mut resets) = mpsc::unbounded_channel();
    let endpoint = Endpoint::start(move |mut asked: Asked| {
        let told = told.clone();
        async move {
            let reason = std::future::poll_fn(|context| asked.respond.poll_reset(context)).await;
            told.send(reason.unwrap()).unwrap();
        }
    })
    .await;
    let times = Route { request_timeout: Some(Duration::from_millis(50)), ..route() };
    let rig = Rig::with(pool_of(&[endpoint.address]), times, options());
    let answer = rig.client().await.get("/").await;
    assert_eq!((answer.status, answer.field("x-weir-reason")), (504, Some("request_timeout")));
    assert_eq!(resets.recv().await, Some(Reason::CANCEL));
}

#[tokio::test]
async fn what_is_no_valid_answer_is_502() {
    let (address, _) = frames::start(|_, mut wire| async move {
        while let Some(stream) = wire.request().await {
            // :status 200, content-length: 9, and 4 bytes.
            wire.write(frames::HEADERS, 4, stream, b"\x88\x0f\x0d\x019").await;
            wire.data(stream, b"half", END_STREAM).await;
        }
    })
    .await;
    let rig = Rig::start(pool_of(&[address]));
    let mut http2 = client(&rig).await;
    match send(&mut http2, get("/"), b"").await {
        Ok(mut answer) => {
            assert_eq!(answer.headers()["content-length"], "9");
            assert!(read(answer.body_mut()).await.is_err());
        }
        Err(error) => assert!(error.is_reset(), "{error}"),
    }
    // An endpoint of HTTP/1.1 that was declared wrongly.
    let plain =
        crate::support::endpoint::Endpoint::start(|_| crate::support::endpoint::ok("HTTP/1.1"))
            .await;
    let mut declared = pool_of(&[plain.address]);
    let rig = Rig::start(declared.clone());
    assert_eq!(rig.client().await.get("/").await.status, 502);
    declared.protocol = Some(Protocol::Http1);
    let backends = declared.backends.clone();
    rig.publish(declared.with_backends(backends), route());
    assert_eq!(rig.client().await.get("/").await.status, 200);
}

#[tokio::test]
async fn endpoints_that_refuse_are_passed_over() {
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let endpoint = Endpoint::start(|mut asked: Asked| async move {
        let (body, _) = read(&mut asked.body).await.unwrap();
        asked.answer(body);
    })
    .await;
    let rig = Arc::new(Rig::start(pool_of(&[gone, endpoint.address])));
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let rig = Arc::clone(&rig);
        requests.spawn(async move {
            let answer = rig.client().await.ask(POST).await;
            assert_eq!((answer.status, answer.text().contains("hello")), (200, true));
        });
    }
    while let Some(done) = requests.join_next().await {
        done.unwrap();
    }
}

/// Clients that leave in the middle of their answers harm nobody else on the connection: what was on its
/// way to them is thrown away. Source: RFC 9113 §5.1.
#[tokio::test]
async fn many_clients_that_leave_harm_no_other_stream() {
    let (address, connections) = frames::start(|_, mut wire| async move {
        let mut first = None;
        while let Some(frame) = wire.read().await {
            match frame.kind {
                frames::HEADERS => {
                    wire.ok(frame.stream, 0).await;
                    first.get_or_insert(frame.stream);
                }
                RST_STREAM => {
                    for _ in 0..4 {
                        wire.data(frame.stream, b"on its way", 0).await;
                    }
                }
                frames::DATA => wire.data(first.unwrap(), b"good", END_STREAM).await,
                _ => {}
            }
        }
    })
    .await;
    let rig = Rig::with(pool_of(&[address]), route(), Options { workers: 1, ..options() });
    let mut good = client(&rig).await;
    let (answer, mut stream) = good.send_request(post("/"), false).unwrap();
    let mut answer = answer.await.unwrap();
    let mut leaving = client(&rig).await;
    for _ in 0..600 {
        let (answer, mut stream) = leaving.send_request(get("/"), true).unwrap();
        let _body = answer.await.unwrap();
        stream.send_reset(Reason::CANCEL);
        leaving = leaving.ready().await.unwrap();
    }
    stream.send_data(Bytes::from_static(b"end"), true).unwrap();
    assert_eq!(read(answer.body_mut()).await.unwrap().0, b"good");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
