//! What a simulated backend answers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use serde::Serialize;
use tokio::time::sleep;

use super::server::Peer;
use super::{Backend, websocket};

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

const NAME: HeaderName = HeaderName::from_static("x-weir-backend");
/// Most bytes that `/bytes/N` sends, and of one piece of it.
const MOST_BYTES: u64 = 1 << 30;
const PIECE: &[u8] = &[b'.'; 16 * 1024];
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Answer is the ordinary answer: who answers, and what was asked.
#[derive(Serialize)]
struct Answer<'a> {
    backend: &'a str,
    zone: Option<&'a str>,
    region: Option<&'a str>,
    method: &'a str,
    path: &'a str,
    client: SocketAddr,
    request: u64,
    headers: BTreeMap<&'a str, String>,
}

pub(super) async fn answer(
    backend: &Backend,
    peer: Peer,
    request: Request<Incoming>,
) -> Response<Body> {
    let mut response = match request.uri().path() {
        "/healthz" => health(backend, &request),
        _ => traffic(backend, peer, request).await,
    };
    if let Ok(name) = HeaderValue::from_str(&backend.options.name) {
        response.headers_mut().insert(NAME, name);
    }
    response
}

/// Answers a health check; PUT and POST set what the next ones are answered.
fn health(backend: &Backend, request: &Request<Incoming>) -> Response<Body> {
    if matches!(*request.method(), Method::PUT | Method::POST) {
        let Some(status) = query(request, "status").filter(|s| (200..600).contains(s)) else {
            return text(StatusCode::BAD_REQUEST, "say which: /healthz?status=503\n");
        };
        backend.health_status.store(status as u16, Ordering::Relaxed);
        return text(StatusCode::OK, format!("/healthz answers {status} from now on\n"));
    }
    backend.health_checks.fetch_add(1, Ordering::Relaxed);
    let status = StatusCode::from_u16(backend.health_status()).unwrap_or(StatusCode::OK);
    text(status, format!("{}\n", status.as_u16()))
}

async fn traffic(backend: &Backend, peer: Peer, request: Request<Incoming>) -> Response<Body> {
    let count = backend.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let mut random = fastrand::Rng::with_seed(backend.seed ^ count);
    let options = &backend.options;
    let varied = options.jitter.mul_f64(2.0 * random.f64());
    let delay = (options.latency + varied).saturating_sub(options.jitter);
    if !delay.is_zero() {
        sleep(delay).await;
    }
    if random.f64() < options.error_rate {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "simulated error\n");
    }
    let path = request.uri().path().to_owned();
    let mut segments = path.split('/').skip(1);
    match (segments.next(), segments.next()) {
        (Some("ws"), None) => websocket::accept(request, peer),
        _ if request.headers().contains_key(UPGRADE) => websocket::accept(request, peer),
        (Some("status"), Some(code)) => {
            match code.parse().ok().filter(|c| (200..600).contains(c)) {
                Some(code) => {
                    text(StatusCode::from_u16(code).unwrap_or_default(), format!("{code}\n"))
                }
                None => text(StatusCode::BAD_REQUEST, "say which: /status/503\n"),
            }
        }
        (Some("bytes"), Some(length)) => match length.parse().ok().filter(|n| *n <= MOST_BYTES) {
            Some(length) => bytes(length),
            None => text(StatusCode::BAD_REQUEST, "say how many: /bytes/1000\n"),
        },
        (Some("sse"), None) => events(options.name.clone()),
        (Some("slow"), None) => {
            let delay = Duration::from_millis(query(&request, "ms").unwrap_or(3000));
            sleep(delay.min(LONGEST_DELAY)).await;
            ordinary(backend, peer.address, &request, count)
        }
        _ => ordinary(backend, peer.address, &request, count),
    }
}

fn ordinary(
    backend: &Backend,
    client: SocketAddr,
    request: &Request<Incoming>,
    count: u64,
) -> Response<Body> {
    let mut headers: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        let seen = headers.entry(name.as_str()).or_default();
        if !seen.is_empty() {
            seen.push_str(", ");
        }
        seen.push_str(&value);
    }
    let options = &backend.options;
    let answer = Answer {
        backend: &options.name,
        zone: options.zone.as_deref(),
        region: options.region.as_deref(),
        method: request.method().as_str(),
        path: request.uri().path_and_query().map_or("/", |p| p.as_str()),
        client,
        request: count,
        headers,
    };
    let mut body = serde_json::to_vec_pretty(&answer).unwrap_or_default();
    body.push(b'\n');
    let mut response = Response::new(Full::from(body).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::from(body.into()).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn bytes(length: u64) -> Response<Body> {
    let pieces = stream::unfold(length, |left| async move {
        let size = left.min(PIECE.len() as u64);
        let piece = PIECE.get(..size as usize).filter(|piece| !piece.is_empty())?;
        Some((Ok(Frame::data(Bytes::from_static(piece))), left - size))
    });
    let mut response = Response::new(StreamBody::new(pieces).boxed_unsync());
    response.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
    response
}

/// Ten events, one every half second.
fn events(name: String) -> Response<Body> {
    let events = stream::unfold((0, name), |(count, name)| async move {
        if count == 10 {
            return None;
        }
        if count > 0 {
            sleep(Duration::from_millis(500)).await;
        }
        let event = Bytes::from(format!("data: {count} from {name}\n\n"));
        Some((Ok(Frame::data(event)), (count + 1, name)))
    });
    let mut response = Response::new(StreamBody::new(events).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns a number of the query.
fn query(request: &Request<Incoming>, name: &str) -> Option<u64> {
    let pairs = request.uri().query()?.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?.1.parse().ok()
}
