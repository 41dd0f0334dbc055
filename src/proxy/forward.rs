//! Sends a request to an endpoint, and to another where that fails and is safe.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, request};

use super::access_log::Target;
use super::answer::Refusal;
use super::attempt::{Failure, Sent, attempt};
use super::body::{AnswerBody, Guards};
use super::client_body::ClientBody;
use super::connection::Client;
use super::deadline::before;
use super::exchange::Exchange;
use super::gate::Admitted;
use super::headers::clean_answer;
use super::record::Record;
use super::retry::Tries;
use super::wheel::Timer;
use super::{grpc, retry};
use crate::metrics::{Reason, RetryOutcome};
use crate::model::{Persistence, PersistenceKind};
use crate::upstream::balance::{NoEndpoint, Pick, RequestFacts, Tried, pick};
use crate::upstream::clock::{self, Millis};
use crate::upstream::{self, Admission, InFlight, Outcome, Permit, Pool};

/// A request's body and its length, where it has one.
pub(super) type RequestBody = Option<(ClientBody, Option<u64>)>;

/// Forward is a request that has a pool.
#[derive(Debug)]
#[allow(clippy::option_option, reason = "no body, one of unknown length, or one of a length")]
pub(super) struct Forward<'a> {
    pub(super) client: &'a Rc<Client>,
    pub(super) pool: &'a Arc<Pool>,
    pub(super) address: IpAddr,
    pub(super) parts: &'a request::Parts,
    pub(super) admitted: &'a Admitted<'a>,
    pub(super) request_id: &'a str,
    /// The client's certificate, where the endpoint is told.
    pub(super) client_cert: Option<&'a str>,
    /// The body's length: nothing where there is no body, nothing inside where it is not known.
    pub(super) length: Option<Option<u64>>,
    /// When it came.
    pub(super) now: Millis,
    /// End of the time for the whole request.
    pub(super) deadline: Option<Millis>,
    /// Time for one try.
    pub(super) try_timeout: Option<Duration>,
}

/// Answered is the head of an endpoint's answer, and what the rest needs.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) exchange: Exchange,
    pub(super) guards: Guards,
}

impl Answered {
    /// Makes the answer to the client.
    pub(super) fn into_response(mut self, mut record: Record) -> Response<AnswerBody> {
        self.guards.is_grpc = record.version == Version::HTTP_2 && grpc::is_grpc(&self.headers);
        record.status = self.status.as_u16();
        record.request_bytes = self.exchange.request_bytes();
        let body = match self.exchange.into_body() {
            Some(body) => AnswerBody::endpoint(body, self.guards, record),
            None => AnswerBody::text(Bytes::new(), record),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        clean_answer(response.headers_mut(), false);
        response
    }
}

/// Sends a request until an endpoint answers, or it must not be sent again.
pub(super) async fn forward(
    request: &Forward<'_>,
    mut body: RequestBody,
    record: &mut Record,
) -> Result<Answered, Refusal> {
    if !request.pool.transport.is_usable() {
        return Err(Reason::BackendTlsUnresolved.into());
    }
    let timer = Timer::new();
    let mut permit = admit(request, &timer).await?;
    // Encoded for the first endpoint that wants it.
    let mut head = BytesMut::new();
    let (mut tried, mut tries) = (Tried::default(), Tries::default());
    loop {
        // The clock was read when the request came.
        let now = if tries.all == 0 { request.now } else { clock::now() };
        let (choice, in_flight) = choose(request, &mut permit, &tried, &timer, now).await?;
        tries.all += 1;
        if let Some(logged) = &mut record.logged {
            logged.target = Target::of(request.pool, choice.index);
            logged.attempts = tries.all;
        }
        let (began, _) = clock::read();
        let protocol = request.pool.protocol_of(choice.index);
        let result =
            attempt(request, (protocol, &in_flight, !tries.were_reset()), head, body, &timer).await;
        report(request, (choice.index, &in_flight), &result, began, record);
        let again = match result {
            Ok(sent) => match retry::of_answer(request, &sent, tries.all) {
                None => {
                    count_retry(request, record, tries.all, RetryOutcome::Success);
                    return Ok(answered(request, sent, choice, in_flight, (permit, timer)));
                }
                Some(()) => sent.into_unsent(request),
            },
            Err(failure) => {
                let reason = failure.reason;
                match retry::of_failure(request, failure, &mut tries) {
                    Some(unsent) => unsent,
                    None => {
                        count_retry(request, record, tries.all, RetryOutcome::Failure);
                        return Err(reason.into());
                    }
                }
            }
        };
        (head, body) = (again.head, again.body);
        tried.insert(choice.index);
    }
}

fn count_retry(request: &Forward<'_>, record: &Record, tries: u32, outcome: RetryOutcome) {
    if let Some(pool) = record.pool.as_ref().filter(|_| tries > 1) {
        pool.retried(request.client.worker.index, outcome);
    }
}

fn answered(
    request: &Forward<'_>,
    sent: Sent,
    choice: Pick,
    in_flight: InFlight,
    (permit, timer): (Permit, Timer),
) -> Answered {
    let Sent { status, mut headers, mut exchange, kept } = sent;
    if let Some(kept) = kept {
        kept.give_up();
    }
    if let Some(body) = exchange.request_body() {
        body.allow_idle();
    }
    if let Some(session) = choice.session
        && let Some(persistence) = &request.pool.model.persistence
    {
        remember(&mut headers, persistence, session.as_str(), request.client.is_tls);
    }
    let guards = Guards {
        in_flight,
        _permit: permit,
        timer,
        deadline: request.deadline,
        idle_timeout: request.pool.model.idle_timeout,
        seen: None,
        is_grpc: false,
    };
    Answered { status, headers, exchange, guards }
}

/// Gives the session to the client.
fn remember(headers: &mut HeaderMap, persistence: &Persistence, token: &str, is_tls: bool) {
    match &persistence.kind {
        PersistenceKind::Header(name) => {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_str().as_bytes()), HeaderValue::from_str(token))
            {
                headers.insert(name, value);
            }
        }
        PersistenceKind::Cookie(name) => {
            let lasts = persistence
                .absolute_timeout
                .map(|time| format!("; Max-Age={}", time.as_secs()))
                .unwrap_or_default();
            let secure = if is_tls { "; Secure" } else { "" };
            let cookie = format!("{name}={token}; Path=/{lasts}{secure}; HttpOnly; SameSite=Lax");
            if let Ok(value) = HeaderValue::from_str(&cookie) {
                headers.append(SET_COOKIE, value);
            }
        }
    }
}

/// Waits until the pool lets the request in.
async fn admit(request: &Forward<'_>, timer: &Timer) -> Result<Permit, Refusal> {
    match request.pool.admit() {
        Admission::Admitted(permit) => Ok(permit),
        Admission::Refused(refusal) => Err(refused(refusal, Reason::PoolFull)),
        Admission::Queued(waiting) => {
            let worker = &request.client.worker;
            let stats = &request.pool.state.stats;
            stats.wait_begun(worker.index);
            let waited = Box::pin(before(timer, request.deadline, waiting.wait())).await;
            stats.wait_ended(worker.index);
            let waited = waited.ok_or(Reason::RequestTimeout)?;
            waited.map_err(|refusal| refused(refusal, Reason::PoolFull))
        }
    }
}

fn refused(refusal: upstream::Refusal, full: Reason) -> Refusal {
    match refusal {
        upstream::Refusal::PoolFull => full,
        upstream::Refusal::QueueFull => Reason::QueueFull,
        upstream::Refusal::QueueTimeout => Reason::QueueTimeout,
    }
    .into()
}

/// Chooses an endpoint and takes a place there; waits for one where all are full.
async fn choose(
    request: &Forward<'_>,
    permit: &mut Permit,
    tried: &Tried,
    timer: &Timer,
    now: Millis,
) -> Result<(Pick, InFlight), Refusal> {
    match choose_now(request, tried, now) {
        Ok(chosen) => return Ok(chosen),
        Err(NoEndpoint::Unavailable) => return Err(Reason::NoEndpoint.into()),
        Err(NoEndpoint::Full) => {}
    }
    let wait = request.pool.wait_for_room(permit, || choose_now(request, tried, clock::now()).ok());
    // What seldom waits is in a box, so that every request is smaller.
    let waited = Box::pin(before(timer, request.deadline, wait)).await;
    let waited = waited.ok_or(Reason::RequestTimeout)?;
    waited.map_err(|refusal| refused(refusal, Reason::EndpointFull))
}

fn choose_now(
    request: &Forward<'_>,
    tried: &Tried,
    now: Millis,
) -> Result<(Pick, InFlight), NoEndpoint> {
    let worker = &request.client.worker;
    let facts = RequestFacts {
        client: request.address,
        path: &request.admitted.path,
        query: request.admitted.query,
        headers: &request.parts.headers,
        geo: worker.options().geoip.as_deref(),
    };
    let random = &mut worker.random.borrow_mut();
    // Another worker may take the last place between the choice and the begin: choose again.
    for _ in 0..8 {
        let choice = pick(request.pool, &facts, tried, now, random, None)?;
        let member = request.pool.endpoint(choice.index).ok_or(NoEndpoint::Unavailable)?;
        if let Some(in_flight) = member.state.try_begin(&request.pool.model.limits) {
            return Ok((choice, in_flight));
        }
    }
    Err(NoEndpoint::Full)
}

/// Counts a try, and tells the endpoint's state of it.
fn report(
    request: &Forward<'_>,
    (index, in_flight): (usize, &InFlight),
    result: &Result<Sent, Failure>,
    began: Instant,
    record: &mut Record,
) {
    let (ended, now) = clock::read();
    let latency = ended.saturating_duration_since(began);
    let worker = &request.client.worker;
    let endpoint = in_flight.endpoint();
    let stats = &endpoint.stats;
    let backend = request.pool.backend_stats_of(index);
    let outcome = match result {
        Ok(sent) => {
            let status = sent.status.as_u16();
            stats.answered(worker.index, status);
            record.upstream_time = Some(latency);
            if let Some(backend) = backend {
                backend.answered(worker.index, status, latency);
            }
            Outcome::Answered { status, latency }
        }
        Err(failure) => {
            stats.failed(worker.index, failure.reason);
            if let Some(backend) = backend {
                backend.failed(worker.index);
            }
            failure.outcome
        }
    };
    endpoint.report(outcome, now);
}
