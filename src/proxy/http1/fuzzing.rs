//! Doors for `tests/fuzz`: what the data path makes of bytes, without sockets. No part of the API.

use std::net::SocketAddr;

use bytes::BytesMut;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, Version};

use super::answer::{self, Connection};
use super::head;
use crate::metrics::Reason;
use crate::proxy::headers::{Added, clean_answer};
use crate::proxy::{ClientLimits, gate, outbound, proxy_protocol};
use crate::upstream::clock::Millis;
use crate::upstream::http1::Framing;

/// Most bytes of a head, and of a target: small, so that bounds are found.
const MOST: usize = 4096;

/// Taken is a request as it is matched, and as the endpoint gets it.
#[derive(Debug)]
pub struct Taken {
    /// The head as it was read.
    pub parts: Box<Parts>,
    /// How its body is framed.
    pub framing: Framing,
    /// Bytes that the head takes.
    pub used: usize,
    /// Host that is matched.
    pub host: String,
    /// Path that is matched.
    pub path: String,
    /// Query that is matched.
    pub query: Option<String>,
    /// The head that the endpoint gets.
    pub forwarded: Vec<u8>,
}

/// Reads the head of a request whose bytes come in two pieces.
///
/// # Errors
/// Why it is refused.
pub fn request(first: &[u8], rest: &[u8]) -> Result<Option<Taken>, Reason> {
    let (mut input, mut seen) = (BytesMut::from(first), 0);
    let mut parsed = None;
    if !input.is_empty() {
        parsed = head::parse(&mut input, &mut seen, MOST)?;
    }
    input.extend_from_slice(rest);
    if parsed.is_none() && !rest.is_empty() {
        parsed = head::parse(&mut input, &mut seen, MOST)?;
    }
    let Some(head::Head { parts, framing, .. }) = parsed else { return Ok(None) };
    let used = first.len() + rest.len() - input.len();
    let has_body = framing != Framing::Empty;
    let limits = ClientLimits { max_target_bytes: MOST, ..ClientLimits::default() };
    let admitted = gate::check(&parts, has_body, &limits)?;
    let added = Added {
        peer: "192.0.2.1",
        scheme: "http",
        host: admitted.host,
        port: 80,
        is_trusted: false,
        request_id: "0",
        is_upgrade: admitted.is_upgrade,
        client_cert: None,
    };
    let length = match framing {
        Framing::Length(length) => Some(Some(length)),
        Framing::Chunked => Some(None),
        Framing::Empty | Framing::Close => None,
    };
    let mut forwarded = BytesMut::new();
    outbound::encode(&mut forwarded, &parts, &admitted, &added, length);
    let (host, path) = (admitted.host.to_owned(), admitted.path.clone().into_owned());
    let query = admitted.query.map(str::to_owned);
    Ok(Some(Taken { framing, used, host, path, query, forwarded: forwarded.to_vec(), parts }))
}

/// Writes the head of an endpoint's answer for a client. Says also whether the body ends with the
/// connection.
pub fn answer(
    (method, version): (&Method, Version),
    status: StatusCode,
    mut headers: HeaderMap,
    length: Option<u64>,
) -> (Vec<u8>, bool) {
    clean_answer(&mut headers, false);
    let framing = answer::Framing::of(method, version, status, length);
    let closes = framing == answer::Framing::Close;
    let connection = if closes { Connection::Close } else { Connection::Default };
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let mut out = BytesMut::new();
    answer::encode(&mut out, &response.into_parts().0, framing, connection, Millis(1));
    (out.to_vec(), closes)
}

/// Reads a PROXY header: its length, and the client that it names.
///
/// # Errors
/// Where the bytes are none.
#[allow(clippy::result_unit_err, reason = "there is nothing to say of it")]
pub fn proxy_header(bytes: &[u8]) -> Result<Option<(usize, Option<SocketAddr>)>, ()> {
    let announced = proxy_protocol::parse(bytes)?;
    Ok(announced.map(|announced| {
        let client = announced.parties.map(|parties| parties.client);
        (announced.length, client)
    }))
}
