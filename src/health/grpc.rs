//! The gRPC health service over HTTP/2, with the two messages it needs written by hand.
//!
//! Source: grpc.health.v1; gRPC over HTTP/2.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;

use super::probe::{Failure, USER_AGENT_VALUE, protocol};
use crate::upstream::Stream;

const METHOD_PATH: &str = "/grpc.health.v1.Health/Check";
/// Most bytes of an answer; a real one has seven.
const ANSWER_BYTES: usize = 4096;
const SERVING: u64 = 1;

/// Asks the health service whether `service` serves.
pub(super) async fn check(
    stream: Stream,
    (address, is_tls): (SocketAddr, bool),
    service: &str,
) -> Result<(), Failure> {
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(16 * 1024)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(protocol)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let scheme = if is_tls { "https" } else { "http" };
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{scheme}://{address}{METHOD_PATH}"))
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header(USER_AGENT, USER_AGENT_VALUE)
        .body(Full::new(encode_request(service)))
        .map_err(protocol)?;
    let answer = sender.send_request(request).await.map_err(protocol)?;
    let (head, body) = answer.into_parts();
    if head.status != http::StatusCode::OK {
        return Err(Failure::Status(head.status.as_u16()));
    }
    // An answer without messages carries its status in the head.
    if let Some(status) = grpc_status(&head.headers) {
        ensure_ok(status)?;
    }
    let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(protocol)?;
    let status = body.trailers().and_then(grpc_status);
    ensure_ok(status.ok_or_else(|| protocol("the answer has no grpc-status"))?)?;
    match decode_answer(&body.to_bytes()) {
        Some(SERVING) => Ok(()),
        Some(other) => Err(Failure::NotServing(serving_status(other))),
        None => Err(protocol("the answer is not a HealthCheckResponse")),
    }
}

fn ensure_ok(status: u32) -> Result<(), Failure> {
    if status == 0 { Ok(()) } else { Err(Failure::GrpcStatus(status)) }
}

fn grpc_status(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

fn serving_status(value: u64) -> &'static str {
    match value {
        0 => "UNKNOWN",
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "of an unknown value",
    }
}

/// Encodes a HealthCheckRequest: the service's name is field 1, a string.
fn encode_request(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a);
        put_varint(&mut message, service.len() as u64);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0); // not compressed
    framed.put_u32(message.len() as u32);
    framed.extend_from_slice(&message);
    framed.freeze()
}

/// Decodes a HealthCheckResponse, whose field 1 is the status; absent is 0.
fn decode_answer(framed: &[u8]) -> Option<u64> {
    let (head, mut message) = framed.split_at_checked(5)?;
    let [0, length @ ..] = head else { return None };
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
    if message.len() != length {
        return None;
    }
    let mut status = 0;
    while !message.is_empty() {
        let tag = take_varint(&mut message)?;
        let skipped = match tag & 7 {
            0 => {
                let value = take_varint(&mut message)?;
                if tag >> 3 == 1 {
                    status = value;
                }
                0
            }
            1 => 8,
            2 => usize::try_from(take_varint(&mut message)?).ok()?,
            5 => 4,
            _ => return None,
        };
        message = message.get(skipped..)?;
    }
    Some(status)
}

fn put_varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        assert_eq!(&encode_request("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&encode_request("ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = encode_request(&"x".repeat(200));
        assert_eq!(&long[..8], [0, 0, 0, 0, 203, 0x0a, 0xc8, 0x01]);
    }

    #[test]
    fn answers() {
        assert_eq!(decode_answer(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(decode_answer(&[0, 0, 0, 0, 0]), Some(0));
        // Unknown fields are skipped: a string, a fixed64, a fixed32.
        let more =
            [&[0x12, 2, 9, 9][..], &[0x19, 0, 0, 0, 0, 0, 0, 0, 0], &[0x25, 0, 0, 0, 0], &[8, 2]]
                .concat();
        let framed = [&[0, 0, 0, 0, more.len() as u8][..], &more].concat();
        assert_eq!(decode_answer(&framed), Some(2));
    }

    #[test]
    fn garbage_is_no_answer() {
        let cases: [&[u8]; 7] = [
            b"",
            b"HTTP/1.1 200 OK",
            &[1, 0, 0, 0, 2, 8, 1],       // compressed
            &[0, 0, 0, 0, 9, 8, 1],       // too short
            &[0, 0, 0, 0, 1, 8],          // no value
            &[0, 0, 0, 0, 2, 0x12, 0x7f], // string beyond the end
            &[0, 0, 0, 0, 2, 0x0b, 0],    // group
        ];
        for case in cases {
            assert_eq!(decode_answer(case), None, "{case:?}");
        }
    }
}
