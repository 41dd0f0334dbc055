//! Reads everything that was counted into the families of the catalog.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::catalog::{self as names, Family, catalog};
use super::endpoint::EndpointSeries;
use super::label::{
    CodeClass, Flood, HandshakeResult, MethodLabel, ProbeResult, Protocol, ReconcileResult,
    RetryOutcome, WriteResult,
};
use super::process::Process;
use super::reason::Reason;
use super::registry::Metrics;
use super::samples::Samples;
use super::shard::{Distribution, seconds};

/// Scrape collects everything at the moment it is asked.
pub(super) struct Scrape {
    metrics: Weak<Metrics>,
    descs: Vec<Desc>,
}

impl Scrape {
    /// Prepares to collect.
    ///
    /// # Errors
    /// Where a family of the catalog has a name that Prometheus does not allow.
    pub(super) fn new(metrics: Weak<Metrics>) -> prometheus::Result<Self> {
        let desc = |family: &Family| {
            let labels = family.labels.iter().map(ToString::to_string).collect();
            Desc::new(
                family.name.into(),
                family.help.into(),
                labels,
                std::collections::HashMap::new(),
            )
        };
        Ok(Self { metrics, descs: catalog().iter().map(desc).collect::<Result<_, _>>()? })
    }
}

impl Collector for Scrape {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(metrics) = self.metrics.upgrade() else { return Vec::new() };
        let mut families = Vec::with_capacity(self.descs.len());
        routes(&metrics, &mut families);
        listeners(&metrics, &mut families);
        pools(&metrics, &mut families);
        pool_health(&metrics, &mut families);
        backends(&metrics, &mut families);
        let series = metrics.living_endpoints();
        endpoints(&series, &mut families);
        standings(&series, &mut families);
        source(&metrics, &mut families);
        reconcile(&metrics, &mut families);
        rest(&metrics, &mut families);
        process(&mut families);
        families
    }
}

fn routes(metrics: &Metrics, families: &mut Vec<MetricFamily>) {
    let mut requests = Samples::new(&names::REQUESTS);
    let mut durations = Samples::new(&names::REQUEST_SECONDS);
    let mut received = Samples::new(&names::RECEIVED_BYTES);
    let mut sent = Samples::new(&names::SENT_BYTES);
    for stats in metrics.living_routes() {
        let (pool, route) = (&*stats.labels().pool, &*stats.labels().route);
        for method in MethodLabel::ALL {
            for code in CodeClass::ALL {
                let labels = [pool, route, method.as_str(), code.as_str()];
                requests.counted(&labels, stats.requests(*method, *code));
            }
        }
        let totals = stats.totals();
        durations.histogram(&[pool, route], &stats.durations());
        received.counted(&[pool, route], totals.received_bytes);
        sent.count(&[pool, route], totals.sent_bytes);
    }
    families.extend([requests, durations, received, sent].map(Samples::finish));
}

fn listeners(metrics: &Metrics, families: &mut Vec<MetricFamily>) {
    let mut accepted = Samples::new(&names::CONNECTIONS);
    let mut open = Samples::new(&names::ACTIVE_CONNECTIONS);
    let mut accept_errors = Samples::new(&names::ACCEPT_ERRORS);
    let mut refused_connections = Samples::new(&names::REFUSED_CONNECTIONS);
    let mut protocols = Samples::new(&names::PROTOCOL_REQUESTS);
    let mut refused = Samples::new(&names::REFUSED);
    let mut protocol_errors = Samples::new(&names::PROTOCOL_ERRORS);
    let mut floods = Samples::new(&names::FLOODS);
    let mut handshakes = Samples::new(&names::HANDSHAKES);
    for stats in metrics.all_listeners() {
        let name = stats.name();
        let totals = stats.totals();
        accepted.count(&[name], totals.accepted);
        open.count(&[name], totals.open);
        accept_errors.counted(&[name], stats.accept_errors());
        protocol_errors.counted(&[name], stats.protocol_errors());
        refused_connections.counted(&[name], stats.refused_connections());
        for protocol in Protocol::ALL {
            protocols.counted(&[name, protocol.as_str()], stats.requests(*protocol));
        }
        for reason in Reason::ALL {
            refused.counted(&[name, reason.as_str()], stats.refusals(*reason));
        }
        for cause in Flood::ALL {
            floods.counted(&[name, cause.as_str()], stats.floods(*cause));
        }
        for result in HandshakeResult::ALL {
            handshakes.counted(&[name, result.as_str()], stats.handshakes(*result));
        }
    }
    families.extend(
        [
            accepted,
            open,
            accept_errors,
            refused_connections,
            protocols,
            refused,
            protocol_errors,
            floods,
            handshakes,
        ]
        .map(Samples::finish),
    );
}

fn pools(metrics: &Metrics, families: &mut Vec<MetricFamily>) {
    let mut active = Samples::new(&names::ACTIVE_REQUESTS);
    let mut pending = Samples::new(&names::PENDING_REQUESTS);
    let mut retries = Samples::new(&names::RETRIES);
    let mut exhausted = Samples::new(&names::BUDGET_EXHAUSTED);
    let mut dropped = Samples::new(&names::DROPPED);
    for stats in metrics.living_pools() {
        let pool = &**stats.pool();
        let totals = stats.totals();
        active.count(&[pool], totals.in_flight);
        pending.count(&[pool], totals.pending);
        for outcome in RetryOutcome::ALL {
            retries.counted(&[pool, outcome.as_str()], stats.retries(*outcome));
        }
        exhausted.counted(&[pool], stats.budget_exhausted());
        for reason in Reason::ALL {
            dropped.counted(&[pool, reason.as_str()], stats.drops(*reason));
        }
    }
    families.extend([active, pending, retries, exhausted, dropped].map(Samples::finish));
}

fn backends(metrics: &Metrics, families: &mut Vec<MetricFamily>) {
    let mut requests = Samples::new(&names::BACKEND_REQUESTS);
    let mut first_byte = Samples::new(&names::FIRST_BYTE_SECONDS);
    for stats in metrics.living_backends() {
        let [pool, backend] = stats.labels();
        for code in CodeClass::ALL {
            requests.counted(&[pool, backend, code.as_str()], stats.tries(*code));
        }
        first_byte.histogram(&[pool, backend], &stats.first_bytes());
    }
    families.extend([requests, first_byte].map(Samples::finish));
}

fn pool_health(metrics: &Metrics, families: &mut Vec<MetricFamily>) {
    let mut endpoints = Samples::new(&names::ENDPOINTS);
    let mut states = Samples::new(&names::ENDPOINT_STATES);
    let mut panic = Samples::new(&names::PANIC);
    let mut tier = Samples::new(&names::TIER);
    let mut ejections = Samples::new(&names::EJECTIONS);
    let mut probes = Samples::new(&names::HEALTH_PROBES);
    let mut transitions = Samples::new(&names::HEALTH_TRANSITIONS);
    for stats in metrics.living_pools() {
        let pool = &**stats.pool();
        let totals = stats.totals();
        let counts = totals.endpoints;
        endpoints.count(&[pool], counts.total.into());
        for (state, count) in [
            ("ready", counts.ready),
            ("unhealthy", counts.unhealthy),
            ("ejected", counts.ejected),
            ("warming", counts.warming),
            ("terminating", counts.terminating),
        ] {
            states.count(&[pool, state], count.into());
        }
        panic.count(&[pool], totals.panic.into());
        tier.count(&[pool], totals.tier.into());
        ejections.counted(&[pool], totals.ejections);
        for result in ProbeResult::ALL {
            probes.counted(&[pool, result.as_str()], stats.probes(*result));
        }
        let (healthy, unhealthy) = stats.health_changes();
        transitions.counted(&[pool, "healthy"], healthy);
        transitions.counted(&[pool, "unhealthy"], unhealthy);
    }
    families.extend(
        [endpoints, states, panic, tier, ejections, probes, transitions].map(Samples::finish),
    );
}

fn endpoints(all: &[Arc<EndpointSeries>], families: &mut Vec<MetricFamily>) {
    let mut requests = Samples::new(&names::ENDPOINT_REQUESTS);
    let mut failures = Samples::new(&names::ENDPOINT_FAILURES);
    let mut opened = Samples::new(&names::ENDPOINT_CONNECTIONS);
    let mut open = Samples::new(&names::ENDPOINT_ACTIVE_CONNECTIONS);
    let mut connecting = Samples::new(&names::ENDPOINT_CONNECT_SECONDS);
    let mut floods = Samples::new(&names::ENDPOINT_FLOODS);
    for series in all {
        let labels = [&*series.pool, &*series.endpoint];
        let [pool, endpoint] = labels;
        for code in CodeClass::ALL {
            requests.counted(&[pool, endpoint, code.as_str()], series.answers(*code));
        }
        for reason in Reason::ALL {
            failures.counted(&[pool, endpoint, reason.as_str()], series.failures(*reason));
        }
        for cause in Flood::ALL {
            floods.counted(&[pool, endpoint, cause.as_str()], series.floods(*cause));
        }
        opened.count(&labels, series.opened());
        open.count(&labels, series.open());
        connecting.value(&labels, seconds(series.connect_nanos()));
    }
    families.extend([requests, failures, opened, open, connecting, floods].map(Samples::finish));
}

/// How endpoints stand now: only those that have series of their own.
fn standings(all: &[Arc<EndpointSeries>], families: &mut Vec<MetricFamily>) {
    let mut healthy = Samples::new(&names::ENDPOINT_HEALTHY);
    let mut ejected = Samples::new(&names::ENDPOINT_EJECTED);
    let mut ejections = Samples::new(&names::ENDPOINT_EJECTIONS);
    let mut share = Samples::new(&names::ENDPOINT_SHARE);
    let mut about = Samples::new(&names::ENDPOINT_INFO);
    for series in all {
        let labels = [&*series.pool, &*series.endpoint];
        ejections.counted(&labels, series.ejections());
        let Some(standing) = &series.standing else { continue };
        healthy.count(&labels, standing.is_healthy().into());
        ejected.count(&labels, standing.is_ejected().into());
        share.value(&labels, standing.share());
        if let Some(place) = &*standing.place.lock() {
            let [pool, endpoint] = labels;
            about.count(&[pool, endpoint, &place.backend, &place.zone, &place.region], 1);
        }
    }
    families.extend([healthy, ejected, ejections, share, about].map(Samples::finish));
}

fn source(metrics: &Metrics, families: &mut Vec<MetricFamily>) {
    let control = metrics.control();
    let mut relists = Samples::new(&names::SOURCE_RELISTS);
    let mut errors = Samples::new(&names::SOURCE_ERRORS);
    let mut objects = Samples::new(&names::OBJECTS);
    for (kind, counts) in control.kinds.lock().iter() {
        relists.count(&[kind], counts.relists);
        errors.count(&[kind], counts.errors);
        if let Some((accepted, refused)) = counts.objects {
            objects.count(&[kind, "true"], accepted);
            objects.count(&[kind, "false"], refused);
        }
    }
    let mut problems = Samples::new(&names::INGRESS_PROBLEMS);
    for (reason, count) in control.ingress_problems.lock().iter() {
        problems.count(&[reason], *count);
    }
    families.extend([relists, errors, objects, problems].map(Samples::finish));
    families.extend([
        Samples::one(&names::SOURCE_SYNCED, control.synced.load(Relaxed).into()),
        Samples::one(&names::SOURCE_CONNECTED, control.connected.load(Relaxed).into()),
        Samples::one(&names::SOURCE_DISCONNECTS, control.disconnects.value()),
    ]);
}

fn reconcile(metrics: &Metrics, families: &mut Vec<MetricFamily>) {
    let control = metrics.control();
    let mut turns = Samples::new(&names::RECONCILES);
    for result in ReconcileResult::ALL {
        turns.count(&[result.as_str()], control.reconciles.value(result.index()));
    }
    let mut writes = Samples::new(&names::STATUS_WRITES);
    for result in WriteResult::ALL {
        writes.count(&[result.as_str()], control.writes.value(result.index()));
    }
    let mut durations = Samples::new(&names::RECONCILE_SECONDS);
    durations.histogram(&[], &Distribution::of([&control.reconcile_durations].into_iter()));
    let mut probes = Samples::new(&names::HEALTH_PROBE_SECONDS);
    probes.histogram(&[], &Distribution::of([&control.probe_durations].into_iter()));
    families.extend([turns, writes, durations, probes].map(Samples::finish));
    families.extend([
        Samples::one(&names::RECONCILE_PENDING, control.pending_changes.load(Relaxed)),
        Samples::one(&names::RECONCILE_SUCCESS, control.last_success.load(Relaxed)),
        Samples::one(&names::GENERATION, control.generation.load(Relaxed)),
        Samples::one(&names::LEADER, control.leader.load(Relaxed).into()),
    ]);
}

fn rest(metrics: &Metrics, families: &mut Vec<MetricFamily>) {
    let control = metrics.control();
    let mut certificates = Samples::new(&names::CERTIFICATE_EXPIRY);
    for certificate in control.certificates.lock().iter() {
        certificates.value(&[&certificate.certificate], certificate.not_after as f64);
    }
    let mut build = Samples::new(&names::BUILD);
    build.count(&[env!("CARGO_PKG_VERSION")], 1);
    families.extend([certificates, build].map(Samples::finish));
    families.extend([
        Samples::one(&names::CERTIFICATES_KEPT, control.kept_certificates.load(Relaxed)),
        Samples::one(&names::MEMORY_LIMIT, control.memory_limit.load(Relaxed)),
        Samples::one(&names::MEMORY_USED, control.memory_used.load(Relaxed)),
        Samples::one(&names::PANICS, control.panics.value()),
        Samples::one(&names::ACCESS_LOG_DROPPED, control.access_log_dropped.value()),
        Samples::one(&names::EVENTS_DROPPED, control.events_dropped.value()),
        Samples::one(&names::FOLDED, metrics.folded()),
        Samples::one(&names::WORKERS, metrics.workers() as u64),
    ]);
}

fn process(families: &mut Vec<MetricFamily>) {
    let process = Process::read();
    for (family, value) in [
        (&names::PROCESS_CPU, process.cpu_seconds),
        (&names::PROCESS_RSS, process.resident_bytes),
        (&names::PROCESS_VIRTUAL, process.virtual_bytes),
        (&names::PROCESS_FDS, process.open_fds),
        (&names::PROCESS_MAX_FDS, process.max_fds),
        (&names::PROCESS_THREADS, process.threads),
        (&names::PROCESS_START, process.start_seconds),
    ] {
        let mut samples = Samples::new(family);
        if let Some(value) = value {
            samples.value(&[], value);
        }
        families.push(samples.finish());
    }
}
