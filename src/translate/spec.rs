//! The spec of a pool without its backends and routes.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;

use super::access::access;
use super::problems::Problems;
use super::session::persistence;
use super::{backend_tls, settings};
use crate::api::DurationString;
use crate::api::backend_pool as api;
use crate::model::{
    Algorithm, ClientRegions, Coordinates, EndpointLimits, HashKey, HeaderName, HealthCheck,
    Limits, LocalityPreference, Outlier, Pool, PoolName, Probe, Protocol, ProxyProtocol, RateKey,
    RateLimit, Region, RegionName, Retry, RetryCondition,
};

/// Shortest time between two checks of an endpoint.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);
/// Longest slow start.
const MOST_SLOW_START: Duration = Duration::from_secs(3600);

/// Translates the settings of a pool; nothing where one of them is invalid.
pub(super) fn translate(
    spec: &api::BackendPoolSpec,
    name: &PoolName,
    problems: &mut Problems,
) -> Option<Pool> {
    let balancing = &spec.load_balancing;
    let timeouts = spec.timeouts.as_ref();
    let defaults = Pool::new(name.clone());
    let mut timeout = |field: &str, value: Option<&DurationString>, default: Duration| match value {
        None => Some(default),
        Some(value) => problems.take(&format!("spec.timeouts.{field}"), value.parse()),
    };
    let no_idle = defaults.idle_timeout.unwrap_or_default();
    let connect =
        timeout("connect", timeouts.and_then(|t| t.connect.as_ref()), defaults.connect_timeout);
    let idle = timeout("idle", timeouts.and_then(|t| t.idle.as_ref()), no_idle);
    let keep_alive =
        timeout("keepAlive", timeouts.and_then(|t| t.keep_alive.as_ref()), defaults.keep_alive);
    let connect = connect.and_then(|time| above_zero("spec.timeouts.connect", time, problems));
    let hash_on = hash_keys(balancing, problems);
    let slow_start = slow_start(balancing, problems);
    let locality = balancing.locality.as_ref().map(|spec| locality(spec, problems));
    let persistence =
        spec.session_persistence.as_ref().map(|spec| persistence(spec, name, problems));
    let health_check = spec.health_check.as_ref().map(|spec| health_check(spec, problems));
    let outlier = spec.outlier_detection.as_ref().map(|spec| outlier(spec, problems));
    let retry = spec.retry.as_ref().map(|spec| retry(spec, problems));
    let limits = limits(&spec.limits.clone().unwrap_or_default(), &defaults, problems);
    let rate_limit = spec.rate_limit.as_ref().map(|spec| rate_limit(spec, problems));
    let access = spec.access.as_ref().map(|spec| access(spec, problems));
    backend_tls::check(spec, problems);
    settings::check(spec, problems);
    Some(Pool {
        algorithm: algorithm(balancing.algorithm),
        hash_on: hash_on?,
        slow_start: slow_start?,
        locality: every(locality)?,
        persistence: every(persistence)?,
        health_check: every(health_check)?,
        outlier: every(outlier)?,
        panic_threshold: percent(spec.panic_threshold.unwrap_or(0)),
        retry: every(retry)?,
        connect_timeout: connect?,
        idle_timeout: idle.map(|time| (!time.is_zero()).then_some(time))?,
        keep_alive: keep_alive?,
        limits: limits?,
        rate_limit: every(rate_limit)?,
        access: every(access)?,
        proxy_protocol: spec.proxy_protocol.as_ref().map(|spec| match spec.version {
            api::ProxyProtocolVersion::V1 => ProxyProtocol::V1,
            api::ProxyProtocolVersion::V2 => ProxyProtocol::V2,
        }),
        protocol: spec.backend_protocol.map(|protocol| match protocol {
            api::BackendProtocol::Http1 => Protocol::Http1,
            api::BackendProtocol::Http2 => Protocol::Http2,
        }),
        ..defaults
    })
}

/// Turns "declared, but perhaps invalid" into "valid, if declared".
#[expect(clippy::option_option, reason = "absent and invalid are two things")]
fn every<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        Some(value) => Some(value),
    }
}

/// Returns a time that must be one, or notes that it is none.
fn above_zero(field: &str, time: Duration, problems: &mut Problems) -> Option<Duration> {
    if time.is_zero() {
        problems.spec(field, "must be above 0s: write for instance 1s, or leave it out");
        return None;
    }
    Some(time)
}

fn percent(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 100)).unwrap_or(100)
}

fn number(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

fn algorithm(algorithm: api::Algorithm) -> Algorithm {
    match algorithm {
        api::Algorithm::RoundRobin => Algorithm::RoundRobin,
        api::Algorithm::LeastRequest => Algorithm::LeastRequest,
        api::Algorithm::PeakEwma => Algorithm::PeakEwma,
        api::Algorithm::Random => Algorithm::Random,
        api::Algorithm::RingHash => Algorithm::RingHash,
        api::Algorithm::Maglev => Algorithm::Maglev,
    }
}

fn hash_keys(spec: &api::LoadBalancing, problems: &mut Problems) -> Option<Vec<HashKey>> {
    spec.hash_on
        .iter()
        .flatten()
        .enumerate()
        .map(|(index, key)| {
            let field = format!("spec.loadBalancing.hashOn[{index}]");
            if let Some(first) = spec.hash_on.iter().flatten().take(index).position(is_always_there)
            {
                let what =
                    format_args!("is never used: every request has what hashOn[{first}] says");
                problems.spec(&field, format_args!("{what}; put that key last"));
                return None;
            }
            if let Some(name) = &key.header {
                return problems.take(&field, HeaderName::parse(name)).map(HashKey::Header);
            }
            let text = |text: &String| text.as_str().into();
            let cookie = key.cookie.as_ref().map(text).map(HashKey::Cookie);
            let query = key.query_param.as_ref().map(text).map(HashKey::QueryParam);
            let client = key.client_address.unwrap_or(false).then_some(HashKey::ClientAddress);
            let path = key.path.unwrap_or(false).then_some(HashKey::Path);
            let found = cookie.or(query).or(client).or(path);
            if found.is_none() {
                problems
                    .spec(&field, "says nothing to hash: use for instance {clientAddress: true}");
            }
            found
        })
        .collect()
}

/// Returns whether every request has what a key says, so that no key after it is asked.
fn is_always_there(key: &api::HashKey) -> bool {
    key.client_address == Some(true) || key.path == Some(true)
}

#[expect(clippy::option_option, reason = "invalid, and absent")]
fn slow_start(spec: &api::LoadBalancing, problems: &mut Problems) -> Option<Option<Duration>> {
    let Some(spec) = &spec.slow_start else { return Some(None) };
    let field = "spec.loadBalancing.slowStart.window";
    let window = problems.take(field, spec.window.parse())?;
    if window > MOST_SLOW_START {
        problems.spec(field, "is longer than 1h");
        return None;
    }
    above_zero(field, window, problems).map(Some)
}

fn locality(spec: &api::Locality, problems: &mut Problems) -> Option<LocalityPreference> {
    match spec.prefer {
        api::LocalityPreference::Zone => return Some(LocalityPreference::Zone),
        api::LocalityPreference::Region => return Some(LocalityPreference::Region),
        api::LocalityPreference::ClientRegion => {}
    }
    let (mut regions, mut clients, before) = (Vec::new(), Vec::new(), problems.spec.len());
    let mut owners: BTreeMap<IpNet, usize> = BTreeMap::new();
    for (index, region) in spec.regions.iter().flatten().enumerate() {
        let field = format!("spec.loadBalancing.locality.regions[{index}]");
        let position = u16::try_from(index).unwrap_or(u16::MAX);
        for (nth, text) in region.clients.iter().flatten().enumerate() {
            let field = format!("{field}.clients[{nth}]");
            let Ok(network) = text.parse::<IpNet>() else {
                let what = "is not a network: write for instance 192.0.2.0/24";
                problems.spec(&field, format_args!("{text:?} {what}"));
                continue;
            };
            let owner = *owners.entry(network.trunc()).or_insert(index);
            if owner == index {
                clients.push((network, position));
            } else {
                let what = format_args!(
                    "{text} belongs to regions[{owner}] already: leave it out of one of them"
                );
                problems.spec(&field, what);
            }
        }
        let api::Location { latitude, longitude } = region.location;
        regions.push(Region {
            name: RegionName(region.name.as_str().into()),
            location: Coordinates { latitude, longitude },
        });
    }
    (problems.spec.len() == before)
        .then(|| LocalityPreference::ClientRegion { regions, clients: ClientRegions::new(clients) })
}

fn health_check(spec: &api::HealthCheck, problems: &mut Problems) -> Option<HealthCheck> {
    let field = "spec.healthCheck";
    let interval = problems.take(&format!("{field}.interval"), spec.interval.parse());
    let timeout = problems.take(&format!("{field}.timeout"), spec.timeout.parse());
    let (interval, timeout) = (interval?, timeout?);
    if interval < LEAST_INTERVAL {
        problems.spec(&format!("{field}.interval"), "is shorter than 100ms");
        return None;
    }
    if timeout.is_zero() || timeout > interval {
        let why = "must be above 0 and not above the interval";
        problems.spec(&format!("{field}.timeout"), why);
        return None;
    }
    let probe = match (&spec.http, &spec.tcp, &spec.grpc) {
        (Some(http), None, None) => Probe::Http {
            path: http.path.as_str().into(),
            head: http.method == "HEAD",
            host: http.host.as_deref().map(Into::into),
            expected: expected(http),
        },
        (None, Some(_), None) => Probe::Tcp,
        (None, None, Some(grpc)) => {
            Probe::Grpc { service: grpc.service.as_deref().unwrap_or_default().into() }
        }
        _ => {
            problems.spec(field, "exactly one of http, tcp and grpc must be set");
            return None;
        }
    };
    Some(HealthCheck {
        probe,
        port: spec.port.and_then(|port| u16::try_from(port).ok()),
        interval,
        timeout,
        unhealthy_threshold: number(spec.unhealthy_threshold).max(1),
        healthy_threshold: number(spec.healthy_threshold).max(1),
    })
}

fn expected(spec: &api::HttpCheck) -> Vec<(u16, u16)> {
    let code = |code: i32| u16::try_from(code).unwrap_or(0);
    match &spec.expected_statuses {
        None => vec![(200, 399)],
        Some(ranges) => ranges.iter().map(|r| (code(r.start), code(r.end))).collect(),
    }
}

fn outlier(spec: &api::OutlierDetection, problems: &mut Problems) -> Option<Outlier> {
    let (base_field, most_field) =
        ("spec.outlierDetection.baseEjectionTime", "spec.outlierDetection.maxEjectionTime");
    let base = problems.take(base_field, spec.base_ejection_time.parse());
    let base = base.and_then(|time| above_zero(base_field, time, problems));
    let most = problems.take(most_field, spec.max_ejection_time.parse());
    if let (Some(base), Some(most)) = (base, most)
        && base > most
    {
        problems.spec(base_field, "must not be longer than maxEjectionTime");
        return None;
    }
    Some(Outlier {
        consecutive_errors: number(spec.consecutive_errors).max(1),
        base_ejection_time: base?,
        max_ejection_time: most?,
        max_ejected_percent: percent(spec.max_ejected_percent),
    })
}

fn retry(spec: &api::Retry, problems: &mut Problems) -> Option<Retry> {
    let trigger = |trigger: &api::RetryTrigger| match trigger {
        api::RetryTrigger::ConnectFailure => RetryCondition::ConnectFailure,
        api::RetryTrigger::Reset => RetryCondition::Reset,
        api::RetryTrigger::Timeout => RetryCondition::Timeout,
    };
    let mut conditions: Vec<RetryCondition> = spec.triggers.iter().map(trigger).collect();
    let before = problems.spec.len();
    for (index, code) in spec.codes.iter().enumerate() {
        match u16::try_from(*code) {
            Ok(code @ 500..=599) => conditions.push(RetryCondition::Status(code)),
            _ => problems.spec(
                &format!("spec.retry.codes[{index}]"),
                format_args!("{code} cannot be tried again: use a status code from 500 to 599"),
            ),
        }
    }
    conditions.sort();
    conditions.dedup();
    (problems.spec.len() == before).then(|| Retry {
        attempts: number(spec.attempts).clamp(1, 10),
        conditions,
        budget_percent: percent(spec.budget.percent),
    })
}

fn limits(spec: &api::Limits, defaults: &Pool, problems: &mut Problems) -> Option<Limits> {
    let queue_timeout = match &spec.queue_timeout {
        None => defaults.limits.queue_timeout,
        Some(time) => {
            let field = "spec.limits.queueTimeout";
            let time = problems.take(field, time.parse())?;
            above_zero(field, time, problems)?
        }
    };
    let endpoint = spec.per_endpoint.as_ref();
    Some(Limits {
        max_requests: spec.max_requests.map(number),
        max_connections: spec.max_connections.map(number),
        max_pending: spec.max_pending.map_or(0, number),
        queue_timeout,
        max_body_bytes: spec.max_request_body_bytes.and_then(|most| u64::try_from(most).ok()),
        per_endpoint: EndpointLimits {
            max_requests: endpoint.and_then(|e| e.max_requests).map(number),
            max_connections: endpoint.and_then(|e| e.max_connections).map(number),
        },
        // Its backends say it.
        shares_connections: false,
    })
}

fn rate_limit(spec: &api::RateLimit, problems: &mut Problems) -> Option<RateLimit> {
    let field = "spec.rateLimit.per";
    let per = problems.take(field, spec.per.parse())?;
    let per = above_zero(field, per, problems)?;
    Some(RateLimit {
        requests: number(spec.requests).max(1),
        per,
        burst: number(spec.burst.unwrap_or(spec.requests)).max(1),
        key: match spec.key {
            api::RateLimitKey::Pool => RateKey::Pool,
            api::RateLimitKey::ClientAddress => RateKey::ClientAddress,
        },
    })
}
