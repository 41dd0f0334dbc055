//! One try: a connection, the request on it, and the head of the answer.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, StatusCode};

use super::client_body::ClientBody;
use super::deadline::before;
use super::exchange::{Exchange, ExchangeError, Unsent};
use super::forward::{Forward, RequestBody};
use super::kept::Kept;
use super::retry::is_idempotent;
use super::wheel::{Timer, sleep};
use super::{outbound, streams, turn};
use crate::metrics::{Reason, RetryOutcome};
use crate::model::{Protocol, RetryCondition};
use crate::upstream::clock::{self, Millis};
use crate::upstream::http1::{self, Checkout, Connection, Expectation};
use crate::upstream::{Alpn, InFlight, OpenError, Outcome, http2};

/// How long a body waits for `100 Continue` before it goes anyway. Source: RFC 9110 §10.1.1.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);
/// How often a full endpoint is asked again.
pub(super) const FULL_PAUSE: Duration = Duration::from_millis(5);

/// Sent is a try that was answered.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) exchange: Exchange,
    /// What was taken of the request's body, where it may be sent again.
    pub(super) kept: Option<Kept>,
}

impl Sent {
    /// Whether all of the request is still there.
    pub(super) fn is_whole(&self) -> bool {
        self.exchange.is_whole() || self.kept.as_ref().is_some_and(Kept::is_whole)
    }

    /// Gives up the answer for another try.
    pub(super) fn into_unsent(self, request: &Forward<'_>) -> Unsent {
        unsent(request, self.exchange, self.kept)
    }
}

/// Failure is a try that was not.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    pub(super) outcome: Outcome,
    /// What it counts as for retries; nothing is never retried.
    pub(super) condition: Option<RetryCondition>,
    pub(super) unsent: Option<Unsent>,
    /// Whether a kept connection broke off before, in the same try.
    pub(super) is_repeated: bool,
}

/// Sends a request to an endpoint. A kept connection that turns out dead, or takes no more
/// requests, is replaced once, where `may_replace` says so.
pub(super) async fn attempt(
    request: &Forward<'_>,
    (agreed, in_flight, may_replace): (Protocol, &InFlight, bool),
    mut head: BytesMut,
    mut body: RequestBody,
    timer: &Timer,
) -> Result<Sent, Failure> {
    let (mut is_fresh, mut is_repeated) = (false, false);
    let mut protocol = spoken_first(request, agreed);
    loop {
        let opened = match protocol {
            Protocol::Http1 => {
                connect(request, in_flight, is_fresh, timer).await.map(Opened::Http1)
            }
            Protocol::Http2 => Box::pin(streams::open(request, in_flight, timer)).await,
        };
        let opened = match opened {
            Ok(opened) => opened,
            // It need not speak what it does not declare.
            Err((Reason::UpstreamTls, _)) if protocol != agreed => {
                protocol = agreed;
                continue;
            }
            Err((reason, outcome)) => {
                return Err(Failure { is_repeated, ..not_sent(reason, outcome, head, body) });
            }
        };
        let kept = keep(request, &opened, &mut body);
        let mut exchange = match begin(request, opened, head, body) {
            Ok(exchange) => exchange,
            Err(reason) => {
                let outcome = Outcome::ClientGone;
                let (condition, unsent) = (None, None);
                return Err(Failure { reason, outcome, condition, unsent, is_repeated });
            }
        };
        turn::after_the_others().await;
        let mut headers = http1::header_map();
        let error = match answer_head(request, &mut exchange, &mut headers, timer).await {
            Ok(status) => return Ok(Sent { status, headers, exchange, kept }),
            Err(error) => error,
        };
        http1::keep_header_map(headers);
        let unsent = unsent(request, exchange, kept);
        let may_repeat = !unsent.is_begun || is_idempotent(&request.parts.method);
        let is_dead = match error {
            Broken::Http(ExchangeError::Closed | ExchangeError::Tls) => {
                unsent.is_reused && !unsent.is_answered
            }
            Broken::Http(ExchangeError::Refused) => true,
            _ => false,
        };
        let is_refused = matches!(error, Broken::Http(ExchangeError::Refused));
        let is_replaced = !is_fresh && (may_replace || is_refused || !unsent.is_begun);
        if !(is_dead && unsent.is_whole && may_repeat && is_replaced) {
            return Err(Failure { is_repeated, ..failure(error, unsent) });
        }
        is_repeated = !is_refused && unsent.is_begun;
        let worker = &request.client.worker;
        request.pool.state.stats.retried(worker.index, RetryOutcome::StaleConnection);
        (head, body, is_fresh) = (unsent.head, unsent.body, true);
    }
}

/// Returns what a request is sent in. Where endpoints speak HTTP/2 over TLS the handshake agrees on it, and
/// for a WebSocket on HTTP/1.1 where it can: few take the extended CONNECT of RFC 8441. Source: RFC 7301 §3.
fn spoken_first(request: &Forward<'_>, agreed: Protocol) -> Protocol {
    let falls_back = request.admitted.is_upgrade && request.pool.transport.is_tls();
    if falls_back { Protocol::Http1 } else { agreed }
}

/// Opened is where a request can be sent.
pub(super) enum Opened {
    Http1(Connection),
    Http2(http2::Slot),
}

/// Keeps what is taken of a body that may be sent again: since its method is idempotent, or since
/// an endpoint that speaks HTTP/2 can say that it processed nothing. Nothing is kept while memory
/// is short.
fn keep(request: &Forward<'_>, opened: &Opened, body: &mut RequestBody) -> Option<Kept> {
    let (body, length) = body.as_mut()?;
    let may_repeat = matches!(opened, Opened::Http2(_)) || is_idempotent(&request.parts.method);
    let worker = &request.client.worker;
    if !may_repeat || worker.options().pressure.is_high() {
        body.keep_no_more();
        return None;
    }
    body.keep(*length, &worker.kept_bytes)
}

/// Takes back what another try needs, the beginning of the body where it was kept.
fn unsent(request: &Forward<'_>, exchange: Exchange, kept: Option<Kept>) -> Unsent {
    let mut unsent = exchange.into_unsent();
    if let Some(kept) = kept.filter(|_| !unsent.is_whole)
        && let Some(length) = request.length
    {
        let rest = unsent.body.take().map(|(rest, _)| rest);
        unsent.body = ClientBody::again(&kept, rest).map(|body| (body, length));
        unsent.is_whole = unsent.body.is_some();
    }
    unsent
}

fn begin(
    request: &Forward<'_>,
    opened: Opened,
    head: BytesMut,
    body: RequestBody,
) -> Result<Exchange, Reason> {
    let is_head = request.parts.method == http::Method::HEAD;
    let is_held = request.admitted.expects_continue;
    match opened {
        Opened::Http1(connection) => {
            let is_upgrade = request.admitted.is_upgrade;
            let head = if head.is_empty() { outbound::http1(request) } else { head };
            let expectation = Expectation { is_head, is_upgrade, is_held };
            let exchange = http1::Exchange::new(connection, head, body, expectation);
            Ok(Exchange::Http1(Box::new((exchange, None))))
        }
        Opened::Http2(slot) => {
            let head = outbound::http2(request)?;
            let is_websocket = request.admitted.is_upgrade;
            let expectation = http2::Expectation { is_head, is_held, is_websocket };
            let exchange = http2::Exchange::new(slot, head, body, expectation);
            Ok(Exchange::Http2(Box::new((exchange, None))))
        }
    }
}

enum Broken {
    Http(ExchangeError),
    Late(Reason),
}

fn not_sent(reason: Reason, outcome: Outcome, head: BytesMut, body: RequestBody) -> Failure {
    let unsent = Unsent {
        head,
        body,
        is_whole: true,
        is_begun: false,
        is_answered: false,
        is_reused: false,
    };
    // Another endpoint speaks no other protocol, and thinks no better of the request.
    let is_final = matches!(reason, Reason::NotImplemented | Reason::BadRequest);
    let condition = (!is_final).then_some(RetryCondition::ConnectFailure);
    Failure { reason, outcome, condition, unsent: Some(unsent), is_repeated: false }
}

fn failure(error: Broken, unsent: Unsent) -> Failure {
    let (reason, outcome, condition) = match error {
        Broken::Http(ExchangeError::Tls) => {
            (Reason::UpstreamTls, Outcome::TlsFailed, Some(RetryCondition::Reset))
        }
        Broken::Http(ExchangeError::Closed) => {
            (Reason::UpstreamReset, Outcome::Reset, Some(RetryCondition::Reset))
        }
        // It costs an endpoint nothing and says nothing of its health: it may be ending.
        Broken::Http(ExchangeError::Refused) => {
            (Reason::UpstreamReset, Outcome::ClientGone, Some(RetryCondition::ConnectFailure))
        }
        Broken::Http(ExchangeError::Protocol) => {
            (Reason::UpstreamProtocolError, Outcome::ProtocolError, None)
        }
        // Another stream may be at fault, or none.
        Broken::Http(ExchangeError::Flood) => {
            (Reason::UpstreamProtocolError, Outcome::ProtocolError, Some(RetryCondition::Reset))
        }
        Broken::Http(ExchangeError::RequestBody(reason)) => {
            (reason.unwrap_or(Reason::BadRequest), Outcome::ClientGone, None)
        }
        Broken::Late(Reason::UpstreamTimeout) => {
            (Reason::UpstreamTimeout, Outcome::TimedOut, Some(RetryCondition::Timeout))
        }
        Broken::Late(Reason::BodyTimeout) => (Reason::BodyTimeout, Outcome::ClientGone, None),
        Broken::Late(reason) => (reason, Outcome::TimedOut, None),
    };
    Failure { reason, outcome, condition, unsent: Some(unsent), is_repeated: false }
}

/// Takes a kept connection or opens one.
async fn connect(
    request: &Forward<'_>,
    in_flight: &InFlight,
    is_fresh: bool,
    timer: &Timer,
) -> Result<Connection, (Reason, Outcome)> {
    let (worker, endpoint) = (&request.client.worker, in_flight.endpoint());
    let (pool, transport) = (&request.pool.model, &request.pool.transport);
    let owner = transport.tells_client().then(|| request.client.owner());
    let mut times = None;
    loop {
        let mut deadlines = || {
            *times.get_or_insert_with(|| {
                let until = clock::now().plus(pool.connect_timeout);
                (until, request.deadline.map_or(until, |deadline| deadline.min(until)))
            })
        };
        let lease = match worker.connections.checkout(endpoint, request.pool, owner, is_fresh) {
            Checkout::Idle(mut connection) => {
                // What must not be sent twice is worth asking first.
                if is_idempotent(&request.parts.method) || connection.is_quiet_now() {
                    return Ok(connection);
                }
                continue;
            }
            Checkout::Open(lease) => lease,
            Checkout::Full if deadlines().1 <= clock::now() => {
                return Err((Reason::EndpointFull, Outcome::ClientGone));
            }
            Checkout::Full => {
                worker.want_connection();
                sleep(FULL_PAUSE).await;
                continue;
            }
        };
        let (until, deadline) = deadlines();
        let (opening, _) = clock::read();
        let parties = owner.map(|_| request.client.parties());
        let open = transport.open(endpoint.address(), Alpn::Http1, parties);
        return match Box::pin(before(timer, Some(deadline), open)).await {
            Some(Ok(stream)) => {
                let mut connection = Connection::new(stream, lease);
                let stats = Arc::clone(&endpoint.stats);
                let (opened, _) = clock::read();
                connection.count(stats, worker.index, opened.saturating_duration_since(opening));
                Ok(connection)
            }
            Some(Err(error)) => Err(unopened(request, endpoint.address(), &error)),
            None if deadline < until => Err((Reason::RequestTimeout, Outcome::ClientGone)),
            None => Err((Reason::ConnectTimeout, Outcome::ConnectTimeout)),
        };
    }
}

/// Says why there is no connection, and logs what of TLS no metric tells.
pub(super) fn unopened(
    request: &Forward<'_>,
    endpoint: SocketAddr,
    error: &OpenError,
) -> (Reason, Outcome) {
    match error {
        OpenError::Connect(_) => (Reason::ConnectFailed, Outcome::ConnectFailed),
        OpenError::Tls(error) => {
            let pool = &request.pool.model.name;
            tracing::debug!(%pool, %endpoint, "TLS handshake failed: {error}");
            (Reason::UpstreamTls, Outcome::TlsFailed)
        }
        OpenError::Unresolved => (Reason::BackendTlsUnresolved, Outcome::ClientGone),
    }
}

/// Deadlines of a try until the head of its answer.
struct Deadlines {
    whole: Option<Millis>,
    this_try: Option<Millis>,
    idle: Option<Duration>,
    idle_at: Option<Millis>,
    release_at: Option<Millis>,
    seen: u64,
}

impl Deadlines {
    fn of(request: &Forward<'_>, now: Millis) -> Self {
        let idle = request.pool.model.idle_timeout;
        Self {
            whole: request.deadline,
            this_try: request.try_timeout.map(|timeout| now.plus(timeout)),
            idle,
            idle_at: idle.map(|timeout| now.plus(timeout)),
            release_at: request.admitted.expects_continue.then(|| now.plus(CONTINUE_WAIT)),
            seen: 0,
        }
    }

    fn next(&self) -> Option<Millis> {
        [self.whole, self.this_try, self.idle_at, self.release_at].into_iter().flatten().min()
    }

    /// Deals with what has come; a reason ends the try.
    fn check(&mut self, now: Millis, exchange: &mut Exchange) -> Result<(), Reason> {
        let is_due = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        if is_due(self.whole) {
            return Err(Reason::RequestTimeout);
        }
        if is_due(self.this_try) {
            return Err(Reason::UpstreamTimeout);
        }
        if is_due(self.release_at) {
            self.release_at = None;
            exchange.release();
        }
        if is_due(self.idle_at) {
            let moved = exchange.request_bytes();
            if moved == self.seen {
                // Whoever owes the next byte is late.
                let is_client = exchange.waits_for_client();
                return Err(if is_client { Reason::BodyTimeout } else { Reason::IdleTimeout });
            }
            self.seen = moved;
            self.idle_at = self.idle.map(|timeout| now.plus(timeout));
        }
        Ok(())
    }
}

async fn answer_head(
    request: &Forward<'_>,
    exchange: &mut Exchange,
    headers: &mut HeaderMap,
    timer: &Timer,
) -> Result<StatusCode, Broken> {
    // Whoever waited for a connection has read the clock since; for a stream, not always.
    let now = match exchange {
        Exchange::Http1(_) => clock::recent(),
        Exchange::Http2(_) => clock::now(),
    };
    let mut deadlines = Deadlines::of(request, now);
    timer.set(deadlines.next());
    let early = &request.client.early;
    let mut on_interim = |status, fields: &mut HeaderMap| early.pass_on(status, fields);
    poll_fn(|context: &mut Context<'_>| {
        loop {
            if let Poll::Ready(result) = exchange.poll_head(context, headers, &mut on_interim) {
                return Poll::Ready(result.map_err(Broken::Http));
            }
            if timer.poll_due(context).is_pending() {
                return Poll::Pending;
            }
            if let Err(reason) = deadlines.check(clock::now(), exchange) {
                return Poll::Ready(Err(Broken::Late(reason)));
            }
            timer.set(deadlines.next());
        }
    })
    .await
}
