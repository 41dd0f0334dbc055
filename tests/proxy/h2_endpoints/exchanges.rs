//! What goes through as it is.

use bytes::Bytes;
use http::{HeaderMap, Request};

use super::endpoint::{Asked, Endpoint};
use super::{client, get, pool_of, read, send};
use crate::rig::Rig;

/// Answers with the body and the trailers of the request.
async fn echo(mut asked: Asked) {
    let mut stream = asked.begin(200);
    while let Some(data) = asked.body.data().await {
        let data = data.unwrap();
        asked.body.flow_control().release_capacity(data.len()).unwrap();
        let mut data = data;
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            let Some(Ok(room)) = room else { return };
            stream.send_data(data.split_to(room.min(data.len())), false).unwrap();
        }
    }
    match asked.body.trailers().await.unwrap() {
        Some(trailers) => stream.send_trailers(trailers).unwrap(),
        None => stream.send_data(Bytes::new(), true).unwrap(),
    }
}

/// Answers with what it got, one thing a line.
async fn describe(mut asked: Asked) {
    let head = &asked.head;
    let mut text = format!("{} {}\n", head.method, head.uri);
    for (name, value) in &head.headers {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    asked.answer(text);
}

#[tokio::test]
async fn a_request_is_written_anew() {
    let endpoint = Endpoint::start(describe).await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    let mut http1 = rig.client().await;
    let answer = http1
        .ask(
            "GET /a/../b//c?d=e HTTP/1.1\r\nHost: shop.example:8080\r\nConnection: x-gone, close\r\n\
             X-Gone: 1\r\nTE: gzip, trailers\r\nX-Kept: 2\r\nX-Forwarded-For: 6.6.6.6\r\n\
             X-Request-Id: forged\r\nProxy: x\r\n\r\n",
        )
        .await;
    let text = answer.text();
    assert!(text.contains("GET http://shop.example:8080/b/c?d=e\n"), "{text}");
    for line in ["x-kept: 2\n", "te: trailers\n", "x-forwarded-for: 127.0.0.1\n"] {
        assert_eq!(text.matches(line).count(), 1, "{line} in {text}");
    }
    for gone in ["x-gone", "connection", "6.6.6.6", "forged", "proxy:", "gzip", "\nhost:"] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    let mut http2 = client(&rig).await;
    let request = Request::get("http://shop.example/x")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let mut answer = send(&mut http2, request, b"").await.unwrap();
    let text = String::from_utf8(read(answer.body_mut()).await.unwrap().0).unwrap();
    assert!(text.contains("cookie: a=1; b=2\n") && text.contains("te: trailers\n"), "{text}");
    assert!(!text.contains("content-length"), "{text}");
}

#[tokio::test]
async fn bodies_and_trailers_go_both_ways() {
    let endpoint = Endpoint::start(echo).await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    let mut http1 = rig.client().await;
    let answer = http1
        .ask(
            "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 5\r\nhost: evil\r\n\r\n",
        )
        .await;
    let text = answer.text();
    assert!(text.contains("abc") && text.contains("de") && text.contains("x-sum: 5"), "{text}");
    assert!(!text.contains("evil"), "{text}");
    let known = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert!(http1.ask(known).await.text().contains("hello"));

    let mut http2 = client(&rig).await;
    let (answer, mut stream) = http2.send_request(super::post("/"), false).unwrap();
    stream.send_data(Bytes::from_static(b"one"), false).unwrap();
    let mut answer = answer.await.unwrap();
    // The answer has begun before the request is over.
    let first = answer.body_mut().data().await.unwrap().unwrap();
    assert_eq!(first, "one");
    stream.send_data(Bytes::from(vec![b'x'; 200_000]), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().unwrap());
    trailers.insert("content-length", "7".parse().unwrap());
    stream.send_trailers(trailers).unwrap();
    let (body, trailers) = read(answer.body_mut()).await.unwrap();
    assert_eq!(body.len(), 200_000);
    let trailers = trailers.unwrap();
    assert_eq!((trailers.len(), &trailers["x-sum"]), (1, &"7".parse().unwrap()));
}

#[tokio::test]
async fn answers_without_a_body_end_with_their_head() {
    let endpoint = Endpoint::start(|mut asked: Asked| async move {
        let status: u16 = asked.head.uri.path()[1..].parse().unwrap();
        let head = http::Response::builder().status(status);
        // A HEAD says how long the body would be.
        let head = if status == 200 { head.header("content-length", "7") } else { head };
        asked.respond.send_response(head.body(()).unwrap(), true).unwrap();
    })
    .await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    let mut http1 = rig.client().await;
    let answer = http1.ask("HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((answer.status, answer.field("content-length")), (200, Some("7")));
    for status in [204, 304, 201] {
        let answer = http1.get(&format!("/{status}")).await;
        assert_eq!((answer.status, answer.body.len()), (status, 0));
    }
    let mut http2 = client(&rig).await;
    for status in [204, 304, 201] {
        let answer = send(&mut http2, get(&format!("/{status}")), b"").await.unwrap();
        assert_eq!(answer.status(), status);
        assert!(answer.body().is_end_stream());
    }
}

#[tokio::test]
async fn a_body_waits_for_100_continue() {
    let endpoint = Endpoint::start(|mut asked: Asked| async move {
        assert_eq!(asked.head.headers["expect"], "100-continue");
        let interim = http::Response::builder().status(100).body(()).unwrap();
        asked.respond.send_informational(interim).unwrap();
        let (body, _) = read(&mut asked.body).await.unwrap();
        asked.answer(body);
    })
    .await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    let mut http1 = rig.client().await;
    http1
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(http1.answer(false).await.unwrap().status, 100);
    http1.send("hello").await;
    assert!(http1.answer(false).await.unwrap().text().contains("hello"));
}

#[tokio::test]
async fn a_request_counts_for_as_long_as_its_stream() {
    let endpoint = Endpoint::start(echo).await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    let in_flight = || {
        let table = rig.table.load_full();
        table.pools().next().unwrap().endpoints[0].state.in_flight()
    };
    let mut http2 = client(&rig).await;
    let (answer, mut stream) = http2.send_request(super::post("/"), false).unwrap();
    stream.send_data(Bytes::from_static(b"one"), false).unwrap();
    let mut answer = answer.await.unwrap();
    assert_eq!(in_flight(), 1);
    stream.send_data(Bytes::new(), true).unwrap();
    read(answer.body_mut()).await.unwrap();
    while in_flight() > 0 {
        tokio::task::yield_now().await;
    }
}
