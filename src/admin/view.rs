//! What the page and other programs read of the table, as plain values.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde::Serialize;

use crate::metrics::{CodeClass, EndpointTotals, Metrics, RouteLabels};
use crate::model::{self, PathPattern, Readiness, RouteMatch, ValueMatch, ValuePattern};
use crate::table::Table;
use crate::upstream::balance::{Counts, EndpointTrace, PickTrace, RequestFacts, Tried, pick};
use crate::upstream::{Health, Member, Millis, Pool};

/// A pool in a list.
#[derive(Debug, Serialize)]
pub(super) struct PoolView {
    name: String,
    algorithm: model::Algorithm,
    endpoints: Counts,
    tier: u32,
    in_flight: u64,
    pending: u64,
    requests: u64,
    server_errors: u64,
    failures: u64,
    retries: u64,
    dropped: u64,
    ejections: u64,
}

/// A pool with its endpoints.
#[derive(Debug, Serialize)]
pub(super) struct PoolDetail {
    #[serde(flatten)]
    pool: PoolView,
    members: Vec<EndpointView>,
    declared: Arc<model::Pool>,
}

/// An endpoint of a pool.
#[derive(Debug, Serialize)]
struct EndpointView {
    address: SocketAddr,
    origin: Arc<str>,
    tier: u8,
    weight: u32,
    zone: Option<Arc<str>>,
    region: Option<model::RegionName>,
    state: &'static str,
    ejected_millis: u64,
    warm_percent: u8,
    /// Share of the requests that it is due, 0 to 1.
    share: f64,
    in_flight: u32,
    connections: u32,
    latency_millis: Option<f32>,
    /// Tries; nothing for an endpoint that shares its counters with others.
    requests: Option<u64>,
    server_errors: Option<u64>,
    failures: Option<u64>,
}

/// A route in a list.
#[derive(Debug, Serialize)]
pub(super) struct RouteView {
    object: String,
    name: Arc<str>,
    pool: String,
    hostnames: Vec<String>,
    matches: Vec<String>,
    request_timeout_millis: Option<u128>,
    requests: u64,
    server_errors: u64,
    received_bytes: u64,
    sent_bytes: u64,
    p50_seconds: Option<f64>,
    p99_seconds: Option<f64>,
}

/// A certificate in a list; its key is not known here.
#[derive(Debug, Serialize)]
pub(super) struct CertificateView {
    secret: Arc<str>,
    names: Vec<String>,
    is_default: bool,
    not_after: i64,
}

impl PoolView {
    pub(super) fn of(pool: &Pool) -> Self {
        let totals = pool.state.stats.totals();
        // An endpoint of two backends has one state.
        let endpoints: BTreeMap<_, _> =
            pool.endpoints.iter().map(|member| (member.state.address(), &member.state)).collect();
        let mut view = Self {
            name: pool.model.name.to_string(),
            algorithm: pool.model.algorithm,
            endpoints: pool.selection().counts(),
            tier: totals.tier,
            in_flight: endpoints.values().map(|state| u64::from(state.in_flight())).sum(),
            pending: pool.state.waiting() as u64,
            requests: 0,
            server_errors: 0,
            failures: 0,
            retries: totals.retries,
            dropped: totals.dropped,
            ejections: totals.ejections,
        };
        // Those that share counters are counted once.
        let mut has_shared = false;
        for state in endpoints.into_values() {
            if state.stats.is_folded() && std::mem::replace(&mut has_shared, true) {
                continue;
            }
            let totals = state.stats.totals();
            view.requests += totals.tries();
            view.server_errors += server_errors(&totals);
            view.failures += totals.failures;
        }
        view
    }
}

impl PoolDetail {
    pub(super) fn of(pool: &Pool, now: Millis) -> Self {
        // The shares of a request that says nothing about itself.
        let headers = http::HeaderMap::new();
        let facts = RequestFacts {
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            path: "/",
            query: None,
            headers: &headers,
            geo: None,
        };
        let mut trace = PickTrace::default();
        let mut random = fastrand::Rng::with_seed(0);
        // Only the trace matters: where no endpoint is available it says so too.
        let _ = pick(pool, &facts, &Tried::default(), now, &mut random, Some(&mut trace));
        let members = pool.endpoints.iter().enumerate();
        Self {
            pool: PoolView::of(pool),
            members: members
                .map(|(index, member)| {
                    EndpointView::of(pool, member, trace.endpoints.get(index), now)
                })
                .collect(),
            declared: Arc::clone(&pool.model),
        }
    }
}

impl EndpointView {
    fn of(pool: &Pool, member: &Member, trace: Option<&EndpointTrace>, now: Millis) -> Self {
        let (state, backend) = (&member.state, pool.backend_of(member));
        let totals = (!state.stats.is_folded()).then(|| state.stats.totals());
        Self {
            address: state.address(),
            origin: backend.map(|backend| Arc::clone(&backend.origin)).unwrap_or_default(),
            tier: backend.map_or(0, |backend| backend.tier),
            weight: backend.map_or(0, |backend| backend.weight),
            zone: member.zone.clone(),
            region: member.region.clone(),
            state: word(member, trace, now),
            ejected_millis: state.ejected_until().0.saturating_sub(now.0),
            warm_percent: trace.map_or(100, |trace| trace.warm_percent),
            share: trace.map_or(0.0, |trace| trace.share),
            in_flight: state.in_flight(),
            connections: state.connections(),
            latency_millis: state.latency_micros(now).map(|micros| micros / 1000.0),
            requests: totals.as_ref().map(EndpointTotals::tries),
            server_errors: totals.as_ref().map(server_errors),
            failures: totals.as_ref().map(|totals| totals.failures),
        }
    }
}

/// Returns the one word for an endpoint that matters most.
fn word(member: &Member, trace: Option<&EndpointTrace>, now: Millis) -> &'static str {
    if member.readiness == Readiness::Terminating {
        "terminating"
    } else if member.state.is_ejected(now) {
        "ejected"
    } else if member.state.health() == Health::Unhealthy {
        "unhealthy"
    } else if trace.is_some_and(|trace| trace.warm_percent < 100) {
        "warming"
    } else if member.state.health() == Health::Healthy {
        "healthy"
    } else {
        "unchecked"
    }
}

fn server_errors(totals: &EndpointTotals) -> u64 {
    let pairs = totals.answers.iter().zip(CodeClass::ALL);
    pairs.filter(|(_, code)| **code == CodeClass::ServerError).map(|(count, _)| count).sum()
}

impl RouteView {
    pub(super) fn of(route: &model::Route, metrics: &Metrics) -> Self {
        let labels = RouteLabels { pool: route.pool.as_str().into(), route: route.id.label() };
        let stats = metrics.known_route(&labels);
        let totals = stats.as_ref().map(|stats| stats.totals()).unwrap_or_default();
        let durations = stats.map(|stats| stats.durations()).unwrap_or_default();
        Self {
            object: route.id.object.to_string(),
            name: Arc::clone(&route.id.name),
            pool: route.pool.to_string(),
            hostnames: route.hostnames.iter().map(ToString::to_string).collect(),
            matches: route.matches.iter().map(match_text).collect(),
            request_timeout_millis: route.request_timeout.map(|limit| limit.as_millis()),
            requests: totals.requests,
            server_errors: totals.server_errors,
            received_bytes: totals.received_bytes,
            sent_bytes: totals.sent_bytes,
            p50_seconds: durations.quantile(0.5).filter(|bound| bound.is_finite()),
            p99_seconds: durations.quantile(0.99).filter(|bound| bound.is_finite()),
        }
    }
}

impl CertificateView {
    pub(super) fn all(table: &Table) -> Vec<Self> {
        let view = |certificate: &model::Certificate| Self {
            secret: Arc::clone(&certificate.origin),
            names: certificate.names.iter().map(ToString::to_string).collect(),
            is_default: certificate.is_default,
            not_after: certificate.not_after,
        };
        table.certificates().iter().map(view).collect()
    }
}

/// Says a match in words.
fn match_text(condition: &RouteMatch) -> String {
    let mut parts = vec![match &condition.path {
        PathPattern::Exact(path) => format!("exactly {path}"),
        PathPattern::Prefix(path) => path.to_string(),
        PathPattern::Regex(pattern) => format!("path ~ {}", pattern.as_str()),
    }];
    parts.extend(condition.method.iter().map(|method| format!("method {method}")));
    let headers = condition.headers.iter();
    parts.extend(headers.map(|it| value_text("header", it.name.as_str(), it)));
    parts.extend(condition.query.iter().map(|it| value_text("query", &it.name, it)));
    parts.extend(condition.cookies.iter().map(|it| value_text("cookie", &it.name, it)));
    parts.join(", ")
}

fn value_text<N>(what: &str, name: &str, condition: &ValueMatch<N>) -> String {
    match &condition.value {
        ValuePattern::Exact(value) => format!("{what} {name} = {value}"),
        ValuePattern::Regex(pattern) => format!("{what} {name} ~ {}", pattern.as_str()),
    }
}
