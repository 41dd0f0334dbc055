//! The head of a request, as an endpoint gets it.

use bytes::BytesMut;
use http::header::{
    CONTENT_LENGTH, EXPECT, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, TRANSFER_ENCODING,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Uri, Version, request};

use super::forward::Forward;
use super::gate::Admitted;
use super::headers::{Added, Dropped, add, add_http2};
use crate::metrics::Reason;
use crate::upstream::http1;

/// Returns the head as HTTP/1.1 has it.
pub(super) fn http1(request: &Forward<'_>) -> BytesMut {
    let mut head = http1::head_buffer();
    encode(&mut head, request.parts, request.admitted, &added(request), request.length);
    head
}

/// Writes the head as HTTP/1.1 has it.
#[allow(clippy::option_option, reason = "no body, one in chunks, or one of a length")]
pub(super) fn encode(
    head: &mut BytesMut,
    parts: &request::Parts,
    admitted: &Admitted<'_>,
    added: &Added<'_>,
    length: Option<Option<u64>>,
) {
    let (mut joined, dropped) = (String::new(), Dropped::of(&parts.headers, added.is_trusted));
    let encoded = http1::RequestHead {
        method: &parts.method,
        target: target(parts, admitted, &mut joined),
        host: admitted.host.as_bytes(),
        fields: &parts.headers,
        body: said(parts, length),
    };
    http1::encode(
        head,
        &encoded,
        |name| dropped.keeps(name),
        |lines| {
            if admitted.expects_continue {
                lines.extend_from_slice(b"expect: 100-continue\r\n");
            }
            add(lines, &parts.headers, added);
        },
    );
}

/// Returns the head as HTTP/2 has it; what opens a WebSocket becomes extended CONNECT.
///
/// # Errors
/// Where the host or the path cannot stand in one.
pub(super) fn http2(request: &Forward<'_>) -> Result<Request<()>, Reason> {
    let parts = request.parts;
    let mut joined = String::new();
    let target = PathAndQuery::try_from(target(parts, request.admitted, &mut joined));
    // HTTP/1.0 may name no host, but HTTP/2 needs one.
    let host = match request.admitted.host.trim_end_matches(':') {
        "" => "unknown",
        host => host,
    };
    let mut uri = http::uri::Parts::default();
    let is_tls = request.pool.transport.is_tls();
    uri.scheme = Some(if is_tls { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = Some(Authority::try_from(host).map_err(|_| Reason::BadHost)?);
    uri.path_and_query = Some(target.map_err(|_| Reason::BadPath)?);
    let mut head = Request::new(());
    *head.method_mut() = parts.method.clone();
    *head.uri_mut() = Uri::from_parts(uri).map_err(|_| Reason::BadPath)?;
    *head.version_mut() = Version::HTTP_2;
    let headers = head.headers_mut();
    headers.reserve(parts.headers.len() + 8);
    let dropped = Dropped::of(&parts.headers, request.client.is_trusted);
    for (name, value) in &parts.headers {
        if dropped.keeps(name) && ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    if let Some(Some(length)) = said(parts, request.length) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if request.admitted.expects_continue {
        headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
    }
    add_http2(headers, &parts.headers, &added(request));
    if request.admitted.is_upgrade {
        // Source: RFC 8441 §5.
        headers.remove(SEC_WEBSOCKET_KEY);
        headers.remove(SEC_WEBSOCKET_ACCEPT);
        *head.method_mut() = Method::CONNECT;
        head.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    }
    Ok(head)
}

fn added<'a>(request: &'a Forward<'_>) -> Added<'a> {
    let client = request.client;
    Added {
        peer: &client.peer_text,
        scheme: if client.is_tls { "https" } else { "http" },
        host: request.admitted.host,
        port: client.port,
        is_trusted: client.is_trusted,
        request_id: request.request_id,
        is_upgrade: request.admitted.is_upgrade,
        client_cert: request.client_cert,
    }
}

/// Returns path and query; they are joined in a text where they do not stand together already.
fn target<'a>(
    parts: &'a request::Parts,
    admitted: &'a Admitted<'_>,
    joined: &'a mut String,
) -> &'a str {
    match admitted.query {
        None => &admitted.path,
        Some(query) => match parts.uri.path_and_query() {
            // A URL without a path has the path / and is written without it.
            Some(raw) if raw.path() == admitted.path && raw.as_str().starts_with('/') => {
                raw.as_str()
            }
            _ => {
                *joined = format!("{}?{query}", admitted.path);
                joined
            }
        },
    }
}

/// Returns the length that is said: nothing where there is no body, nothing inside where it is not
/// known. A method that expects a body says so when there is none. Source: RFC 9110 §8.6.
#[allow(clippy::option_option, reason = "no body, one of unknown length, or one of a length")]
fn said(parts: &request::Parts, length: Option<Option<u64>>) -> Option<Option<u64>> {
    let expects_body = matches!(*parts.method.as_str().as_bytes(), [b'P', ..]);
    if expects_body { length.or(Some(Some(0))) } else { length }
}
