//! A WebSocket that sends back what it gets; any other upgrade echoes bytes.
//!
//! Source: RFC 6455.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BufMut, BytesMut};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::answer::{Body, text};
use super::server::Peer;

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Most bytes of one frame.
const FRAME_BYTES: u64 = 1 << 20;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// Why a server that ends closes. Source: RFC 6455 §7.4.1.
const GOING_AWAY: u16 = 1001;

/// Answers 101 and echoes from then on.
pub(super) fn accept(request: Request<Incoming>, peer: Peer) -> Response<Body> {
    let Some(protocol) = request.headers().get(UPGRADE).cloned() else {
        return text(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket: ask for an upgrade\n");
    };
    let mut response = Response::new(Empty::new().boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol.clone());
    let is_websocket = protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
    if is_websocket {
        let key = request.headers().get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
        let Some(value) = key.and_then(accept_value) else {
            return text(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing\n");
        };
        headers.insert(SEC_WEBSOCKET_ACCEPT, value);
    }
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let stream = TokioIo::new(upgraded);
        // Either side may end at any time.
        let _ =
            if is_websocket { echo_frames(stream, peer).await } else { echo_bytes(stream).await };
    });
    response
}

fn accept_value(key: &[u8]) -> Option<HeaderValue> {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(GUID);
    HeaderValue::from_str(&STANDARD.encode(hash.finish())).ok()
}

async fn echo_bytes(stream: impl AsyncRead + AsyncWrite) -> std::io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    tokio::io::copy(&mut reader, &mut writer).await?;
    writer.shutdown().await
}

async fn echo_frames(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    mut peer: Peer,
) -> std::io::Result<()> {
    let mut is_ending = false;
    let mut read = BytesMut::new();
    let mut written = BytesMut::new();
    loop {
        while let Some(frame) = take_frame(&mut read) {
            let Ok((first, payload)) = frame else { return Ok(()) };
            let opcode = first & 0x0f;
            // (After the close frame nothing may follow.)
            if opcode != PONG && !is_ending {
                let first = if opcode == PING { 0x80 | PONG } else { first };
                put_frame(&mut written, first, &payload);
            }
            stream.write_all_buf(&mut written).await?;
            if opcode == CLOSE {
                return stream.shutdown().await;
            }
        }
        let count = tokio::select! {
            count = stream.read_buf(&mut read) => count?,
            () = peer.stopped(), if !is_ending => {
                // The client's own close frame comes back, and ends this.
                is_ending = true;
                put_frame(&mut written, 0x80 | CLOSE, &GOING_AWAY.to_be_bytes());
                stream.write_all_buf(&mut written).await?;
                continue;
            }
        };
        if count == 0 {
            return Ok(());
        }
    }
}

/// Says that a frame is too long, or not masked as a client's must be.
struct BadFrame;

/// Takes one whole frame: its first byte and the unmasked payload.
fn take_frame(read: &mut BytesMut) -> Option<Result<(u8, BytesMut), BadFrame>> {
    let mut head = &read[..];
    let first = head.try_get_u8().ok()?;
    let second = head.try_get_u8().ok()?;
    let length = match second & 0x7f {
        126 => u64::from(head.try_get_u16().ok()?),
        127 => head.try_get_u64().ok()?,
        short => u64::from(short),
    };
    if second & 0x80 == 0 || length > FRAME_BYTES {
        return Some(Err(BadFrame));
    }
    let mask = head.try_get_u32().ok()?.to_be_bytes();
    if (head.len() as u64) < length {
        return None;
    }
    read.advance(read.len() - head.len());
    let mut payload = read.split_to(length as usize);
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    Some(Ok((first, payload)))
}

fn put_frame(out: &mut BytesMut, first: u8, payload: &[u8]) {
    out.put_u8(first);
    match payload.len() {
        short @ 0..=125 => out.put_u8(short as u8),
        middle @ 126..=0xffff => {
            out.put_u8(126);
            out.put_u16(middle as u16);
        }
        long => {
            out.put_u8(127);
            out.put_u64(long as u64);
        }
    }
    out.put_slice(payload);
}
