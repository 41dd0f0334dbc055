//! Deadlines of gRPC, and what Weir says in its words.

use bytes::Bytes;
use http::Request;

use super::endpoint::{Asked, Endpoint};
use super::{client, pool_of, read, send};
use crate::rig::{Rig, options, route};
use crate::slow::{impatient, wait_out};

fn call(path: &str, timeout: Option<&str>) -> Request<()> {
    let request = Request::post(format!("http://h2.example{path}"))
        .header("content-type", "application/grpc+proto")
        .header("te", "trailers");
    let request = match timeout {
        Some(timeout) => request.header("grpc-timeout", timeout),
        None => request,
    };
    request.body(()).unwrap()
}

/// Never ends an answer, and begins one only for `/begun`.
async fn hang(mut asked: Asked) {
    assert!(asked.head.headers["grpc-timeout"].to_str().unwrap().ends_with("0m"));
    if asked.head.uri.path() == "/begun" {
        let head = http::Response::builder().header("content-type", "application/grpc");
        let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::from_static(b"message"), false).unwrap();
        let _ = std::future::poll_fn(|context| stream.poll_reset(context)).await;
        return;
    }
    let _ = std::future::poll_fn(|context| asked.respond.poll_reset(context)).await;
}

#[tokio::test]
async fn the_deadline_of_a_call_is_kept() {
    let endpoint = Endpoint::start(hang).await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), options());
    let mut http2 = client(&rig).await;
    let answer = send(&mut http2, call("/silent", Some("50m")), b"x").await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/grpc");
    assert_eq!(answer.headers()["grpc-status"], "4");
    assert_eq!(answer.headers()["x-weir-reason"], "request_timeout");
    assert!(answer.body().is_end_stream());
    // Once the answer has begun, its trailers say it.
    let mut answer = send(&mut http2, call("/begun", Some("300m")), b"x").await.unwrap();
    assert!(!answer.headers().contains_key("grpc-status"));
    let (body, trailers) = read(answer.body_mut()).await.unwrap();
    assert_eq!(body, b"message");
    assert_eq!(trailers.unwrap()["grpc-status"], "4");
    // What is not gRPC has no such deadline, and gets no such answer.
    let other = Request::get("http://h2.example/x").header("grpc-timeout", "0m");
    let gone = Rig::start(pool_of(&[]));
    let mut http2 = client(&gone).await;
    let answer = send(&mut http2, other.body(()).unwrap(), b"").await.unwrap();
    assert_eq!(answer.status(), 503);
    let answer = send(&mut http2, call("/", None), b"").await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["grpc-status"]),
        (http::StatusCode::OK, &"14".parse().unwrap())
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_with_a_status() {
    let endpoint = Endpoint::start(|mut asked: Asked| async move {
        let head = http::Response::builder().header("content-type", "application/grpc");
        let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::from_static(b"half"), false).unwrap();
        let _ = asked.body.data().await;
        stream.send_reset(h2::Reason::INTERNAL_ERROR);
    })
    .await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), options());
    let mut http2 = client(&rig).await;
    let (answer, mut stream) = http2.send_request(call("/", None), false).unwrap();
    let mut answer = answer.await.unwrap();
    assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "half");
    stream.send_data(Bytes::from_static(b"go"), true).unwrap();
    let (_, trailers) = read(answer.body_mut()).await.unwrap();
    assert_eq!(trailers.unwrap()["grpc-status"], "14");
}

#[tokio::test]
async fn a_call_may_be_idle_before_its_answer() {
    let endpoint = Endpoint::start(|mut asked: Asked| async move {
        while let Some(data) = asked.body.data().await {
            // The other client is cut off.
            let Ok(data) = data else { return };
            let _ = asked.body.flow_control().release_capacity(data.len());
        }
        asked.answer("heard");
    })
    .await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), impatient());
    let mut http2 = client(&rig).await;
    let (answer, mut body) = http2.send_request(call("/", None), false).unwrap();
    wait_out(&rig).await;
    body.send_data(Bytes::from_static(b"hello"), true).unwrap();
    let (heard, _) = read(answer.await.unwrap().body_mut()).await.unwrap();
    assert_eq!(heard, b"heard");
}
