//! What metrics say of each endpoint and backend is what happens to it.

use std::collections::BTreeMap;

use crate::declared::{
    CHECKS, await_endpoints, await_state, backends, counts, endpoint, equals, gauge, next_table,
    pool, service,
};
use crate::rig::{Backend, Weir, eventually, spread};

fn of(weir: &Weir, family: &str, backend: &Backend) -> Option<f64> {
    let series = format!(
        "weir_upstream_endpoint_{family}{{pool=\"test/p\",endpoint=\"{}\"}}",
        backend.address
    );
    gauge(weir, &series)
}

fn share(weir: &Weir, backend: &Backend) -> f64 {
    of(weir, "share_ratio", backend).expect("a share")
}

#[test]
fn health_ejection_and_share_of_each_endpoint_are_shown() {
    let backends = backends(3);
    let outlier = "  outlierDetection: { consecutiveErrors: 2, baseEjectionTime: 1h, \
                   maxEjectionTime: 1h }\n";
    let weir = Weir::start(&equals(&backends, &format!("{outlier}{CHECKS}")));
    let shown = |backend: &Backend| {
        ["healthy", "ejected", "ejections_total"].map(|family| of(&weir, family, backend))
    };
    assert_eq!(shown(&backends[0]), [Some(1.0), Some(0.0), None]);
    assert!((share(&weir, &backends[0]) - 1.0 / 3.0).abs() < 1e-9);
    backends[0].set_ill(true);
    await_state(&weir, "unhealthy", 1);
    assert_eq!(shown(&backends[0]), [Some(0.0), Some(0.0), None]);
    assert_eq!(backends.iter().map(|b| share(&weir, b)).collect::<Vec<_>>(), [0.0, 0.5, 0.5]);
    backends[0].set_ill(false);
    await_state(&weir, "unhealthy", 0);
    assert_eq!(shown(&backends[0]), [Some(1.0), Some(0.0), None]);
    backends[2].set_broken(true);
    counts(&mut weir.client(), 30);
    await_state(&weir, "ejected", 1);
    assert_eq!(of(&weir, "ejected", &backends[2]), Some(1.0));
    assert_eq!(of(&weir, "ejections_total", &backends[2]), Some(1.0));
    assert_eq!(share(&weir, &backends[2]), 0.0);
    // What is declared no more is shown no more, nor are the series of its requests.
    weir.write("pool.yaml", &equals(&backends[..2], &format!("{outlier}{CHECKS}")));
    await_endpoints(&weir, 2);
    let gone = format!("\"{}\"", backends[2].address);
    eventually("its series end", || !weir.metrics().contains(&gone));
    assert_eq!(backends[..2].iter().map(|b| share(&weir, b)).collect::<Vec<_>>(), [0.5, 0.5]);
}

#[test]
fn the_share_of_a_warm_up_is_shown_and_given() {
    let backends = backends(2);
    let declared = |backends: &[Backend], window: &str| {
        let slow_start = format!("  loadBalancing: {{ slowStart: {{ window: {window} }} }}\n");
        equals(backends, &slow_start)
    };
    let weir = Weir::start(&declared(&backends[..1], "4s"));
    next_table(&weir, || weir.write("pool.yaml", &declared(&backends, "4s")));
    let mut seen = vec![share(&weir, &backends[1])];
    while seen.last().is_some_and(|last| *last < 0.5) {
        let before = share(&weir, &backends[1]);
        let found = spread(&weir, 400, 4, "/").get("b2").copied().unwrap_or(0) as f64 / 400.0;
        let after = share(&weir, &backends[1]);
        // While it grows turns are laid out anew many times: a little more or less than their sum.
        assert!((before - 0.05..after + 0.05).contains(&found), "{before} {found} {after}");
        seen.push(after);
    }
    assert!(seen.is_sorted(), "it only grows: {seen:?}");
    assert_eq!(seen.last(), Some(&0.5));
}

#[test]
fn backends_are_told_apart_and_stay_while_endpoints_change() {
    let backends = backends(3);
    let declared = |v2: &[&Backend]| {
        let list = "    - { service: { name: v1, port: 80 }, weight: 3 }\n    \
                    - { service: { name: v2, port: 80 }, weight: 1 }\n";
        format!("{}{}{}", pool(list, ""), service("v1", &[&backends[0]]), service("v2", v2))
    };
    let weir = Weir::start(&declared(&[&backends[1]]));
    let tries = |backend: &str, code: &str| {
        let labels = format!("pool=\"test/p\",backend=\"{backend}\",code=\"{code}\"");
        gauge(&weir, &format!("weir_upstream_backend_requests_total{{{labels}}}"))
    };
    let timed = |backend: &str| {
        let labels = format!("pool=\"test/p\",backend=\"{backend}\"");
        gauge(&weir, &format!("weir_upstream_first_byte_seconds_count{{{labels}}}"))
    };
    spread(&weir, 400, 4, "/");
    eventually("all are counted", || tries("test/v1:80", "2xx") == Some(300.0));
    assert_eq!(tries("test/v2:80", "2xx"), Some(100.0));
    assert_eq!((timed("test/v1:80"), timed("test/v2:80")), (Some(300.0), Some(100.0)));
    let place = |backend: &Backend, of: &str| {
        let labels = format!(
            "pool=\"test/p\",endpoint=\"{}\",backend=\"{of}\",zone=\"\",region=\"\"",
            backend.address
        );
        gauge(&weir, &format!("weir_upstream_endpoint_info{{{labels}}}"))
    };
    assert_eq!(place(&backends[1], "test/v2:80"), Some(1.0));
    next_table(&weir, || weir.write("pool.yaml", &declared(&[&backends[2]])));
    assert_eq!(place(&backends[2], "test/v2:80"), Some(1.0));
    spread(&weir, 400, 4, "/");
    eventually("all are counted", || tries("test/v1:80", "2xx") == Some(600.0));
    assert_eq!(tries("test/v2:80", "2xx"), Some(200.0), "as if no pod had been replaced");
    backends[2].set_broken(true);
    spread(&weir, 4, 1, "/");
    eventually("an error is counted", || tries("test/v2:80", "5xx") == Some(1.0));
}

#[test]
fn the_access_log_names_backend_zone_and_region() {
    let backends = backends(1);
    let list = endpoint(&backends[0], ", zone: a, region: eu", "");
    let (weir, log) = Weir::start_logged(&pool(&list, ""), &["--access-log", "json"]);
    assert_eq!(weir.client().get("pool.test", "/").expect("answer").status, 200);
    let line = log.recv_timeout(crate::rig::PATIENCE).expect("a line");
    let line: BTreeMap<String, serde_json::Value> = serde_json::from_str(&line).expect("JSON");
    let told = ["pool", "backend", "endpoint", "zone", "region"].map(|name| line[name].clone());
    let endpoint = backends[0].address.to_string();
    assert_eq!(told, ["test/p", "endpoint", &endpoint, "a", "eu"]);
}
