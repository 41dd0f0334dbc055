//! Why a request goes where it goes: the same `find` and `pick` as production, with their traces.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::Serialize;

use super::text::printable;
use crate::metrics::Reason;
use crate::model::{Algorithm, path};
use crate::table::{NoRoute, RequestHead, Route, RouteTrace, Table, canonical_host};
use crate::upstream::balance::{Counts, NoEndpoint, PickTrace, RequestFacts, Tried, pick};
use crate::upstream::{GeoIp, Millis, Pool};

/// ExplainQuery is a request that is not made, only thought through.
#[derive(Clone, Debug)]
pub struct ExplainQuery {
    /// Method.
    pub method: String,
    /// `https://shop.example.com/cart?a=b`; without a scheme, http.
    pub url: String,
    /// Headers as `name: value`.
    pub headers: Vec<String>,
    /// Address of the client.
    pub client: IpAddr,
}

/// ExplainError says what is wrong with the question.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// The method is no token.
    #[error("{0:?} is not a method: use one as in GET")]
    Method(String),
    /// The URL cannot be read.
    #[error("{0:?} is not a URL: use one as in https://shop.example.com/cart")]
    Url(String),
    /// A header cannot be read.
    #[error("{0:?} is not a header: use one as in 'x-plan: gold'")]
    Header(String),
}

/// Explanation is the whole account of one request. Its `Display` is for people.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// Method.
    pub method: String,
    /// Listener that takes it: `http` or `https`.
    pub listener: &'static str,
    /// Host as it was asked for.
    pub host: Option<String>,
    /// Path in its normal form, which is what routes see and endpoints get.
    pub path: String,
    /// Query, without the question mark.
    pub query: Option<String>,
    /// Address of the client.
    pub client: IpAddr,
    /// Certificates that serve the host, as `namespace/name`; for https only.
    pub certificates: Vec<Arc<str>>,
    /// Every route that was a candidate.
    pub routes: RouteTrace,
    /// The route that takes it.
    pub route: Option<ChosenRoute>,
    /// What the pool does with it.
    pub pool: Option<ChosenPool>,
    /// Why it gets no endpoint's answer.
    pub refused: Option<Refused>,
}

/// ChosenRoute is the route that takes the request.
#[derive(Debug, Serialize)]
pub struct ChosenRoute {
    /// Object that declares it, as `namespace/name`.
    pub object: String,
    /// Its name, or its position in the object.
    pub name: Arc<str>,
    /// Milliseconds for the whole request. Nothing is no limit.
    pub request_timeout_millis: Option<u128>,
    /// Milliseconds for one try. Nothing is no limit.
    pub backend_request_timeout_millis: Option<u128>,
}

/// ChosenPool is what the pool does with the request.
#[derive(Debug, Serialize)]
pub struct ChosenPool {
    /// Name, as `namespace/name`.
    pub name: String,
    /// How it chooses.
    pub algorithm: Algorithm,
    /// How its endpoints are.
    pub counts: Counts,
    /// Endpoint that would get the request now.
    pub endpoint: Option<SocketAddr>,
    /// How that came about.
    pub choice: PickTrace,
}

/// Refused is why the client gets an answer of Weir's own.
#[derive(Debug, Serialize)]
pub struct Refused {
    /// Text of the reason, as in the header, the log and the metrics.
    pub reason: &'static str,
    /// Status that the client gets.
    pub status: u16,
    /// The reason in a sentence.
    pub meaning: &'static str,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { reason: reason.as_str(), status: reason.status(), meaning: reason.meaning() }
    }
}

/// Thinks a request through with one table. Nothing is sent, counted or moved.
///
/// # Errors
/// Where the question cannot be read.
pub fn explain(
    table: &Table,
    query: &ExplainQuery,
    geo: Option<&GeoIp>,
    now: Millis,
) -> Result<Explanation, ExplainError> {
    let method = http::Method::from_bytes(query.method.as_bytes())
        .map_err(|_| ExplainError::Method(printable(&query.method)))?;
    let uri = parse_url(&query.url)?;
    let headers = parse_headers(&query.headers)?;
    let listener = if uri.scheme_str() == Some("https") { "https" } else { "http" };
    let host_header = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = host_header.or_else(|| uri.authority().map(http::uri::Authority::as_str));
    let mut explanation = Explanation {
        method: method.to_string(),
        listener,
        host: host.map(printable),
        path: uri.path().to_owned(),
        query: uri.query().map(str::to_owned),
        client: query.client,
        certificates: certificates(table, listener, host),
        routes: RouteTrace::default(),
        route: None,
        pool: None,
        refused: None,
    };
    let Ok(path) = path::normalise(uri.path()) else {
        explanation.refused = Some(Reason::BadPath.into());
        return Ok(explanation);
    };
    explanation.path = path.to_string();
    let head =
        RequestHead { host, path: &path, query: uri.query(), method: &method, headers: &headers };
    match table.find(&head, Some(&mut explanation.routes)) {
        Err(no_route) => explanation.refused = Some(NoRoute::reason(no_route).into()),
        Ok(route) => {
            explanation.route = Some(chosen_route(route));
            if route.is_held {
                explanation.refused = Some(Reason::RouteInvalid.into());
                return Ok(explanation);
            }
            let facts = RequestFacts {
                client: query.client,
                path: &path,
                query: uri.query(),
                headers: &headers,
                geo,
            };
            if let Some(pool) = table.pool(route) {
                choose(pool, &facts, now, &mut explanation);
            }
        }
    }
    Ok(explanation)
}

fn choose(pool: &Pool, facts: &RequestFacts<'_>, now: Millis, explanation: &mut Explanation) {
    let mut choice = PickTrace::default();
    let mut random = fastrand::Rng::new();
    let picked = pick(pool, facts, &Tried::default(), now, &mut random, Some(&mut choice));
    let endpoint = picked.and_then(|pick| {
        let member = pool.endpoint(pick.index).ok_or(NoEndpoint::Unavailable)?;
        Ok(member.state.address())
    });
    explanation.refused = match &endpoint {
        Ok(_) => None,
        Err(NoEndpoint::Unavailable) => Some(Reason::NoEndpoint.into()),
        Err(NoEndpoint::Full) => Some(Reason::EndpointFull.into()),
    };
    explanation.pool = Some(ChosenPool {
        name: pool.model.name.to_string(),
        algorithm: pool.model.algorithm,
        counts: pool.selection().counts(),
        endpoint: endpoint.ok(),
        choice,
    });
}

fn chosen_route(route: &Route) -> ChosenRoute {
    ChosenRoute {
        object: route.id.object.to_string(),
        name: Arc::clone(&route.id.name),
        request_timeout_millis: route.request_timeout.map(|it| it.as_millis()),
        backend_request_timeout_millis: route.backend_request_timeout.map(|it| it.as_millis()),
    }
}

fn certificates(table: &Table, listener: &str, host: Option<&str>) -> Vec<Arc<str>> {
    if listener != "https" {
        return Vec::new();
    }
    let host = host.map(canonical_host).unwrap_or_default();
    let serves = |name: &crate::model::Hostname| match name.wildcard_suffix() {
        // A wildcard stands for one label. Source: RFC 6125 §6.4.3.
        Some(suffix) => {
            host.strip_suffix(suffix).is_some_and(|label| !label.is_empty() && !label.contains('.'))
        }
        None => name.as_str() == host,
    };
    let all = table.certificates().iter();
    let fitting = all.filter(|certificate| certificate.names.iter().any(serves));
    fitting.map(|certificate| Arc::clone(&certificate.origin)).collect()
}

fn parse_url(text: &str) -> Result<http::Uri, ExplainError> {
    let invalid = || ExplainError::Url(printable(text));
    let with_scheme = if text.contains("://") || text.starts_with('/') {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    // What follows `#` is never sent. Source: RFC 9110 §7.1.
    let sent = with_scheme.split('#').next().unwrap_or_default();
    let uri: http::Uri = sent.parse().map_err(|_| invalid())?;
    let is_known = matches!(uri.scheme_str(), None | Some("http" | "https"));
    if is_known { Ok(uri) } else { Err(invalid()) }
}

fn parse_headers(lines: &[String]) -> Result<http::HeaderMap, ExplainError> {
    let mut headers = http::HeaderMap::new();
    for line in lines {
        let invalid = || ExplainError::Header(printable(line));
        let (name, value) = line.split_once(':').ok_or_else(invalid)?;
        let name = http::HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| invalid())?;
        let value = http::HeaderValue::from_str(value.trim()).map_err(|_| invalid())?;
        headers.append(name, value);
    }
    Ok(headers)
}
