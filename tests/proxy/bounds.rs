//! Limits, queues, rates, slow readers, and the end of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use weir::metrics::Metrics;
use weir::model::{Limits, RateKey, RateLimit};
use weir::tls::ServerTls;

use crate::rig::{Rig, options, pool, route};
use crate::support::client::Client;
use crate::support::endpoint::{Endpoint, ok};

/// An endpoint that answers when it is let, and counts what it works on at once.
struct Gated {
    address: std::net::SocketAddr,
    gate: Arc<Semaphore>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

async fn gated() -> Gated {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gated = Gated {
        address: listener.local_addr().unwrap(),
        gate: Arc::new(Semaphore::new(0)),
        now: Arc::default(),
        most: Arc::default(),
    };
    let (gate, now, most) =
        (Arc::clone(&gated.gate), Arc::clone(&gated.now), Arc::clone(&gated.most));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (gate, now, most) = (Arc::clone(&gate), Arc::clone(&now), Arc::clone(&most));
            tokio::spawn(async move {
                let mut client = Client::over(stream);
                while client.until(b"\r\n\r\n").await.is_some() {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                    now.fetch_sub(1, Ordering::SeqCst);
                    client.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                }
            });
        }
    });
    gated
}

impl Gated {
    async fn wait_for(&self, count: usize) {
        while self.now.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_full_pool_queues_then_refuses() {
    let endpoint = gated().await;
    let mut declared = pool(&[endpoint.address]);
    declared.limits = Limits {
        max_requests: Some(2),
        max_pending: 1,
        queue_timeout: Duration::from_secs(30),
        ..Limits::default()
    };
    let rig = Rig::start(declared);
    let ask = || {
        let address = rig.http;
        tokio::spawn(async move { Client::connect(address).await.get("/").await })
    };
    let first = [ask(), ask()];
    endpoint.wait_for(2).await;
    let queued = ask();
    let state = Arc::clone(&rig.table.load_full().pools().next().unwrap().state);
    while state.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    let refused = ask().await.unwrap();
    assert_eq!((refused.status, refused.field("x-weir-reason")), (503, Some("queue_full")));
    endpoint.gate.add_permits(3);
    for answer in first {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(queued.await.unwrap().status, 200);
    assert_eq!(endpoint.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn waiting_ends_and_says_so() {
    let endpoint = gated().await;
    let mut declared = pool(&[endpoint.address]);
    declared.limits.per_endpoint.max_requests = Some(1);
    declared.limits.max_pending = 5;
    declared.limits.queue_timeout = Duration::from_millis(50);
    let rig = Rig::start(declared);
    let address = rig.http;
    let first = tokio::spawn(async move { Client::connect(address).await.get("/").await });
    endpoint.wait_for(1).await;
    let late = rig.client().await.get("/").await;
    assert_eq!((late.status, late.field("x-weir-reason")), (503, Some("queue_timeout")));
    endpoint.gate.add_permits(1);
    assert_eq!(first.await.unwrap().status, 200);
}

#[tokio::test]
async fn connections_stay_below_their_bound_across_workers() {
    let endpoint = Endpoint::start(|_| ok("")).await;
    let mut declared = pool(&[endpoint.address]);
    declared.limits.max_connections = Some(2);
    declared.limits.max_pending = 100;
    declared.limits.queue_timeout = Duration::from_secs(30);
    let rig = Rig::start(declared);
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = rig.client().await;
        clients.push(tokio::spawn(async move {
            for _ in 0..50 {
                assert_eq!(client.get("/").await.status, 200);
            }
        }));
    }
    let state = Arc::clone(&rig.table.load_full().pools().next().unwrap().state);
    while !clients.iter().all(tokio::task::JoinHandle::is_finished) {
        assert!(state.connections() <= 2);
        tokio::task::yield_now().await;
    }
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_again() {
    let endpoint = Endpoint::start(|_| ok("")).await;
    let mut declared = pool(&[endpoint.address]);
    let per = Duration::from_secs(3600);
    declared.rate_limit = Some(RateLimit { requests: 1, per, burst: 2, key: RateKey::Pool });
    let rig = Rig::start(declared);
    let mut client = rig.client().await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(client.get("/").await.status);
    }
    assert_eq!(
        statuses.iter().filter(|status| **status == 429).count(),
        4 - endpoint.received().len()
    );
    let last = client.get("/").await;
    assert_eq!((last.status, last.field("x-weir-reason")), (429, Some("rate_limited")));
    let after: u64 = last.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&after), "{after}");
}

#[tokio::test]
async fn a_slow_reader_slows_the_endpoint_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let piece = vec![b'x'; 64 * 1024];
        while stream.write_all(&piece).await.is_ok() {
            counted.fetch_add(piece.len(), Ordering::SeqCst);
        }
    });
    let rig = Rig::start(pool(&[address]));
    let mut client = rig.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // Until nothing more goes: every buffer on the way is full.
    let mut last = usize::MAX;
    while last != sent.load(Ordering::SeqCst) {
        last = sent.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(last < 24 << 20, "{last} bytes are on the way to a client that reads nothing");
}

#[tokio::test]
async fn draining_lets_requests_end_and_takes_no_more() {
    let endpoint = gated().await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let (address, mut idle) = (rig.http, rig.client().await);
    let busy = tokio::spawn(async move {
        let mut client = Client::connect(address).await;
        let answer = client.get("/").await;
        (answer, client.is_closed().await)
    });
    endpoint.wait_for(1).await;
    let drain = tokio::spawn(rig.handle.drain(Duration::ZERO, Duration::from_secs(30)));
    assert!(idle.is_closed().await, "an idle connection is closed");
    assert!(!drain.is_finished());
    endpoint.gate.add_permits(1);
    let (answer, is_closed) = busy.await.unwrap();
    assert_eq!((answer.status, is_closed), (200, true));
    assert!(drain.await.unwrap(), "all ended in time");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn whoever_got_through_before_the_end_is_answered() {
    let endpoint = gated().await;
    let bounded = weir::proxy::Options { workers: 1, max_connections: 1, ..options() };
    let rig = Rig::with(pool(&[endpoint.address]), route(), bounded);
    let mut first = rig.client().await;
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    endpoint.wait_for(1).await;
    // At the bound nobody accepts: the kernel has opened these, and Weir knows nothing of them.
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(rig.client().await);
    }
    let drain = tokio::spawn(rig.handle.drain(Duration::ZERO, Duration::from_secs(30)));
    endpoint.gate.add_permits(21);
    assert_eq!(first.answer(false).await.expect("an answer").status, 200);
    for client in &mut waiting {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert!(drain.await.unwrap(), "all ended in time");
}

/// Connections that are open, of both listeners.
fn open_connections(metrics: &Metrics) -> usize {
    let text = metrics.encode();
    let values = text.lines().filter_map(|line| {
        let value = line.strip_prefix("weir_downstream_active_connections{")?.rsplit(' ').next()?;
        value.parse::<usize>().ok()
    });
    values.sum()
}

/// Clients of one listener do not keep those of the other out.
#[tokio::test]
async fn a_listener_has_a_bound_of_its_own() {
    let endpoint = Endpoint::start(|_| ok("")).await;
    let bounded = weir::proxy::Options {
        workers: 1,
        max_connections: 4,
        max_connections_per_listener: Some(2),
        https: options().http,
        tls: Some(ServerTls::new().unwrap()),
        ..options()
    };
    let rig = Rig::with(pool(&[endpoint.address]), route(), bounded);
    let (mut one, mut two) = (rig.client().await, rig.client().await);
    assert_eq!((one.get("/").await.status, two.get("/").await.status), (200, 200));
    let mut third = rig.client().await;
    assert!(third.answer(false).await.is_none(), "it is closed");
    assert!(
        rig.metrics
            .encode()
            .contains("weir_downstream_refused_connections_total{listener=\"http\"} 1")
    );
    let https = rig.handle.https_address().unwrap();
    let _other = TcpStream::connect(https).await.unwrap();
    while rig.metrics.listener("https").open() < 1 {
        tokio::task::yield_now().await;
    }
    let series = "weir_downstream_refused_connections_total{listener=\"https\"}";
    assert!(!rig.metrics.encode().contains(series), "the other listener takes its clients");
    drop(one);
    while rig.metrics.listener("http").open() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.client().await.get("/").await.status, 200);
}

#[tokio::test]
async fn the_bound_of_connections_is_exact_over_workers_and_listeners() {
    let endpoint = Endpoint::start(|_| ok("")).await;
    let bounded = weir::proxy::Options {
        workers: 3,
        max_connections: 4,
        https: options().http,
        tls: Some(ServerTls::new().unwrap()),
        ..options()
    };
    let rig = Rig::with(pool(&[endpoint.address]), route(), bounded);
    let (http, https) = (rig.http, rig.handle.https_address().unwrap());
    // Whichever workers they come to, all of them are served at once.
    for _ in 0..8 {
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(rig.client().await);
        }
        for client in &mut clients {
            assert_eq!(client.get("/").await.status, 200);
        }
        assert_eq!(open_connections(&rig.metrics), 4);
    }
    // And of many more none is too many, and none is forgotten.
    let crowd: Vec<_> = (0..60)
        .map(|number| {
            tokio::spawn(async move {
                if number % 3 > 0 {
                    assert_eq!(Client::connect(http).await.get("/").await.status, 200);
                } else {
                    // No handshake: it holds its place until it is refused.
                    let mut stranger = Client::connect(https).await;
                    stranger.send("GET / HTTP/1.1\r\n\r\n").await;
                    stranger.until(b"no end").await;
                }
            })
        })
        .collect();
    while !crowd.iter().all(tokio::task::JoinHandle::is_finished) {
        let open = open_connections(&rig.metrics);
        assert!(open <= 4, "{open}");
        tokio::task::yield_now().await;
    }
    for client in crowd {
        client.await.unwrap();
    }
}

/// Source: RFC 9112 §9.6
#[tokio::test]
async fn leaving_closes_with_an_answer_and_not_between() {
    let endpoint = Endpoint::start(|_| ok("")).await;
    // One worker: another one might hear of the end later than the first.
    let alone = weir::proxy::Options { workers: 1, ..options() };
    let rig = Rig::with(pool(&[endpoint.address]), route(), alone);
    let (address, mut kept) = (rig.http, rig.client().await);
    assert_eq!(kept.get("/").await.field("connection"), None);
    let _drain = tokio::spawn(rig.handle.drain(Duration::from_secs(600), Duration::ZERO));
    // Until its worker has heard.
    while kept.get("/").await.field("connection") != Some("close") {}
    assert!(kept.is_closed().await);
    // Those who have not heard yet still come.
    let mut late = Client::connect(address).await;
    let answer = late.get("/").await;
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
    assert!(late.is_closed().await);
}

#[tokio::test]
async fn draining_ends_in_time() {
    let endpoint = gated().await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut client = rig.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    endpoint.wait_for(1).await;
    assert!(!rig.handle.drain(Duration::ZERO, Duration::from_millis(50)).await);
    assert!(client.is_closed().await);
}

/// A process that starts anew where clients still find it: before it has a table, each answer would
/// be a wrong 404.
#[tokio::test]
async fn clients_wait_until_there_is_something_to_serve() {
    let endpoint = Endpoint::start(|_| ok("served")).await;
    let held = weir::proxy::Options { is_held: true, ..options() };
    let rig = Rig::with(pool(&[endpoint.address]), route(), held);
    let mut client = rig.client().await;
    client.send("GET / HTTP/1.1\r\nHost: test.example\r\n\r\n").await;
    let early = tokio::time::timeout(Duration::from_millis(200), client.read()).await;
    assert!(early.is_err(), "answered before it was open: {early:?}");
    rig.handle.opener().open();
    assert_eq!(client.answer(false).await.unwrap().text(), "served");
    // Whoever opens twice, or after the end has begun, changes nothing.
    let opener = rig.handle.opener();
    assert!(rig.handle.drain(Duration::ZERO, Duration::from_secs(5)).await);
    opener.open();
}

#[tokio::test]
async fn a_process_that_never_had_a_table_ends_without_answers() {
    let rig = Rig::with(pool(&[]), route(), weir::proxy::Options { is_held: true, ..options() });
    let mut client = rig.client().await;
    client.send("GET / HTTP/1.1\r\nHost: test.example\r\n\r\n").await;
    assert!(rig.handle.drain(Duration::from_millis(1), Duration::from_secs(5)).await);
    assert!(client.answer(false).await.is_none());
}
