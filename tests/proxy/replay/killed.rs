//! Endpoints that are killed while they work, and those that reset everything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::rig::{Rig, pool};
use crate::support::endpoint::{Endpoint, Reply, read_request};

use super::answer_of;

/// Mortal is an endpoint that works on each request until the gate opens, and can be killed.
struct Mortal {
    address: SocketAddr,
    received: Arc<AtomicUsize>,
    life: AbortHandle,
}

impl Mortal {
    async fn start(gate: watch::Receiver<bool>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received: Arc<AtomicUsize> = Arc::default();
        let count = Arc::clone(&received);
        let life = tokio::spawn(async move {
            // Its connections die with it.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(work(stream, gate.clone(), Arc::clone(&count)));
            }
        });
        Self { address, received, life: life.abort_handle() }
    }

    fn received(&self) -> usize {
        self.received.load(Ordering::SeqCst)
    }
}

async fn work(mut stream: TcpStream, mut gate: watch::Receiver<bool>, count: Arc<AtomicUsize>) {
    let mut ahead = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut ahead, 0).await {
        count.fetch_add(1, Ordering::SeqCst);
        gate.wait_for(|is_open| *is_open).await.unwrap();
        if stream.write_all(&answer_of(&request.body)).await.is_err() {
            return;
        }
    }
}

async fn until(what: impl Fn() -> bool) {
    let waited = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited).await.expect("it happens");
}

/// Sends many requests at once to four endpoints, kills two of them one after the other while they
/// work on them, and returns how many were not answered.
async fn failures(request: &'static str) -> usize {
    const REQUESTS: usize = 64;
    let (open, gate) = watch::channel(false);
    let mut endpoints = Vec::new();
    for _ in 0..4 {
        endpoints.push(Mortal::start(gate.clone()).await);
    }
    let addresses: Vec<_> = endpoints.iter().map(|endpoint| endpoint.address).collect();
    let rig = Rig::start(pool(&addresses));
    let mut answers = JoinSet::new();
    for _ in 0..REQUESTS {
        let mut client = rig.client().await;
        answers.spawn(async move { client.ask(request).await.status });
    }
    let all = || endpoints.iter().map(Mortal::received).sum::<usize>();
    until(|| all() == REQUESTS).await;
    // What the first worked on goes to the others, some of it to the next that is killed.
    let (first, second) = (&endpoints[0], &endpoints[1]);
    assert!(first.received() > 0);
    let before = second.received();
    first.life.abort();
    until(|| all() == REQUESTS + first.received()).await;
    assert!(second.received() > before, "none is met by both");
    second.life.abort();
    open.send(true).unwrap();
    let statuses = answers.join_all().await;
    statuses.iter().filter(|status| **status != 200).count()
}

#[tokio::test]
async fn two_of_four_endpoints_that_are_killed_lose_no_get() {
    assert_eq!(failures("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await, 0);
}

#[tokio::test]
async fn endpoints_that_are_killed_lose_no_body() {
    let put = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n\
               0123456789012345678901234567890123456789012345678901234567890123456789012345678901\
               234567890123456789";
    assert_eq!(failures(put).await, 0);
}

/// Where everything is reset, a request is sent twice as a rule, and never more than four times.
#[tokio::test]
async fn endpoints_that_all_reset_get_no_request_often() {
    let mut endpoints = Vec::new();
    for _ in 0..6 {
        endpoints.push(Endpoint::start(|_| Reply::Close(Vec::new())).await);
    }
    let addresses: Vec<_> = endpoints.iter().map(|endpoint| endpoint.address).collect();
    let rig = Rig::start(pool(&addresses));
    let received = || endpoints.iter().map(|endpoint| endpoint.received().len()).sum::<usize>();
    let mut client = rig.client().await;
    assert_eq!(client.get("/").await.status, 502);
    assert_eq!(received(), 4);
    for _ in 0..20 {
        assert_eq!(client.get("/").await.status, 502);
    }
    // Two more endpoints were not met by the first; whatever the second did, all are known then.
    assert!(received() <= 4 + 4 + 2 * 19, "{}", received());
}
