//! Messages of a few bytes, as gRPC sends them, that wait for who reads slowly. h2 bounds what they
//! cost beyond their bytes, for a whole connection: good ones stay below that.

use bytes::Bytes;
use h2::server::Builder;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use weir::proxy::Options;

use super::endpoint::{Asked, Endpoint};
use super::{get, pool_of, post, read, send};
use crate::rig::{Rig, options, route};

/// A message, and how many of them fit into the window of a stream.
const MESSAGE: &[u8] = b"twenty bytes of text";
const MESSAGES: usize = 3_000;

/// What is not the test's matter has no bound.
const NO_BOUND: usize = 64 << 20;

async fn turns() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_of_small_messages_wait_for_their_endpoint() {
    let (sender, mut uploads) = mpsc::unbounded_channel();
    let mut builder = Builder::new();
    builder.initial_window_size(1_000).data_frame_budget(NO_BOUND);
    let endpoint = Endpoint::with(builder, 0, move |mut asked: Asked| {
        let sender = sender.clone();
        async move {
            if asked.head.method == "GET" {
                return asked.answer("good");
            }
            let _ = sender.send(asked);
        }
    })
    .await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), Options { workers: 1, ..options() });
    let mut client = super::client(&rig).await;
    let (answer, mut stream) = client.send_request(post("/"), false).unwrap();
    let mut asked = uploads.recv().await.unwrap();
    for _ in 0..MESSAGES {
        stream.send_data(Bytes::from_static(MESSAGE), false).unwrap();
    }
    stream.send_data(Bytes::new(), true).unwrap();
    turns().await;
    for _ in 0..20 {
        assert_eq!(send(&mut client, get("/"), b"").await.unwrap().status(), 200);
    }
    let (body, _) = read(&mut asked.body).await.unwrap();
    assert_eq!(body.len(), MESSAGES * MESSAGE.len());
    asked.answer("all of it");
    assert_eq!(answer.await.unwrap().status(), 200);
}

#[tokio::test]
async fn answers_of_small_messages_wait_for_their_clients_and_harm_nobody() {
    let endpoint = Endpoint::start(|mut asked: Asked| async move {
        if asked.head.uri.path() == "/good" {
            return asked.answer("good");
        }
        let mut stream = asked.begin(200);
        for _ in 0..MESSAGES {
            stream.send_data(Bytes::from_static(MESSAGE), false).unwrap();
        }
        stream.send_data(Bytes::new(), true).unwrap();
    })
    .await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), Options { workers: 1, ..options() });
    let stream = TcpStream::connect(rig.http).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(1_000).data_frame_budget(NO_BOUND);
    let (mut slow, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(send(&mut slow, get("/small"), b"").await.unwrap());
    }
    turns().await;
    let mut good = super::client(&rig).await;
    for _ in 0..20 {
        let mut answer = send(&mut good, get("/good"), b"").await.unwrap();
        assert_eq!(read(answer.body_mut()).await.unwrap().0, b"good");
    }
    for answer in &mut answers {
        let (body, _) = read(answer.body_mut()).await.unwrap();
        assert_eq!(body.len(), MESSAGES * MESSAGE.len());
    }
    assert_eq!(endpoint.connections(), 1);
}
