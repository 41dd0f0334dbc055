//! Shows what Prometheus reads: names, labels, and that a stranger cannot add a series.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test")]

#[path = "support/kept.rs"]
mod kept;
#[path = "support/promtool.rs"]
mod promtool;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use weir::metrics::{
    BackendStats, CertificateExpiry, EndpointCounts, EndpointStats, Flood, HandshakeResult, Kind,
    MethodLabel, Metrics, PoolStats, ProbeResult, Protocol, Reason, ReconcileResult, RequestSample,
    RetryOutcome, RouteLabels, RouteStats, WriteResult, catalog, reference,
};

/// What must be held for its series to stay.
type Held = (Arc<RouteStats>, Arc<PoolStats>, Arc<EndpointStats>, Arc<BackendStats>);

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn sample(method: &str, status: u16) -> RequestSample {
    RequestSample {
        method: MethodLabel::of(method),
        status,
        duration: Duration::from_millis(3),
        received_bytes: 10,
        sent_bytes: 20,
    }
}

/// Counts everything once, as a pool of this name.
fn count_all(metrics: &Arc<Metrics>, name: &str) -> Held {
    let route = metrics.route(RouteLabels { pool: name.into(), route: "0".into() });
    route.record(0, &sample("GET", 200));
    let pool = metrics.pool(name);
    pool.request_begun(0);
    pool.wait_begun(0);
    pool.retried(0, RetryOutcome::Success);
    pool.retry_budget_exhausted(0);
    pool.dropped(0, Reason::PoolFull);
    pool.ejected();
    pool.probed(ProbeResult::Timeout);
    pool.health_changed(false);
    pool.set_endpoints(EndpointCounts { total: 3, ready: 2, ..EndpointCounts::default() });
    pool.set_panic(true);
    pool.set_tier(1);
    let endpoint = metrics.endpoint(name, address(8080));
    endpoint.answered(0, 200);
    endpoint.failed(1, Reason::ConnectFailed);
    endpoint.connection_opened(0, Duration::from_millis(1));
    endpoint.ejected();
    endpoint.flood(0, Flood::Settings);
    endpoint.set_share(0.5);
    let origin = format!("{name}:80").into();
    endpoint.set_place(&origin, Some(&"a".into()), None);
    let backend = metrics.backend(pool.pool(), &origin);
    backend.answered(0, 200, Duration::from_millis(2));
    backend.failed(1);
    let listener = metrics.listener("http");
    listener.connection_accepted(0);
    listener.accept_failed(0);
    listener.handshake(0, HandshakeResult::Success);
    listener.request(0, Protocol::Http1);
    listener.refused(0, Reason::NoRoute);
    listener.protocol_error(0);
    listener.connection_refused(0);
    listener.flood(0, Flood::Ping);
    count_control(metrics);
    (route, pool, endpoint, backend)
}

fn count_control(metrics: &Metrics) {
    let control = metrics.control();
    control.set_source_synced(true);
    control.set_source_connected(true);
    control.set_source_connected(false);
    control.source_relisted("BackendPool");
    control.source_error("Service");
    control.set_objects("BackendPool", 2, 1);
    control.set_ingress_problems(["RouteConflict"].into_iter());
    control.set_pending_changes(4);
    let at = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    control.reconciled(ReconcileResult::Published, Duration::from_millis(5), at);
    control.set_generation(7);
    control.probe_took(Duration::from_millis(1));
    control.status_written(WriteResult::Conflict);
    control.set_leader(true);
    control
        .set_certificates(vec![CertificateExpiry { certificate: "shop/tls".into(), not_after: 9 }]);
    control.panicked();
    control.access_log_dropped(3);
    control.event_dropped();
}

/// Returns the value of each series.
fn series(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').expect("a series and a value"));
    pairs.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect()
}

#[track_caller]
fn assert_series(metrics: &Metrics, name: &str, value: f64) {
    let series = series(&metrics.encode());
    assert_eq!(series.get(name), Some(&value), "{name} in {series:#?}");
}

#[test]
fn reference_of_metrics_is_that_of_the_code() {
    kept::assert_kept("docs/metrics.md", &reference());
}

#[test]
fn everything_in_the_catalog_is_exposed_and_nothing_else() {
    let metrics = Metrics::new(2);
    let _held = count_all(&metrics, "shop/shop");
    let text = metrics.encode();
    let exposed: BTreeSet<String> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(Into::into).collect();
    let listed: BTreeSet<String> =
        catalog().iter().map(|f| format!("{} {}", f.name, f.kind.as_str())).collect();
    assert_eq!(exposed, listed, "exposed (left), in the catalog (right)");
    for family in catalog() {
        assert!(text.contains(&format!("# HELP {} ", family.name)), "{}", family.name);
        assert!(family.help.ends_with('.'), "{}", family.name);
        assert_eq!(
            family.kind == Kind::Counter,
            family.name.ends_with("_total"),
            "{}",
            family.name
        );
        let is_histogram = family.kind == Kind::Histogram;
        assert!(!is_histogram || family.name.ends_with("_seconds"), "{}", family.name);
    }
}

#[test]
fn values_are_what_was_counted() {
    let metrics = Metrics::new(2);
    let (route, pool, endpoint, _backend) = count_all(&metrics, "shop/shop");
    route.record(1, &sample("GET", 204));
    route.record(usize::MAX, &sample("POST", 503));
    pool.request_ended(1);
    endpoint.connection_closed(1);
    let requests = |method: &str, code: &str| {
        format!(
            "weir_downstream_requests_total{{pool=\"shop/shop\",route=\"0\",method=\"{method}\",code=\"{code}\"}}"
        )
    };
    assert_series(&metrics, &requests("GET", "2xx"), 2.0);
    assert_series(&metrics, &requests("POST", "5xx"), 1.0);
    let labels = "{pool=\"shop/shop\",route=\"0\"}";
    assert_series(&metrics, &format!("weir_downstream_sent_bytes_total{labels}"), 60.0);
    assert_series(&metrics, &format!("weir_downstream_request_seconds_count{labels}"), 3.0);
    assert_series(&metrics, "weir_upstream_active_requests{pool=\"shop/shop\"}", 0.0);
    assert_series(&metrics, "weir_upstream_panic{pool=\"shop/shop\"}", 1.0);
    assert_series(&metrics, "weir_reconcile_last_success_timestamp_seconds", 1.8e9);
    assert_series(&metrics, "weir_source_disconnects_total", 1.0);
    assert_series(&metrics, "weir_reconcile_objects{kind=\"BackendPool\",accepted=\"false\"}", 1.0);
    assert_series(&metrics, "weir_reconcile_ingress_problems{reason=\"RouteConflict\"}", 1.0);
    let bucket = "weir_downstream_request_seconds_bucket{pool=\"shop/shop\",route=\"0\",le=";
    assert_series(&metrics, &format!("{bucket}\"0.0025\"}}"), 0.0);
    assert_series(&metrics, &format!("{bucket}\"0.005\"}}"), 3.0);
    assert_series(&metrics, &format!("{bucket}\"+Inf\"}}"), 3.0);
    let totals = route.totals();
    assert_eq!((totals.requests, totals.server_errors, totals.received_bytes), (3, 1, 30));
    assert_eq!((endpoint.totals().tries(), endpoint.totals().connections), (2, 0));
    let of_backend = "{pool=\"shop/shop\",backend=\"shop/shop:80\"";
    let tries =
        |code| format!("weir_upstream_backend_requests_total{of_backend},code=\"{code}\"}}");
    assert_series(&metrics, &tries("2xx"), 1.0);
    assert_series(&metrics, &tries("none"), 1.0);
    assert_series(&metrics, &format!("weir_upstream_first_byte_seconds_count{of_backend}}}"), 1.0);
    let of_endpoint = "{pool=\"shop/shop\",endpoint=\"127.0.0.1:8080\"";
    let stands = |family, value| {
        let name = format!("weir_upstream_endpoint_{family}{of_endpoint}}}");
        assert_series(&metrics, &name, value);
    };
    stands("healthy", 1.0);
    stands("ejected", 1.0);
    stands("ejections_total", 1.0);
    stands("share_ratio", 0.5);
    let place = ",backend=\"shop/shop:80\",zone=\"a\",region=\"\"}";
    assert_series(&metrics, &format!("weir_upstream_endpoint_info{of_endpoint}{place}"), 1.0);
    endpoint.set_healthy(false);
    endpoint.returned();
    stands("healthy", 0.0);
    stands("ejected", 0.0);
    stands("ejections_total", 1.0);
}

#[test]
fn strangers_add_no_series() {
    let metrics = Metrics::new(2);
    let (route, pool, endpoint, backend) = count_all(&metrics, "shop/shop");
    // The first of each class may add one; the classes are few.
    for (worker, method) in ["GET", "BREW"].iter().enumerate() {
        for status in 0..=999 {
            route.record(worker, &sample(method, status));
            endpoint.answered(worker, status);
            backend.answered(worker, status, Duration::from_millis(1));
        }
    }
    let before = series(&metrics.encode()).len();
    let mut random = fastrand::Rng::with_seed(1);
    let mut text = |len: usize| -> String { (0..len).map(|_| random.char(..)).collect() };
    for number in 0_u16..2_000 {
        route.record(usize::from(number), &sample(&text(12), number));
        endpoint.answered(usize::from(number), number);
        backend.answered(usize::from(number), number, Duration::from_micros(number.into()));
        metrics.listener("http").refused(usize::from(number), Reason::NoRoute);
        pool.dropped(usize::from(number), Reason::PoolFull);
    }
    assert_eq!(series(&metrics.encode()).len(), before);
}

#[test]
fn series_end_with_their_objects() {
    let metrics = Metrics::new(1);
    let empty = series(&metrics.encode()).len();
    let held = (
        metrics.route(RouteLabels { pool: "a/b".into(), route: "0".into() }),
        metrics.pool("a/b"),
        metrics.endpoint("a/b", address(1)),
        metrics.backend(&"a/b".into(), &"a/b:80".into()),
    );
    held.2.set_place(&"a/b:80".into(), None, None);
    held.3.failed(0);
    held.0.record(0, &sample("GET", 200));
    assert!(series(&metrics.encode()).len() > empty);
    assert!(Arc::ptr_eq(&held.1, &metrics.pool("a/b")), "one name, one set of counters");
    drop(held);
    assert_eq!(series(&metrics.encode()).len(), empty);
}

#[test]
fn endpoints_above_the_limit_share_series_that_never_fall() {
    let metrics = Metrics::with_endpoint_limit(1, 2);
    let endpoints: Vec<_> = (1..=4).map(|port| metrics.endpoint("a/b", address(port))).collect();
    for endpoint in &endpoints {
        endpoint.answered(0, 200);
        endpoint.connection_opened(0, Duration::from_millis(1));
    }
    assert_eq!(endpoints.iter().filter(|endpoint| endpoint.is_folded()).count(), 2);
    let requests = |endpoint: &str| {
        format!(
            "weir_upstream_endpoint_requests_total{{pool=\"a/b\",endpoint=\"{endpoint}\",code=\"2xx\"}}"
        )
    };
    assert_series(&metrics, &requests("127.0.0.1:1"), 1.0);
    assert_series(&metrics, &requests("other"), 2.0);
    assert_series(&metrics, "weir_metrics_folded_endpoints_total", 2.0);
    // Those that share series count together, but do not stand anywhere together.
    for endpoint in &endpoints {
        endpoint.ejected();
        endpoint.set_healthy(false);
        endpoint.set_place(&"a/b:80".into(), None, None);
    }
    let ejections = "weir_upstream_endpoint_ejections_total{pool=\"a/b\",endpoint=\"other\"}";
    assert_series(&metrics, ejections, 2.0);
    for family in ["healthy", "ejected", "share_ratio", "info"] {
        let begin = format!("weir_upstream_endpoint_{family}{{");
        let named = |name: &String| name.starts_with(&begin);
        let series: Vec<String> = series(&metrics.encode()).into_keys().filter(named).collect();
        assert_eq!(series.len(), 2, "{series:?}");
        assert!(series.iter().all(|name| !name.contains("other")), "{series:?}");
    }
    let mut endpoints = endpoints;
    endpoints.truncate(3);
    assert_series(&metrics, &requests("other"), 2.0);
    // Room for one: the next endpoint gets series of its own again.
    endpoints.remove(0);
    assert!(!metrics.endpoint("a/b", address(9)).is_folded());
}

#[test]
fn counters_never_fall_while_workers_count() {
    let metrics = Metrics::new(4);
    let route = metrics.route(RouteLabels { pool: "a/b".into(), route: "0".into() });
    let name = "weir_downstream_request_seconds_count{pool=\"a/b\",route=\"0\"}";
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let route = &route;
            scope.spawn(move || {
                for _ in 0..20_000 {
                    route.record(worker, &sample("GET", 200));
                }
            });
        }
        let mut last = 0.0;
        for _ in 0..20 {
            let now = series(&metrics.encode()).get(name).copied().unwrap_or(0.0);
            assert!(now >= last, "{now} after {last}");
            last = now;
        }
    });
    assert_series(&metrics, name, 80_000.0);
}

#[test]
fn promtool_finds_nothing_wrong() {
    let metrics = Metrics::new(2);
    // Names that need escaping cannot be declared, but must not break the rest.
    let _held = [count_all(&metrics, "shop/shop"), count_all(&metrics, "a\"b\\c\nd/é")];
    let Some((is_clean, said)) = promtool::check(&metrics.encode()) else { return };
    assert!(is_clean && said.trim().is_empty(), "{said}");
    let (is_clean, _) = promtool::check("weir_total{ 1\n").expect("promtool is installed");
    assert!(!is_clean, "promtool must be able to refuse");
}
