//! Connections, streams and memory have bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::server::Builder;
use tokio::sync::{Barrier, Notify};
use weir::model::EndpointLimits;

use super::endpoint::{Asked, Endpoint};
use super::{client, get, pool_of, post, read, send};
use crate::rig::{Rig, options, route};

fn one_worker() -> weir::proxy::Options {
    weir::proxy::Options { workers: 1, ..options() }
}

#[tokio::test]
async fn requests_share_a_connection_up_to_what_the_endpoint_bears() {
    const REQUESTS: usize = 7;
    let barrier = Arc::new(Barrier::new(REQUESTS));
    let most = 3;
    let mut builder = Builder::new();
    builder.max_concurrent_streams(most);
    let seen: Arc<parking_lot::Mutex<Vec<usize>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let endpoint = Endpoint::with(builder, 0, move |mut asked: Asked| {
        let (barrier, noted) = (Arc::clone(&barrier), Arc::clone(&noted));
        async move {
            noted.lock().push(asked.connection);
            // None is answered before all are here.
            barrier.wait().await;
            asked.answer("all");
        }
    })
    .await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), one_worker());
    let mut http2 = client(&rig).await;
    let mut answers = tokio::task::JoinSet::new();
    for _ in 0..REQUESTS {
        let (answer, _) = http2.send_request(get("/"), true).unwrap();
        answers.spawn(async move {
            let mut answer = answer.await.unwrap();
            assert_eq!(answer.status(), 200);
            read(answer.body_mut()).await.unwrap();
        });
    }
    while let Some(done) = answers.join_next().await {
        done.unwrap();
    }
    let seen = seen.lock();
    assert_eq!(seen.len(), REQUESTS, "none was refused and sent again");
    for connection in seen.iter() {
        let streams = seen.iter().filter(|other| *other == connection).count();
        assert!(streams <= most as usize, "{seen:?}");
    }
    assert_eq!(endpoint.connections(), 3);
}

#[tokio::test]
async fn connections_are_bounded_and_requests_wait_for_room() {
    let now = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&now);
    let mut builder = Builder::new();
    builder.max_concurrent_streams(1);
    let endpoint = Endpoint::with(builder, 0, move |mut asked: Asked| {
        let counted = Arc::clone(&counted);
        async move {
            assert_eq!(counted.fetch_add(1, Ordering::SeqCst), 0, "one stream in one connection");
            tokio::task::yield_now().await;
            counted.fetch_sub(1, Ordering::SeqCst);
            asked.answer("x");
        }
    })
    .await;
    let mut declared = pool_of(&[endpoint.address]);
    declared.limits.per_endpoint = EndpointLimits { max_requests: None, max_connections: Some(1) };
    // Two workers share one connection by turns.
    let rig = Rig::with(declared, route(), options());
    let mut answers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let mut http2 = client(&rig).await;
        answers.spawn(async move {
            for _ in 0..5 {
                let mut answer = send(&mut http2, get("/"), b"").await.unwrap();
                assert_eq!(answer.status(), 200);
                read(answer.body_mut()).await.unwrap();
            }
        });
    }
    while let Some(done) = answers.join_next().await {
        done.unwrap();
    }
    assert_eq!(now.load(Ordering::SeqCst), 0);
}

/// What may wait between an endpoint and a client that does not read: the windows of both
/// connections, what is buffered between them, and a frame in between each.
const MOST: usize = (64 + 64 + 64 + 64) * 1024;

#[tokio::test]
async fn a_client_that_does_not_read_stops_its_endpoint_and_nobody_else() {
    let sent = Arc::new(AtomicUsize::new(0));
    let full = Arc::new(Notify::new());
    let (counted, told) = (Arc::clone(&sent), Arc::clone(&full));
    let endpoint = Endpoint::start(move |mut asked: Asked| {
        let (counted, told) = (Arc::clone(&counted), Arc::clone(&told));
        async move {
            if asked.head.uri.path() == "/short" {
                return asked.answer("short");
            }
            let mut stream = asked.begin(200);
            loop {
                stream.reserve_capacity(16 * 1024);
                let room = std::future::poll_fn(|context| stream.poll_capacity(context));
                let pause = tokio::time::Duration::from_millis(300);
                match tokio::time::timeout(pause, room).await {
                    Ok(Some(Ok(room))) => {
                        stream.send_data(vec![b'x'; room].into(), false).unwrap();
                        counted.fetch_add(room, Ordering::SeqCst);
                        assert!(counted.load(Ordering::SeqCst) < 16 * MOST, "no end to it");
                    }
                    Ok(_) => return,
                    Err(_) => told.notify_one(),
                }
            }
        }
    })
    .await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), one_worker());
    let mut slow = client(&rig).await;
    let mut answers = Vec::new();
    for streams in 1..=20 {
        answers.push(send(&mut slow, get("/endless"), b"").await.unwrap());
        full.notified().await;
        // Bounded for each stream, however many there are.
        assert!(sent.load(Ordering::SeqCst) <= streams * MOST, "{sent:?} for {streams}");
    }
    // Others are served by the same connection meanwhile.
    let mut other = client(&rig).await;
    let mut answer = send(&mut other, get("/short"), b"").await.unwrap();
    assert_eq!(read(answer.body_mut()).await.unwrap().0, b"short");
    assert_eq!(endpoint.connections(), 1);
    // And whoever reads again gets the rest.
    answers.truncate(1);
    let body = answers[0].body_mut();
    for _ in 0..100 {
        let data = body.data().await.unwrap().unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_read_stops_its_client() {
    let endpoint = Endpoint::start(|asked: Asked| async move {
        let _kept = asked;
        std::future::pending::<()>().await;
    })
    .await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), one_worker());
    let mut http2 = client(&rig).await;
    let (_answer, mut stream) = http2.send_request(post("/"), false).unwrap();
    let mut sent = 0;
    loop {
        stream.reserve_capacity(16 * 1024);
        let room = std::future::poll_fn(|context| stream.poll_capacity(context));
        let pause = tokio::time::Duration::from_millis(300);
        let Ok(room) = tokio::time::timeout(pause, room).await else { break };
        let room = room.unwrap().unwrap();
        stream.send_data(Bytes::from(vec![b'x'; room]), false).unwrap();
        sent += room;
        assert!(sent <= MOST, "{sent} bytes wait");
    }
    assert!(sent >= 64 * 1024, "{sent}");
}
