//! Pools in few words, and what a running Weir says of them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::rig::{Backend, Client, Weir, eventually};

/// Checks that a slow machine does not fail by its own slowness.
pub const CHECKS: &str = "  healthCheck: { http: { path: /healthz }, interval: 500ms, timeout: 500ms, \
                          unhealthyThreshold: 3, healthyThreshold: 1 }\n";

/// Starts backends `b1`, `b2` and so on, that answer at once.
pub fn backends(count: u8) -> Vec<Backend> {
    slow_backends(&vec![0; count.into()])
}

/// Starts backends `b1`, `b2` and so on, that answer after so many milliseconds each.
pub fn slow_backends(delays: &[u64]) -> Vec<Backend> {
    let backend = |(n, delay): (u8, &u64)| {
        Backend::start(&format!("b{n}"), [127, 0, 0, n], 0, Duration::from_millis(*delay))
    };
    (1..).zip(delays).map(backend).collect()
}

/// Declares a backend of a pool: `place` goes into the endpoint, `more` beside it.
pub fn endpoint(backend: &Backend, place: &str, more: &str) -> String {
    let (ip, port) = (backend.address.ip(), backend.address.port());
    format!("    - {{ endpoint: {{ address: {ip}, port: {port}{place} }}{more} }}\n")
}

/// Declares the pool `test/p` of everything that is asked.
pub fn pool(list: &str, more: &str) -> String {
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: p, namespace: test }}\n\
         spec:\n  routes: [{{}}]\n  backends:\n{list}{more}"
    )
}

/// Declares that pool of equal backends.
pub fn equals<'a>(backends: impl IntoIterator<Item = &'a Backend>, more: &str) -> String {
    let list: String = backends.into_iter().map(|backend| endpoint(backend, "", "")).collect();
    pool(&list, more)
}

/// Declares a Service of these backends.
pub fn service(name: &str, backends: &[&Backend]) -> String {
    let ports = "ports: [{ name: http, port: 80 }]";
    let mut text = format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{ name: {name}, namespace: test }}\n\
         spec: {{ {ports} }}\n"
    );
    for (at, backend) in backends.iter().enumerate() {
        let (ip, port) = (backend.address.ip(), backend.address.port());
        text += &format!(
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n\
             metadata: {{ name: {name}-{at}, namespace: test, \
             labels: {{ kubernetes.io/service-name: {name} }} }}\n\
             ports: [{{ name: http, port: {port} }}]\nendpoints: [{{ addresses: [{ip}] }}]\n"
        );
    }
    text
}

/// Returns the value of one series, written as in `/metrics`.
pub fn gauge(weir: &Weir, series: &str) -> Option<f64> {
    let text = weir.metrics();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}

/// Waits until a series of the pool has a value.
pub fn await_gauge(weir: &Weir, family: &str, labels: &str, value: f64) {
    let series = format!("{family}{{pool=\"test/p\"{labels}}}");
    eventually(&format!("{series} {value}"), || gauge(weir, &series) == Some(value));
}

/// Waits until so many endpoints of the pool are in a state.
pub fn await_state(weir: &Weir, state: &str, count: u32) {
    let label = format!(",state=\"{state}\"");
    await_gauge(weir, "weir_upstream_endpoints_in_state", &label, count.into());
}

/// Lets all backends pass their checks again, and waits until Weir knows.
pub fn all_well(weir: &Weir, backends: &[Backend]) {
    for backend in backends {
        backend.set_ill(false);
    }
    await_state(weir, "unhealthy", 0);
}

/// Waits until the pool has so many endpoints.
pub fn await_endpoints(weir: &Weir, count: u32) {
    await_gauge(weir, "weir_upstream_endpoints", "", count.into());
}

/// Waits for the next table after something was done.
pub fn next_table(weir: &Weir, change: impl FnOnce()) {
    let generation = || gauge(weir, "weir_reconcile_generation").expect("a generation");
    let before = generation();
    change();
    eventually("the next table", || generation() > before);
}

/// Sends requests one after another, and counts the answers of each backend.
pub fn counts(client: &mut Client, total: usize) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for _ in 0..total {
        let answer = client.get("pool.test", "/").expect("answer");
        let key = if answer.status == 200 { answer.body } else { format!("!{}", answer.status) };
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

/// Says that counts are as expected, but for `slack` each; who is not named has none.
pub fn assert_counts(counts: &BTreeMap<String, u64>, expected: &[(&str, u64)], slack: u64) {
    for (name, expected) in expected {
        let count = counts.get(*name).copied().unwrap_or(0);
        assert!(count.abs_diff(*expected) <= slack, "{name}, not {expected}: {counts:?}");
    }
    let unknown = counts.keys().find(|name| expected.iter().all(|(known, _)| known != name));
    assert!(unknown.is_none(), "{unknown:?} is not expected: {counts:?}");
}
