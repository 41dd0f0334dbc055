//! The same cases in a stream of HTTP/2 that extended CONNECT opens. Source: RFC 8441.

use std::net::SocketAddr;

use bytes::Bytes;
use futures::future::poll_fn;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, StatusCode};
use tokio::net::TcpStream;

use crate::rig::PATIENCE;
use crate::websocket::{OFFER, Server, Transcript};
use crate::websocket_cases::Case;

/// Sends a case; ends its own direction when all is sent, and reads to the end.
pub fn play(to: SocketAddr, server: &Server, case: &Case) -> Transcript {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let (headers, answered) = runtime.block_on(async {
        let play = tokio::time::timeout(PATIENCE, exchange(to, case));
        play.await.unwrap_or_else(|_| panic!("{}: no end", case.name))
    });
    let (asked, arrived) = server.heard.recv_timeout(PATIENCE).expect("the server heard it");
    Transcript { asked, agreed: about(&headers), arrived, answered }
}

async fn exchange(to: SocketAddr, case: &Case) -> (HeaderMap, Vec<u8>) {
    let mut sender = connect(to).await;
    let (answer, sending) = sender.send_request(opening(), false).expect("a stream");
    let (head, mut coming) = answer.await.expect("an answer").into_parts();
    assert_eq!(head.status, StatusCode::OK, "{}", case.name);
    let (answered, ()) = tokio::join!(read(&mut coming), write(sending, case));
    (head.headers, answered)
}

async fn connect(to: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(to).await.expect("connect");
    stream.set_nodelay(true).expect("nodelay");
    let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let sender = sender.ready().await.expect("a connection");
    while !sender.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    sender
}

fn opening() -> Request<()> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri("http://ws.test/ws")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat, superchat")
        .header("sec-websocket-extensions", OFFER)
        .body(())
        .expect("a request");
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request
}

async fn read(coming: &mut RecvStream) -> Vec<u8> {
    let mut answered = Vec::new();
    while let Some(data) = coming.data().await {
        let Ok(data) = data else {
            answered.extend(b"RESET");
            break;
        };
        let _ = coming.flow_control().release_capacity(data.len());
        answered.extend(data);
    }
    answered
}

/// The server may have ended already; what it sent says why.
async fn write(mut sending: SendStream<Bytes>, case: &Case) {
    for piece in &case.pieces {
        let mut rest = Bytes::copy_from_slice(piece);
        while !rest.is_empty() {
            sending.reserve_capacity(rest.len());
            let Some(Ok(room)) = poll_fn(|context| sending.poll_capacity(context)).await else {
                return;
            };
            if sending.send_data(rest.split_to(room.min(rest.len())), false).is_err() {
                return;
            }
        }
    }
    let _ = sending.send_data(Bytes::new(), true);
}

/// The fields about WebSockets, in one order.
fn about(headers: &HeaderMap) -> Vec<String> {
    let fields = headers.iter().filter(|(name, _)| name.as_str().starts_with("sec-websocket-"));
    let mut lines: Vec<String> =
        fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?"))).collect();
    lines.sort();
    lines
}
