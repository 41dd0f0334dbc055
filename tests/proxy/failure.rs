//! Endpoints that fail, and what clients see of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use weir::model::{Retry, RetryCondition};

use crate::rig::{Rig, options, pool, route};
use crate::support::endpoint::{Endpoint, Received, Reply, ok};

async fn closed_port() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_refused_connection_is_tried_elsewhere_whatever_the_method() {
    let good = Endpoint::start(|request| ok(&String::from_utf8_lossy(&request.body))).await;
    let rig = Rig::start(pool(&[good.address, closed_port().await]));
    let mut client = rig.client().await;
    for _ in 0..8 {
        let answer = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
        assert_eq!((answer.status, answer.text()), (200, "hi"));
    }
}

#[tokio::test]
async fn what_one_request_was_refused_no_other_tries() {
    let good = Endpoint::start(|_| ok("good")).await;
    let mut addresses = vec![good.address];
    for _ in 0..27 {
        addresses.push(closed_port().await);
    }
    let rig = Rig::start(pool(&addresses));
    let mut client = rig.client().await;
    let mut refused = 0;
    for _ in 0..40 {
        refused += usize::from(client.get("/").await.status != 200);
    }
    // The first may meet 15 that refuse; then the rest is known.
    assert!(refused <= 1, "{refused} of 40 failed");
}

#[tokio::test]
async fn many_refused_connections_in_a_row_cost_no_request() {
    let good = Endpoint::start(|_| ok("good")).await;
    let mut addresses = vec![good.address];
    for _ in 0..4 {
        addresses.push(closed_port().await);
    }
    let rig = Rig::start(pool(&addresses));
    let mut client = rig.client().await;
    for _ in 0..20 {
        let answer = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
        assert_eq!((answer.status, answer.text()), (200, "good"));
    }
}

#[tokio::test]
async fn only_what_is_idempotent_is_sent_twice() {
    let bad = Endpoint::start(|_| Reply::Close(Vec::new())).await;
    let good = Endpoint::start(|_| ok("good")).await;
    let rig = Rig::start(pool(&[bad.address, good.address]));
    for _ in 0..6 {
        assert_eq!(rig.client().await.get("/").await.text(), "good");
    }
    let (before, mut refused) = (bad.received().len() + good.received().len(), 0);
    for _ in 0..6 {
        let answer = rig.client().await.ask("POST / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        if answer.status == 502 {
            assert_eq!(answer.field("x-weir-reason"), Some("upstream_reset"));
            refused += 1;
        }
    }
    assert_eq!(bad.received().len() + good.received().len() - before, 6, "each was sent once");
    assert_eq!(refused, 3);
}

/// While pods end at once, one refuses and the next one dies with what it was given.
#[tokio::test]
async fn what_was_refused_is_no_try_of_what_is_sent_twice() {
    let bad = Endpoint::start(|_| Reply::Close(Vec::new())).await;
    let good = Endpoint::start(|_| ok("good")).await;
    // Each begins anywhere in the round, and knows of nobody who refuses.
    for _ in 0..20 {
        let rig = Rig::start(pool(&[closed_port().await, bad.address, good.address]));
        assert_eq!(rig.client().await.get("/").await.text(), "good");
    }
    let other = Endpoint::start(|_| Reply::Close(Vec::new())).await;
    let before = bad.received().len();
    for _ in 0..20 {
        let rig = Rig::start(pool(&[closed_port().await, bad.address, other.address]));
        assert_eq!(rig.client().await.get("/").await.status, 502);
    }
    assert_eq!(bad.received().len() - before + other.received().len(), 40, "twice, never more");
}

/// A request that breaks whoever gets it reaches few, also over connections that were kept.
#[tokio::test]
async fn a_request_that_breaks_endpoints_is_not_multiplied() {
    for (count, first, then) in [(5, 4, 4), (2, 4, 2), (1, 2, 2)] {
        let is_poison = |request: &Received| request.head.starts_with("GET /poison ");
        let answer = move |request: &Received| {
            if is_poison(request) { Reply::Close(Vec::new()) } else { ok("good") }
        };
        let mut endpoints = Vec::new();
        for _ in 0..count {
            endpoints.push(Endpoint::start(answer).await);
        }
        let addresses: Vec<_> = endpoints.iter().map(|endpoint| endpoint.address).collect();
        let rig = Rig::start(pool(&addresses));
        let mut client = rig.client().await;
        for most in [first, then] {
            for _ in 0..count {
                assert_eq!(client.get("/").await.status, 200);
            }
            let poisoned = || {
                let received = endpoints.iter().flat_map(Endpoint::received);
                received.filter(is_poison).count()
            };
            let before = poisoned();
            assert_eq!(client.get("/poison").await.status, 502);
            let sent = poisoned() - before;
            assert!((1..=most).contains(&sent), "{sent} times to {count}");
        }
    }
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced() {
    // Answers once, then closes when the next request comes: it looked alive.
    let endpoint = Endpoint::start(|request| match request.turn {
        0 => ok("once"),
        _ => Reply::Close(Vec::new()),
    })
    .await;
    let mut declared = pool(&[endpoint.address]);
    declared.retry = Some(Retry { attempts: 0, conditions: Vec::new(), budget_percent: 0 });
    let rig = Rig::with(declared, route(), one_worker());
    let mut client = rig.client().await;
    for _ in 0..5 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!(endpoint.connections.load(Ordering::SeqCst), 5);
    let answer = client.ask("POST / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.status, 502, "it had come, and might have been done");
}

#[tokio::test]
async fn a_post_finds_out_that_a_kept_connection_is_closed() {
    let endpoint =
        Endpoint::start(|_| Reply::Close(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()))
            .await;
    let rig = Rig::with(pool(&[endpoint.address]), route(), one_worker());
    let mut client = rig.client().await;
    for _ in 0..5 {
        assert_eq!(client.ask("POST / HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 200);
        // The close comes behind the answer.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(endpoint.received().len(), 5);
}

#[tokio::test]
async fn status_codes_are_retried_where_declared() {
    let bad = Endpoint::start(|_| {
        Reply::Keep(b"HTTP/1.1 503 No\r\ncontent-length: 3\r\n\r\nbad".to_vec())
    })
    .await;
    let good = Endpoint::start(|_| ok("good")).await;
    let mut declared = pool(&[bad.address, good.address]);
    let conditions = vec![RetryCondition::Status(503)];
    declared.retry = Some(Retry { attempts: 1, conditions, budget_percent: 100 });
    let rig = Rig::start(declared);
    let mut client = rig.client().await;
    for _ in 0..6 {
        assert_eq!(client.get("/").await.text(), "good");
    }
}

#[tokio::test]
async fn a_slow_endpoint_is_given_up() {
    let endpoint = Endpoint::start(|_| Reply::Hang).await;
    let brief = Duration::from_millis(50);
    let mut tried = route();
    tried.backend_request_timeout = Some(brief);
    let mut whole = route();
    whole.request_timeout = Some(brief);
    let mut idle = pool(&[endpoint.address]);
    idle.idle_timeout = Some(brief);
    for (declared, route, reason) in [
        (pool(&[endpoint.address]), tried, "upstream_timeout"),
        (pool(&[endpoint.address]), whole, "request_timeout"),
        (idle, route(), "idle_timeout"),
    ] {
        let rig = Rig::with(declared, route, options());
        let answer = rig.client().await.get("/").await;
        assert_eq!((answer.status, answer.field("x-weir-reason")), (504, Some(reason)));
    }
}

#[tokio::test]
async fn an_answer_that_stalls_or_breaks_off_is_cut() {
    let endpoint = Endpoint::start(|request| {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
        if request.head.starts_with("GET /stall") { Reply::Keep(head) } else { Reply::Close(head) }
    })
    .await;
    let mut declared = pool(&[endpoint.address]);
    declared.idle_timeout = Some(Duration::from_millis(50));
    let rig = Rig::start(declared);
    let mut client = rig.client().await;
    client.send("GET /stall HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.until(b"half").await.is_some());
    assert!(client.is_closed().await && client.ahead.is_empty(), "closed without more");
    let mut client = rig.client().await;
    client.send("GET /break HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.is_closed().await && !client.ahead.ends_with(b"\r\n\r\n"));
}

#[tokio::test]
async fn hostile_answers_are_502_and_never_reused() {
    for hostile in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        "SSH-2.0-x\r\n\r\n",
    ] {
        let endpoint = Endpoint::start(move |_| Reply::Keep(hostile.into())).await;
        let rig = Rig::with(pool(&[endpoint.address]), route(), one_worker());
        let mut client = rig.client().await;
        for turn in 1..3 {
            let answer = client.get("/").await;
            assert_eq!(answer.status, 502, "{hostile:?}");
            assert_eq!(answer.field("x-weir-reason"), Some("upstream_protocol_error"));
            assert_eq!(endpoint.connections.load(Ordering::SeqCst), turn);
        }
    }
}

#[tokio::test]
async fn bytes_behind_an_answer_reach_nobody() {
    let endpoint = Endpoint::start(|_| {
        Reply::Keep(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
                .to_vec(),
        )
    })
    .await;
    let rig = Rig::with(pool(&[endpoint.address]), route(), one_worker());
    let mut client = rig.client().await;
    for turn in 1..4 {
        assert_eq!(client.get("/").await.text(), "ok");
        assert_eq!(endpoint.connections.load(Ordering::SeqCst), turn);
    }
}

#[tokio::test]
async fn an_early_answer_reaches_the_client() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 1024];
        let _ = stream.read(&mut head).await.unwrap();
        let answer = b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nlarge";
        stream.write_all(answer).await.unwrap();
        // Reads no more, and stays.
        std::future::pending::<()>().await;
    });
    let rig = Rig::start(pool(&[address]));
    let mut client = rig.client().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin").await;
    let answer = client.answer(false).await.unwrap();
    assert_eq!((answer.status, answer.text()), (413, "large"));
}

fn one_worker() -> weir::proxy::Options {
    weir::proxy::Options { workers: 1, ..options() }
}
