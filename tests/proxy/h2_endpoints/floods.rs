//! Endpoints that send what brings nothing, and good ones that send a lot of it.
//! Source: RFC 9113 §10.5.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use weir::proxy::Options;

use super::endpoint::{Asked, Endpoint};
use super::frames::{self, DATA, END_STREAM, RST_STREAM, SETTINGS, Wire};
use super::{client, get, pool_of, post, read, send};
use crate::rig::{Rig, options, route};

const PRIORITY: u8 = 2;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const ALTSVC: u8 = 10;
const UNKNOWN: u8 = 0x20;

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

/// More than ten seconds' worth.
const MANY: usize = 1_500;

fn one_worker() -> Options {
    Options { workers: 1, ..options() }
}

/// Answers the first request of its first connection, and floods it with the next.
async fn flood(number: usize, mut wire: Wire, kind: u8, flags: u8, on: u32, payload: &[u8]) {
    let mut requests = 0;
    while let Some(stream) = wire.request().await {
        requests += 1;
        if (number, requests) != (1, 2) {
            wire.ok(stream, END_STREAM).await;
            continue;
        }
        if kind == DATA {
            wire.ok(stream, 0).await;
        }
        for _ in 0..MANY {
            wire.write(kind, flags, if kind == DATA { stream } else { on }, payload).await;
        }
    }
}

/// The connection ends, its request fails, another connection serves, and the metric says why.
#[tokio::test]
async fn an_endpoint_that_floods_a_connection_loses_it() {
    for (cause, kind, flags, stream, payload) in [
        ("ping", PING, 0, 0, &[7; 8][..]),
        ("ping", PING, 1, 0, &[7; 8]),
        ("settings", SETTINGS, 0, 0, &[]),
        ("priority", PRIORITY, 0, 1, &[0, 0, 0, 0, 16]),
        ("window_update", WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        ("window_update", WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        ("reset", RST_STREAM, 0, 1, &[0, 0, 0, 8]),
        ("other", ALTSVC, 0, 1, &[0, 0]),
        ("other", UNKNOWN, 0xff, 0, &[1; 100]),
    ] {
        let (address, connections) =
            frames::start(move |number, wire| flood(number, wire, kind, flags, stream, payload))
                .await;
        let rig = Rig::with(pool_of(&[address]), route(), one_worker());
        assert_eq!(rig.client().await.get("/").await.status, 200, "{cause}");
        let answer = rig.client().await.ask(POST).await;
        assert_eq!(answer.field("x-weir-reason"), Some("upstream_protocol_error"), "{cause}");
        assert_eq!(answer.status, 502, "{cause}");
        assert_eq!(rig.client().await.ask(POST).await.status, 200, "{cause}");
        assert_eq!(connections.load(Ordering::SeqCst), 2, "{cause}");
        let counted = rig.metrics.encode();
        let line = format!("endpoint=\"{address}\",cause=\"{cause}\"}} 1\n");
        assert!(counted.contains(&line), "{line} in\n{counted}");
    }
}

/// What is safe to send twice is sent again, on another connection.
#[tokio::test]
async fn a_request_that_met_a_flood_is_sent_again_where_that_is_safe() {
    let (address, connections) =
        frames::start(|number, wire| flood(number, wire, PING, 0, 0, &[7; 8])).await;
    let rig = Rig::with(pool_of(&[address]), route(), one_worker());
    for _ in 0..3 {
        assert_eq!(rig.client().await.get("/").await.status, 200);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// DATA that holds nothing is bounded by h2 where an answer has begun: the answer breaks off.
#[tokio::test]
async fn empty_data_without_end_breaks_the_answer() {
    let (address, connections) =
        frames::start(|number, wire| flood(number, wire, DATA, 0, 0, &[])).await;
    let rig = Rig::with(pool_of(&[address]), route(), one_worker());
    let mut client = client(&rig).await;
    send(&mut client, get("/"), b"").await.unwrap();
    let mut answer = send(&mut client, get("/"), b"").await.unwrap();
    assert!(read(answer.body_mut()).await.is_err());
    let answer = send(&mut client, get("/"), b"").await.unwrap();
    assert_eq!((answer.status().as_u16(), connections.load(Ordering::SeqCst)), (200, 2));
}

/// Opens both windows for each piece of a body, and measures the way with each.
async fn eager(mut wire: Wire) {
    while let Some(frame) = wire.read().await {
        if frame.kind != DATA {
            continue;
        }
        if let Ok(length @ 1..) = u32::try_from(frame.payload.len()) {
            wire.write(WINDOW_UPDATE, 0, 0, &length.to_be_bytes()).await;
            wire.write(WINDOW_UPDATE, 0, frame.stream, &length.to_be_bytes()).await;
            wire.write(PING, 0, 0, &[1; 8]).await;
        }
        if frame.flags & END_STREAM != 0 {
            wire.ok(frame.stream, END_STREAM).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_may_open_windows_for_each_piece() {
    const LENGTH: usize = 100 << 20;
    let (address, connections) = frames::start(|_, wire| eager(wire)).await;
    let rig = Rig::with(pool_of(&[address]), route(), one_worker());
    let mut large = rig.client().await;
    large.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n")).await;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..LENGTH / piece.len() {
        large.stream.write_all(&piece).await.unwrap();
    }
    assert_eq!(large.answer(false).await.unwrap().status, 200);
    // Messages of a few bytes, as gRPC sends them.
    let mut client = client(&rig).await;
    let (answer, mut stream) = client.send_request(post("/"), false).unwrap();
    for _ in 0..2_000 {
        stream.reserve_capacity(5);
        while stream.capacity() < 5 {
            std::future::poll_fn(|context| stream.poll_capacity(context)).await.unwrap().unwrap();
        }
        stream.send_data(Bytes::from_static(b"hello"), false).unwrap();
        tokio::task::yield_now().await;
    }
    stream.send_data(Bytes::new(), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert!(!rig.metrics.encode().contains("weir_upstream_endpoint_floods_total{"));
}

/// Answers with so many pieces of this length, and a PING before each.
async fn measured(mut wire: Wire, pieces: usize, length: usize) {
    while let Some(stream) = wire.request().await {
        wire.ok(stream, 0).await;
        // Without an ACK of Weir's settings. Source: RFC 9113 §6.9.2.
        let (mut room, piece) = (65_535, vec![b'x'; length]);
        for _ in 0..pieces {
            while room < length {
                let frame = wire.until(WINDOW_UPDATE).await.unwrap();
                if frame.stream == stream {
                    let more: [u8; 4] = frame.payload.try_into().unwrap();
                    room += u32::from_be_bytes(more) as usize;
                }
            }
            wire.write(PING, 0, 0, &[1; 8]).await;
            wire.data(stream, &piece, 0).await;
            room -= length;
        }
        wire.data(stream, &[], END_STREAM).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_may_measure_the_way_with_each_piece() {
    for (pieces, length) in [(1_600, 16 * 1024), (5_000, 300)] {
        let (address, connections) =
            frames::start(move |_, wire| measured(wire, pieces, length)).await;
        let rig = Rig::with(pool_of(&[address]), route(), one_worker());
        let mut client = client(&rig).await;
        let mut answer = send(&mut client, get("/"), b"").await.unwrap();
        let (body, trailers) = read(answer.body_mut()).await.unwrap();
        assert_eq!((body.len(), trailers), (pieces * length, None));
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }
}

/// Answers early and wants no more of the request: a reset for each stream, and one for each piece
/// that was on its way. Source: RFC 9113 §8.1.
#[tokio::test]
async fn each_stream_may_be_reset() {
    let (address, connections) = frames::start(|_, mut wire| async move {
        while let Some(frame) = wire.read().await {
            if frame.kind == frames::HEADERS {
                wire.ok(frame.stream, END_STREAM).await;
            }
            if matches!(frame.kind, frames::HEADERS | DATA) {
                wire.write(RST_STREAM, 0, frame.stream, &0_u32.to_be_bytes()).await;
            }
        }
    })
    .await;
    let rig = Rig::with(pool_of(&[address]), route(), one_worker());
    let mut client = client(&rig).await;
    for _ in 0..2_000 {
        let (answer, mut stream) = client.send_request(post("/"), false).unwrap();
        let _ = stream.send_data(Bytes::from_static(b"hello"), false);
        assert_eq!(answer.await.unwrap().status(), 200);
        client = client.ready().await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// Requests and answers that end with an empty DATA frame are as good as any, however many there are:
/// h2 counts only empty DATA that ends nothing.
#[tokio::test]
async fn an_empty_frame_may_end_a_thousand_streams() {
    let endpoint = Endpoint::start(|mut asked: Asked| async move {
        assert_eq!(read(&mut asked.body).await.unwrap().0, b"hello");
        let mut stream = asked.begin(200);
        stream.send_data("world".into(), false).unwrap();
        stream.send_data(Bytes::new(), true).unwrap();
    })
    .await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), one_worker());
    let mut client = client(&rig).await;
    for number in 0..1_000 {
        let (answer, mut stream) = client.send_request(post("/"), false).unwrap();
        stream.send_data(Bytes::from_static(b"hello"), false).unwrap();
        // The piece goes out by itself.
        tokio::task::yield_now().await;
        stream.send_data(Bytes::new(), true).unwrap();
        let mut answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200, "{number}");
        assert_eq!(read(answer.body_mut()).await.unwrap().0, b"world", "{number}");
        client = client.ready().await.unwrap();
    }
    assert_eq!(endpoint.connections(), 1);
}
