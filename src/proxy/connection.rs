//! One client's connection: PROXY header, TLS, and the protocol that it speaks.

use std::cell::{Cell, OnceCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::body::AnswerBody;
use super::client::{Trace, is_in};
use super::client_body::ClientBody;
use super::cut::Cut;
use super::early::Early;
use super::frames::ClientLedger;
use super::handshake::{ClientTls, handshake};
use super::http1::Stream;
use super::options::Http1Codec;
use super::per_client::Place;
use super::proxy_protocol;
use super::service::respond;
use super::socket::{Ahead, Socket};
use super::stall::{Stall, Streams};
use super::tunnel::Upgrade;
use super::watch::Watch;
use super::wheel::{HyperTimer, Timer};
use super::worker::{Live, Worker};
use crate::metrics::{HandshakeResult, ListenerStats};
use crate::upstream::frames::Frames;
use crate::upstream::http1::Owner;
use crate::upstream::{Parties, clock, http1};

/// How long the first bytes of a connection may be on their way.
const NEW: Duration = Duration::from_secs(1);

/// What an HTTP/2 connection begins with. Source: RFC 9113 §3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of requests over HTTP/2 that may wait for their endpoints. h2 grants half as much memory for
/// frames of few bytes, and ends the connection above it: as much as one stream full of messages of 16.
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

/// Client is what is known of a client's connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    pub(super) stats: Arc<ListenerStats>,
    /// The client, or the last proxy in front of Weir.
    pub(super) peer: SocketAddr,
    pub(super) peer_text: String,
    pub(super) port: u16,
    pub(super) is_tls: bool,
    /// Whether the peer is a proxy that is believed.
    pub(super) is_trusted: bool,
    /// What the handshake told.
    pub(super) tls: Option<Box<ClientTls>>,
    pub(super) watch: Arc<Watch>,
    /// Interim answers to the request that is being answered.
    pub(super) early: Early,
    /// Where the client connected to, or what the PROXY header says of that.
    own: Option<SocketAddr>,
    /// Whom connections to endpoints belong to that tell them of this client; made when one does.
    owner: OnceCell<Owner>,
    live: Live,
    /// Requests so far.
    requests: Cell<u32>,
    /// Where connections of each client are bounded.
    place: Option<Place>,
}

impl Client {
    pub(super) fn new(
        worker: &Rc<Worker>,
        stats: &Arc<ListenerStats>,
        peer: SocketAddr,
        port: u16,
        is_tls: bool,
    ) -> Self {
        Self {
            live: worker.count_in(),
            requests: Cell::new(0),
            place: None,
            worker: Rc::clone(worker),
            stats: Arc::clone(stats),
            peer,
            peer_text: peer.ip().to_canonical().to_string(),
            port,
            is_tls,
            is_trusted: worker.options().trusted.is_proxy(peer.ip()),
            tls: None,
            own: None,
            owner: OnceCell::new(),
            early: Early::default(),
            watch: Arc::new(Watch::new(clock::now())),
        }
    }
}

impl Client {
    /// Takes note of who it is that a proxy speaks for.
    fn speaks_for(&mut self, peer: SocketAddr) {
        self.peer = peer;
        self.peer_text = peer.ip().to_canonical().to_string();
        self.is_trusted = self.worker.options().trusted.is_proxy(peer.ip());
    }

    /// Returns where a request of this connection came from.
    pub(super) fn trace(&self, headers: &HeaderMap) -> Trace {
        self.worker.options().trusted.trace(self.peer.ip(), headers)
    }

    /// Counts a request of this connection.
    pub(super) fn count_request(&self) {
        self.requests.set(self.requests.get().saturating_add(1));
    }

    /// Whether the connection has carried as many requests as it may.
    fn is_spent(&self) -> bool {
        self.requests.get() >= self.worker.options().limits.max_requests
    }

    /// Whether the answer that is being made is the last of this connection.
    pub(super) fn ends_after_answer(&self) -> bool {
        let worker = &self.worker;
        worker.is_leaving.get() || worker.options().pressure.is_high() || self.is_spent()
    }

    /// Returns both ends of the client's connection, for endpoints that are told of them.
    pub(super) fn parties(&self) -> Parties {
        let unknown = || SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), self.port);
        Parties { client: self.peer, own: self.own.unwrap_or_else(unknown) }
    }

    /// Returns whom connections belong to that tell endpoints of this client.
    pub(super) fn owner(&self) -> &Owner {
        self.owner.get_or_init(Owner::default)
    }

    /// Wakes this task when draining begins.
    pub(super) fn listen(&self, waker: &Waker) {
        self.live.listen(waker);
    }

    /// Ready when the process is draining and this connection, which has not asked anything yet, is
    /// not new any more.
    pub(super) fn poll_left(&self, context: &Context<'_>, timer: &mut Option<Timer>) -> Poll<()> {
        if !self.worker.is_draining.get() {
            return Poll::Pending;
        }
        let until = self.watch.idle_since().plus(NEW);
        if until <= clock::now() {
            return Poll::Ready(());
        }
        let timer = timer.get_or_insert_with(Timer::new);
        timer.set(Some(until));
        timer.poll_due(context)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stats.connection_closed(self.worker.index);
    }
}

/// Handler answers requests. The data path has one, [`Respond`].
pub(super) trait Handler: Copy + 'static {
    /// Answers a request of a client.
    fn answer(
        self,
        client: &Rc<Client>,
        parts: Box<request::Parts>,
        body: ClientBody,
        upgrade: Option<Upgrade>,
    ) -> impl Future<Output = http::Response<AnswerBody>>;
}

/// Respond sends requests to endpoints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Respond;

impl Handler for Respond {
    fn answer(
        self,
        client: &Rc<Client>,
        parts: Box<request::Parts>,
        body: ClientBody,
        upgrade: Option<Upgrade>,
    ) -> impl Future<Output = http::Response<AnswerBody>> {
        respond(client, parts, body, upgrade)
    }
}

/// Serves a connection to its end, in a task of its own: a panic ends that task alone.
///
/// The task lives as long as the connection, so what only its beginning or one of its protocols
/// needs is in boxes: a connection that waits is small.
pub(super) async fn serve<H: Handler>(stream: TcpStream, mut client: Client, handler: H) {
    let Some(spoken) = Box::pin(begin(stream, &mut client)).await else { return };
    match spoken {
        Spoken::Http1(stream, first) => match client.worker.options().http1 {
            Http1Codec::Own => super::http1::serve(stream, first, client, handler).await,
            Http1Codec::Hyper => {
                Box::pin(serve_http1_by_hyper(stream, first.freeze(), client, handler)).await;
            }
        },
        Spoken::Http2(stream, first) => {
            Box::pin(serve_http2(stream, first.freeze(), client, handler)).await;
        }
    }
}

/// Spoken is what a client turned out to speak, and what was read of it.
enum Spoken {
    Http1(Stream, BytesMut),
    Http2(Stream, BytesMut),
}

/// Reads the PROXY header, shakes hands, and finds out what the client speaks. Nothing where the
/// connection is over before.
async fn begin(mut stream: TcpStream, client: &mut Client) -> Option<Spoken> {
    let head_timeout = client.worker.options().limits.head_timeout;
    let mut ahead = Bytes::new();
    client.own = stream.local_addr().ok();
    if is_announced(client) {
        let read = unless_draining(client, read_announcement(&mut stream));
        let announced = within(head_timeout, read).await;
        match announced {
            Some(Some(Ok((parties, rest)))) => {
                if let Some(Parties { client: peer, own }) = parties {
                    client.own = Some(own);
                    client.speaks_for(peer);
                }
                ahead = rest;
            }
            Some(None) => return None,
            None | Some(Some(Err(_))) => {
                client.stats.protocol_error(client.worker.index);
                return None;
            }
        }
    }
    if let Some(most) = client.worker.options().max_connections_per_client {
        let place = client.worker.shared.per_client.admit(client.peer.ip(), most);
        if place.is_none() {
            client.stats.connection_refused(client.worker.index);
            return None;
        }
        client.place = place;
    }
    let tls = client.worker.options().tls.clone().filter(|_| client.is_tls);
    let Some(tls) = tls else {
        let read = unless_draining(client, read_first(&mut stream, ahead));
        let first = within(head_timeout, read).await??.ok()?;
        let stream = Stream::Plain(stream);
        return if first.starts_with(PREFACE) {
            Some(Spoken::Http2(stream, first))
        } else {
            (!first.is_empty()).then_some(Spoken::Http1(stream, first))
        };
    };
    let handshake = handshake(&tls, Ahead { bytes: ahead, stream });
    let index = client.worker.index;
    let handshake_timeout = client.worker.options().limits.handshake_timeout;
    let (result, done) = match within(handshake_timeout, handshake).await {
        None => (HandshakeResult::Timeout, None),
        Some(Err(_)) => (HandshakeResult::Failure, None),
        Some(Ok(done)) => (HandshakeResult::Success, Some(done)),
    };
    client.stats.handshake(index, result);
    let (stream, told) = done?;
    client.tls = Some(told);
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = Stream::Tls(Box::new(stream));
    let spoken = if is_http2 { Spoken::Http2 } else { Spoken::Http1 };
    Some(spoken(stream, BytesMut::new()))
}

/// Returns whether the peer begins with a PROXY header.
fn is_announced(client: &Client) -> bool {
    is_in(&client.worker.options().proxy_protocol, client.peer.ip())
}

/// Returns nothing when the time passes first.
async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let timer = Timer::new();
    timer.set_after(time);
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        timer.poll_due(context).map(|()| None)
    })
    .await
}

/// Returns nothing when draining begins first and the connection is not new: who has asked nothing
/// is owed nothing, but the first bytes of a new connection may be on their way.
async fn unless_draining<F: Future>(client: &Client, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut timer = None;
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        client.live.listen(context.waker());
        client.poll_left(context, &mut timer).map(|()| None)
    })
    .await
}

async fn read_announcement(stream: &mut TcpStream) -> io::Result<(Option<Parties>, Bytes)> {
    let mut bytes = BytesMut::with_capacity(proxy_protocol::LIMIT);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let parsed = proxy_protocol::parse(&bytes).map_err(|()| io::ErrorKind::InvalidData)?;
        if let Some(announced) = parsed {
            let rest = bytes.split_off(announced.length.min(bytes.len()));
            return Ok((announced.parties, rest.freeze()));
        }
    }
}

/// Reads until it is clear whether the client speaks HTTP/2. Nothing at the end of the stream.
async fn read_first(stream: &mut TcpStream, ahead: Bytes) -> io::Result<BytesMut> {
    let mut bytes = http1::head_buffer();
    bytes.extend_from_slice(&ahead);
    loop {
        let could_be = PREFACE.starts_with(&bytes) && bytes.len() < PREFACE.len();
        if !could_be {
            break;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            break;
        }
    }
    Ok(bytes)
}

async fn serve_http1_by_hyper(stream: Stream, first: Bytes, client: Client, handler: impl Handler) {
    let limits = client.worker.options().limits;
    let client = Rc::new(client);
    let socket = Socket::new(stream, first, Arc::clone(&client.watch), &limits, true);
    let asked = Rc::clone(&client);
    let service = service_fn(move |request| answer(Rc::clone(&asked), request, None, handler));
    let connection = hyper::server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(limits.max_head_bytes.max(8192))
        .serve_connection(socket, service)
        .with_upgrades();
    drive(connection, &client).await;
}

async fn serve_http2<S>(stream: S, first: Bytes, client: Client, handler: impl Handler)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = client.worker.options().limits;
    let client = Rc::new(client);
    let (stats, worker) = (&client.stats, client.worker.index);
    let ledger = ClientLedger::new(limits.frames, stats, worker);
    let frames = Frames::of_client(stream, &first, ledger);
    let socket = Socket::new(frames, first, Arc::clone(&client.watch), &limits, false);
    let (asked, streams) = (Rc::clone(&client), Streams::default());
    let starting = streams.clone();
    let service = service_fn(move |request| {
        let stall = Stall::new(limits.progress);
        let (cut, cutting) = (request.method() == Method::CONNECT).then(Cut::new).unzip();
        starting.announce(&stall, cutting);
        // In a box: hyper and tokio move what they are given some ten times.
        Box::pin(answer(Rc::clone(&asked), request, Some((stall, cut)), handler))
    });
    let head_bytes = u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX);
    let connection = hyper::server::conn::http2::Builder::new(streams)
        .timer(HyperTimer)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(limits.max_streams)
        .max_header_list_size(head_bytes)
        .max_send_buf_size(64 * 1024)
        .enable_connect_protocol()
        .serve_connection(socket, service);
    drive(connection, &client).await;
}

async fn answer(
    client: Rc<Client>,
    mut request: http::Request<Incoming>,
    stream: Option<(Rc<Stall>, Option<Cut>)>,
    handler: impl Handler,
) -> Result<http::Response<AnswerBody>, Infallible> {
    let (stall, cut) = stream.map_or((None, None), |(stall, cut)| (Some(stall), cut));
    client.count_request();
    let is_told = request.version() < Version::HTTP_2;
    let may_switch = request.headers().contains_key(http::header::UPGRADE)
        || *request.method() == Method::CONNECT;
    let upgrade = may_switch.then(|| Upgrade::Hyper(hyper::upgrade::on(&mut request), cut));
    let (parts, body) = request.into_parts();
    let mut response =
        handler.answer(&client, Box::new(parts), ClientBody::hyper(body), upgrade).await;
    // A tunnel is not told: `connection` has another meaning there. Source: RFC 9112 §9.6.
    if is_told && client.ends_after_answer() && response.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.body_mut().watch(stall);
    Ok(response)
}

/// Drain is a connection that can be asked to end with what it is doing.
trait Drain: Future<Output = hyper::Result<()>> {
    /// Whether the asking cannot cross a request: HTTP/2 says which stream was the last.
    const IS_SAFE: bool;

    fn drain(self: Pin<&mut Self>);
}

impl<I, B, S> Drain for hyper::server::conn::http1::UpgradeableConnection<I, S>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    const IS_SAFE: bool = false;

    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, B, S> Drain for hyper::server::conn::http2::Connection<I, S, Streams>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    Streams: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
{
    const IS_SAFE: bool = true;

    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

async fn drive<D: Drain>(connection: D, client: &Client) {
    let mut connection = pin!(connection);
    let (mut is_listening, mut is_told) = (false, false);
    let result = poll_fn(|context| {
        if !is_listening {
            client.live.listen(context.waker());
            is_listening = true;
        }
        let worker = &client.worker;
        if !is_told && (worker.is_draining.get() || D::IS_SAFE && client.ends_after_answer()) {
            connection.as_mut().drain();
            is_told = true;
        }
        connection.as_mut().poll(context)
    })
    .await;
    if result.is_err_and(|error| error.is_parse()) {
        client.stats.protocol_error(client.worker.index);
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
