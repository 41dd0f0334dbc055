//! The end of a process for those who stay long: HTTP/2 connections and WebSockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Rig, pool};
use crate::support::endpoint::{Endpoint, Reply, ok};

const DATA: u8 = 0;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END: u8 = 1;

/// Frame is one frame of HTTP/2. Source: RFC 9113 §4.1.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// Reads a frame; nothing at the end of the connection.
async fn frame(stream: &mut TcpStream) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload).await.ok()?;
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some(Frame { kind: head[3], flags: head[4], stream: id, payload })
}

async fn send(stream: &mut TcpStream, kind: u8, flags: u8, id: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(id.to_be_bytes());
    bytes.extend(payload);
    stream.write_all(&bytes).await.unwrap();
}

/// Sends GET / of a stream: all of it is in the static table, but for the host.
async fn get(stream: &mut TcpStream, id: u32) {
    const HEADERS: u8 = 1;
    const END_BOTH: u8 = 5;
    send(stream, HEADERS, END_BOTH, id, b"\x82\x86\x84\x01\x04test").await;
}

/// The first GOAWAY names no last stream, since requests may be on their way; the second does.
/// Source: RFC 9113 §6.8.
#[tokio::test]
async fn http2_is_told_twice_and_loses_no_request() {
    let endpoint = Endpoint::start(|_| ok("x")).await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut stream = TcpStream::connect(rig.http).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    send(&mut stream, SETTINGS, 0, 0, &[]).await;
    get(&mut stream, 1).await;
    while let Some(frame) = frame(&mut stream).await {
        if (frame.kind, frame.stream) == (DATA, 1) {
            break;
        }
    }
    let drain = tokio::spawn(rig.handle.drain(Duration::from_millis(200), Duration::from_secs(30)));
    let (mut told, mut answered) = (Vec::new(), Vec::new());
    while let Some(frame) = frame(&mut stream).await {
        match frame.kind {
            GOAWAY => {
                let bytes = |at: usize| frame.payload[at..at + 4].try_into().unwrap();
                assert_eq!(u32::from_be_bytes(bytes(4)), 0, "NO_ERROR");
                told.push(u32::from_be_bytes(bytes(0)));
                if told.len() == 1 {
                    // It crossed with the word.
                    get(&mut stream, 3).await;
                }
            }
            PING if frame.flags & ACK == 0 => {
                send(&mut stream, PING, ACK, 0, &frame.payload).await;
            }
            DATA if frame.flags & END != 0 => answered.push(frame.stream),
            _ => {}
        }
    }
    assert_eq!((told, answered), (vec![u32::MAX >> 1, 3], vec![3]));
    assert!(drain.await.unwrap(), "all ended in time");
}

#[tokio::test]
async fn a_websocket_has_its_time() {
    let endpoint = Endpoint::start(|_| {
        Reply::Echo(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
                .to_vec(),
        )
    })
    .await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let (mut idle, mut client) = (rig.client().await, rig.client().await);
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(client.ask(upgrade).await.status, 101);
    let drain = tokio::spawn(rig.handle.drain(Duration::ZERO, Duration::from_secs(30)));
    assert!(idle.is_closed().await, "draining has begun");
    client.send("still here").await;
    assert!(client.until(b"still here").await.is_some());
    assert!(!drain.is_finished());
    drop(client);
    assert!(drain.await.unwrap(), "all ended in time");
}
