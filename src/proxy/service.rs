//! One request, from its head to the head of its answer.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response, Version, request};
use http_body::Body;

use super::access_log::Target;
use super::answer::{self, Moved, Refusal};
use super::body::AnswerBody;
use super::client::{self, Trace};
use super::client_body::ClientBody;
use super::connection::Client;
use super::forward::{Forward, forward};
use super::gate::{self, Admitted};
use super::grpc;
use super::record::{Logged, Record};
use super::tunnel::{self, Upgrade};
use super::websocket::Opening;
use crate::metrics::{Protocol, Reason};
use crate::model::HttpsRedirect;
use crate::table::{NoRoute, RequestHead, Route, Table, canonical_host};
use crate::upstream::http1;

/// Answers a request, by an endpoint or with the reason why not.
pub(super) async fn respond(
    client: &Rc<Client>,
    mut parts: Box<request::Parts>,
    body: ClientBody,
    upgrade: Option<Upgrade>,
) -> Response<AnswerBody> {
    let worker = &client.worker;
    client.stats.request(
        worker.index,
        if parts.version == Version::HTTP_2 { Protocol::Http2 } else { Protocol::Http1 },
    );
    let mut record = Record::begin(worker, &client.watch, &parts.method, parts.version);
    let opening = Opening::of(&mut parts, worker.random.borrow_mut().u128(..));
    let mut result = route(client, &parts, body, &mut record).await;
    if let Some(opening) = opening {
        result = result.and_then(|answered| opening.check(answered).map_err(Stop::from));
    }
    let response = match result {
        Ok(answered) => match upgrade.filter(|_| answered.exchange.is_tunnel()) {
            Some(upgrade) => tunnel::open(answered, upgrade, &parts.headers, record),
            None => answered.into_response(record),
        },
        Err(Stop::Refused(refusal)) => refuse(client, &parts, refusal, record),
        Err(Stop::Moved(moved)) => {
            record.status = moved.status;
            answer::moved(&moved).map(|text| AnswerBody::text(text, record))
        }
    };
    http1::keep_request_parts(parts);
    response
}

/// Stop is why a request goes to no endpoint.
enum Stop {
    Refused(Refusal),
    Moved(Box<Moved>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason.into())
    }
}

fn refuse(
    client: &Client,
    parts: &request::Parts,
    refusal: Refusal,
    mut record: Record,
) -> Response<AnswerBody> {
    let worker = &client.worker;
    // What is refused before its pool knows of it is counted here alone.
    if record.pool.is_none() {
        client.stats.refused(worker.index, refusal.reason);
    }
    let show = worker.options().reason_header;
    if refusal.reason == Reason::ClientGone {
        // Who ended only its own direction, in the middle of a body, may still read what that was.
        let refusal = Reason::BadRequest.into();
        let response = answer::answer(refusal, &parts.method, parts.version, show);
        return response.map(AnswerBody::unrecorded);
    }
    record.reason = Some(refusal.reason);
    record.status = refusal.reason.status();
    let mut response = answer::answer(refusal, &parts.method, parts.version, show);
    if grpc::is_grpc(&parts.headers) {
        response = grpc::translate(response, refusal.reason);
    }
    response.map(|text| AnswerBody::text(text, record))
}

/// Refuses a request whose head means nothing certain: not even its method is logged.
pub(super) fn refuse_unread(client: &Client, reason: Reason) -> Response<AnswerBody> {
    let worker = &client.worker;
    client.stats.refused(worker.index, reason);
    client.stats.protocol_error(worker.index);
    let method = Method::from_bytes(b"-").unwrap_or_default();
    let mut record = Record::begin(worker, &client.watch, &method, Version::HTTP_11);
    record.reason = Some(reason);
    record.status = reason.status();
    if worker.options().access_log.is_some() {
        record.logged = Some(Box::new(Logged {
            client: client.peer.ip().to_canonical(),
            host: Box::default(),
            path: Box::default(),
            request_id: RequestId::new(client).as_str().into(),
            target: Target::default(),
            attempts: 0,
        }));
    }
    let show = worker.options().reason_header;
    let response = answer::answer(reason.into(), &Method::GET, Version::HTTP_11, show);
    response.map(|text| AnswerBody::text(text, record))
}

/// Finds the route and the pool, and sends the request there.
async fn route(
    client: &Rc<Client>,
    parts: &request::Parts,
    mut body: ClientBody,
    record: &mut Record,
) -> Result<super::forward::Answered, Stop> {
    let worker = &client.worker;
    let options = worker.options();
    let has_body = !body.is_end_stream();
    let Trace { client: address, hops } = client.trace(&parts.headers);
    let request_id = RequestId::of(client, parts);
    log_as(record, parts, address, request_id.as_str(), options.access_log.is_some());
    if options.pressure.is_full() {
        return Err(Reason::Overloaded.into());
    }
    let admitted = gate::check(parts, has_body, &options.limits)?;
    let table = worker.table.load();
    let route = find(&table, client, parts, &admitted)?;
    record.route = Some(Arc::clone(&route.stats));
    if route.is_held {
        return Err(Reason::RouteInvalid.into());
    }
    let pool = table.pool(route).ok_or(Reason::NoRoute)?;
    if let Some(redirect) = route.https_redirect
        && !client.is_tls
        && !client::is_https(&parts.headers, hops)
    {
        return Err(moved(redirect, &admitted));
    }
    let client_cert = client_certificate(client, route)?;
    let pool_stats = Arc::clone(&pool.state.stats);
    pool_stats.request_begun(worker.index);
    record.pool = Some(pool_stats);
    if pool.model.access.as_ref().is_some_and(|access| !access.admits(address)) {
        return Err(Reason::AccessDenied.into());
    }
    let now = record.began;
    pool.try_rate(address, now).map_err(|after| Refusal {
        reason: Reason::RateLimited,
        retry_after: Some(after.max(Duration::from_secs(1))),
    })?;
    // A stream of messages may be idle between them, where endpoints take such streams: a client's
    // word for it is not enough. Source: gRPC over HTTP/2, Requests.
    let is_call = parts.version == Version::HTTP_2
        && pool.model.limits.shares_connections
        && grpc::is_grpc(&parts.headers);
    let most = pool.model.limits.max_body_bytes.or(options.limits.max_body_bytes);
    body.bound(most, (!is_call).then_some(options.limits.progress))?;
    pool.count_request(now);
    let length = has_body.then(|| body.size_hint().exact());
    let waits = grpc::timeout(&parts.headers);
    let whole = [route.request_timeout, waits].into_iter().flatten().min();
    let request = Forward {
        client,
        pool,
        address,
        parts,
        admitted: &admitted,
        request_id: request_id.as_str(),
        client_cert,
        length,
        now,
        deadline: whole.map(|timeout| now.plus(timeout)),
        try_timeout: route.backend_request_timeout,
    };
    Ok(forward(&request, length.map(|length| (body, length)), record).await?)
}

/// Finds the route of a request, which the client's connection has to be for.
fn find<'t>(
    table: &'t Table,
    client: &Client,
    parts: &request::Parts,
    admitted: &Admitted<'_>,
) -> Result<&'t Route, Reason> {
    if let Some(tls) = &client.tls
        && !table.scopes().may_carry(&tls.shown, &canonical_host(admitted.host))
    {
        return Err(Reason::Misdirected);
    }
    let found = table.find(
        &RequestHead {
            host: Some(admitted.host).filter(|host| !host.is_empty()),
            path: &admitted.path,
            query: admitted.query,
            method: &parts.method,
            headers: &parts.headers,
        },
        None,
    );
    found.map_err(NoRoute::reason)
}

/// Says where the client finds the same over https.
fn moved(redirect: HttpsRedirect, admitted: &Admitted<'_>) -> Stop {
    let host = canonical_host(admitted.host);
    if host.is_empty() {
        // HTTP/1.0 need not say whom it asks.
        return Reason::BadHost.into();
    }
    let mut location = format!("https://{host}");
    if redirect.port != 443 {
        location += &format!(":{}", redirect.port);
    }
    location += &admitted.path;
    if let Some(query) = admitted.query {
        location.push('?');
        location += query;
    }
    Stop::Moved(Box::new(Moved { status: redirect.status, location }))
}

/// Returns the client's certificate, where the route asks for one and it was judged by the rule of
/// the route.
///
/// # Errors
/// Where the route cannot be used without one, and the connection was opened under another rule, so
/// that another one may help, or in clear text, where none does.
fn client_certificate<'a>(client: &'a Client, route: &Route) -> Result<Option<&'a str>, Reason> {
    let Some(rule) = &route.client else { return Ok(None) };
    match &client.tls {
        Some(tls) if tls.is_under(rule) => Ok(tls.certificate()),
        _ if rule.is_optional => Ok(None),
        Some(_) => Err(Reason::Misdirected),
        None => Err(Reason::CertificateRequired),
    }
}

/// What a request is called.
enum RequestId<'a> {
    /// As a trusted proxy called it.
    Kept(&'a str),
    New([u8; 32]),
}

impl<'a> RequestId<'a> {
    fn of(client: &Client, parts: &'a request::Parts) -> Self {
        if client.is_trusted
            && let Some(kept) = parts.headers.get("x-request-id")
            && let Ok(kept) = kept.to_str()
        {
            return Self::Kept(kept);
        }
        Self::new(client)
    }

    fn new(client: &Client) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |four: u8| DIGITS.get(usize::from(four)).copied().unwrap_or(b'0');
        let random = client.worker.random.borrow_mut().u128(..).to_ne_bytes();
        let mut digits = [b'0'; 32];
        for (two, byte) in digits.as_chunks_mut().0.iter_mut().zip(random) {
            *two = [digit(byte & 15), digit(byte >> 4)];
        }
        Self::New(digits)
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Kept(kept) => kept,
            Self::New(digits) => std::str::from_utf8(digits).unwrap_or_default(),
        }
    }
}

fn log_as(
    record: &mut Record,
    parts: &request::Parts,
    client: IpAddr,
    request_id: &str,
    is_logged: bool,
) {
    if !is_logged {
        return;
    }
    let host =
        parts.uri.authority().map(http::uri::Authority::as_str).or_else(|| {
            parts.headers.get(http::header::HOST).and_then(|value| value.to_str().ok())
        });
    record.logged = Some(Box::new(Logged {
        client,
        host: host.unwrap_or_default().into(),
        path: parts.uri.path().into(),
        request_id: request_id.into(),
        target: Target::default(),
        attempts: 0,
    }));
}
