//! Bodies and trailers, both ways.

use crate::rig::{Rig, pool};
use crate::support::endpoint::{Endpoint, Reply, ok};

#[tokio::test]
async fn bodies_go_both_ways_in_any_framing() {
    let endpoint = Endpoint::start(|request| match request.head.split(' ').nth(1).unwrap() {
        "/length" => ok(&String::from_utf8_lossy(&request.body)),
        "/chunked" => Reply::Keep(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
              5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n"
                .to_vec(),
        ),
        _ => Reply::Close(b"HTTP/1.1 200 OK\r\n\r\nto the end".to_vec()),
    })
    .await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut client = rig.client().await;
    let answer =
        client.ask("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").await;
    assert_eq!(answer.text(), "hello");
    let answer = client
        .ask(
            "POST /chunked HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n\
             3;x=y\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n",
        )
        .await;
    assert_eq!(answer.text(), "5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n");
    let sent = &endpoint.received()[1];
    assert_eq!(sent.body, b"3\r\nabc\r\n0\r\nx-late: 1\r\n\r\n");
    assert_eq!(sent.field("te"), Some("trailers"));
    let answer = client.get("/close").await;
    assert_eq!(answer.text().to_lowercase(), "a\r\nto the end\r\n0\r\n\r\n");
}

#[tokio::test]
async fn large_bodies_are_whole() {
    let large = "x".repeat(3 << 20);
    let sent = large.clone();
    let endpoint = Endpoint::start(move |request| {
        assert!(request.body.is_empty() || request.body == sent.as_bytes());
        ok(&sent)
    })
    .await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut client = rig.client().await;
    for _ in 0..2 {
        assert_eq!(client.get("/").await.text(), large);
        let request =
            format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{large}", large.len());
        assert_eq!(client.ask(request).await.text(), large);
    }
}

#[tokio::test]
async fn answers_without_body_keep_the_connection() {
    let endpoint = Endpoint::start(|request| {
        Reply::Keep(match request.head.split(' ').next().unwrap() {
            "HEAD" => b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n".to_vec(),
            "PUT" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            _ => b"HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n".to_vec(),
        })
    })
    .await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut client = rig.client().await;
    let head = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((head.status, head.field("content-length")), (200, Some("10")));
    let put = client.ask("PUT / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(put.status, 204);
    assert_eq!(client.get("/").await.status, 304);
    let turns: Vec<_> = endpoint.received().iter().map(|request| request.turn).collect();
    assert_eq!(turns, [0, 1, 2]);
}

#[tokio::test]
async fn a_body_waits_for_100_continue() {
    let endpoint = Endpoint::start(|request| ok(&String::from_utf8_lossy(&request.body))).await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut client = rig.client().await;
    client
        .send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .await;
    let interim = client.answer(false).await.unwrap();
    assert_eq!(interim.status, 100);
    client.send("hi").await;
    assert_eq!(client.answer(false).await.unwrap().text(), "hi");
}

#[tokio::test]
async fn interim_answers_are_passed_on() {
    const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\
                         Connection: x-hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\r\n";
    let endpoint = Endpoint::start(|request| {
        let before = match request.head.split(' ').nth(1).unwrap() {
            "/many" => HINTS.repeat(32),
            // More than is kept for a client: what does not fit is left out.
            "/large" => HINTS.replace("</a.css>", &format!("<{}>", "a".repeat(15_000))).repeat(3),
            _ => format!("HTTP/1.1 102 Processing\r\n\r\n{HINTS}"),
        };
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal";
        Reply::Keep([before.as_bytes(), last.as_bytes()].concat())
    })
    .await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut client = rig.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer(false).await.unwrap().status, 102);
    let hints = client.answer(false).await.unwrap();
    assert_eq!(hints.status, 103);
    assert_eq!(hints.field("link"), Some("</a.css>; rel=preload"));
    for hop in ["connection", "x-hop", "content-length", "date"] {
        assert_eq!(hints.field(hop), None, "{hop}");
    }
    assert_eq!(client.answer(false).await.unwrap().text(), "final");
    for (target, count) in [("/many", 32), ("/large", 1)] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        for _ in 0..count {
            assert_eq!(client.answer(false).await.unwrap().status, 103, "{target}");
        }
        assert_eq!(client.answer(false).await.unwrap().text(), "final", "{target}");
    }
    // HTTP/1.0 has none.
    client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer(false).await.unwrap().text(), "final");
}

#[tokio::test]
async fn hints_and_100_continue_do_not_mix() {
    let endpoint = Endpoint::start(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n";
        let length = body.len();
        Reply::Keep(
            format!("{hints}HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").into(),
        )
    })
    .await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut client = rig.client().await;
    client
        .send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .await;
    assert_eq!(client.answer(false).await.unwrap().status, 100);
    client.send("hi").await;
    assert_eq!(client.answer(false).await.unwrap().status, 103);
    assert_eq!(client.answer(false).await.unwrap().text(), "hi");
}
