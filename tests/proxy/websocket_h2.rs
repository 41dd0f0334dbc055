//! WebSocket over HTTP/2. Source: RFC 8441.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use h2::client::SendRequest;
use h2::ext::Protocol;
use http::{Method, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::rig::{Rig, pool};
use crate::support::endpoint::{Endpoint, Reply};

async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() || message.is_binary() {
                        socket.send(message).await.unwrap();
                    }
                }
            });
        }
    });
    address
}

pub async fn connect(rig: &Rig) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(rig.http).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let sender = sender.ready().await.unwrap();
    while !sender.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    sender
}

pub fn opening(protocol: &'static str) -> Request<()> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri("http://test.example/chat")
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    request.extensions_mut().insert(Protocol::from_static(protocol));
    request
}

/// Opens a WebSocket; on 200 its bytes go both ways through a pipe.
pub async fn open(sender: &mut SendRequest<Bytes>) -> (Response<()>, DuplexStream) {
    let (answer, mut sending) = sender.send_request(opening("websocket"), false).unwrap();
    let (head, mut coming) = answer.await.unwrap().into_parts();
    let (near, far) = duplex(64 * 1024);
    let (mut read, mut write) = tokio::io::split(far);
    tokio::spawn(async move {
        while let Some(Ok(data)) = coming.data().await {
            let _ = coming.flow_control().release_capacity(data.len());
            if write.write_all(&data).await.is_err() {
                return;
            }
        }
        let _ = write.shutdown().await;
    });
    tokio::spawn(async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = read.read(&mut buffer).await {
            sending.reserve_capacity(count);
            while sending.capacity() < count {
                if futures::future::poll_fn(|context| sending.poll_capacity(context))
                    .await
                    .is_none()
                {
                    return;
                }
            }
            sending.send_data(Bytes::copy_from_slice(&buffer[..count]), false).unwrap();
        }
        let _ = sending.send_data(Bytes::new(), true);
    });
    (Response::from_parts(head, ()), near)
}

pub fn in_flight(rig: &Rig) -> u32 {
    let table = rig.table.load_full();
    table.pools().next().unwrap().endpoints[0].state.in_flight()
}

#[tokio::test]
async fn messages_go_both_ways_and_the_stream_counts() {
    let rig = Rig::start(pool(&[echo().await]));
    let mut sender = connect(&rig).await;
    let (answer, stream) = open(&mut sender).await;
    assert_eq!(answer.status(), 200);
    for name in ["upgrade", "connection", "sec-websocket-accept"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    socket.send(Message::text("one")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "one");
    let large = vec![7_u8; 4 << 20];
    socket.send(Message::binary(large.clone())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_data(), large);
    assert_eq!(in_flight(&rig), 1);
    let (second, _stream) = open(&mut sender).await;
    assert_eq!((second.status().as_u16(), in_flight(&rig)), (200, 2), "on the same connection");
    socket.close(None).await.unwrap();
    while socket.next().await.is_some() {}
    drop(socket);
    while in_flight(&rig) > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let counted = rig.metrics.encode();
    assert!(counted.contains("method=\"CONNECT\",code=\"2xx\"} 1"), "{counted}");
}

#[tokio::test]
async fn an_endpoint_must_agree_and_prove_it() {
    let switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n";
    for (reply, expected) in [
        (format!("{switching}Upgrade: websocket\r\n\r\n"), 502),
        (format!("{switching}Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"), 502),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(), 502),
        ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), 502),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_owned(), 403),
    ] {
        let bytes = reply.clone().into_bytes();
        let endpoint = Endpoint::start(move |_| Reply::Close(bytes.clone())).await;
        let rig = Rig::start(pool(&[endpoint.address]));
        let mut sender = connect(&rig).await;
        let (answer, _) = sender.send_request(opening("websocket"), false).unwrap();
        assert_eq!(answer.await.unwrap().status(), expected, "{reply}");
        let received = endpoint.received();
        assert!(received[0].head.starts_with("GET /chat HTTP/1.1\r\n"), "{:?}", received[0].head);
        assert_eq!(received[0].field("upgrade"), Some("websocket"));
        assert_eq!(received[0].field("sec-websocket-key").unwrap().len(), 24);
    }
}

#[tokio::test]
async fn no_other_protocol_is_connected() {
    let endpoint = Endpoint::start(|_| Reply::Hang).await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut sender = connect(&rig).await;
    for protocol in ["webtransport", "WEBSOCKET", "connect-ip"] {
        let (answer, _) = sender.send_request(opening(protocol), false).unwrap();
        assert_eq!(answer.await.unwrap().status(), 501, "{protocol}");
        sender = sender.ready().await.unwrap();
    }
    let plain =
        Request::builder().method(Method::CONNECT).uri("test.example:443").body(()).unwrap();
    let (answer, _) = sender.send_request(plain, false).unwrap();
    assert_eq!(answer.await.unwrap().status(), 501);
    assert!(endpoint.received().is_empty());
}

#[tokio::test]
async fn a_client_that_resets_the_stream_ends_the_endpoints_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig::start(pool(&[listener.local_addr().unwrap()]));
    let mut sender = connect(&rig).await;
    let (answer, mut sending) = sender.send_request(opening("websocket"), false).unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    sending.send_reset(h2::Reason::CANCEL);
    while let Some(Ok(_)) = socket.next().await {}
    drop(socket);
    while in_flight(&rig) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
