//! Shares, over sockets.

use std::time::Duration;

use crate::rig::{Backend, Weir, spread};

fn four(delays: [u64; 4]) -> Vec<Backend> {
    (1u8..=4)
        .zip(delays)
        .map(|(n, delay)| {
            Backend::start(&format!("b{n}"), [127, 0, 0, n], 0, Duration::from_millis(delay))
        })
        .collect()
}

fn pool(backends: &[Backend], weights: [u32; 4], more: &str) -> String {
    let list: String = backends
        .iter()
        .zip(weights)
        .map(|(b, weight)| {
            let (ip, port) = (b.address.ip(), b.address.port());
            format!("    - endpoint: {{ address: {ip}, port: {port} }}\n      weight: {weight}\n")
        })
        .collect();
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: p, namespace: test }}\n\
         spec:\n  routes: [{{}}]\n  backends:\n{list}{more}"
    )
}

#[test]
fn round_robin_is_exact_over_connections_and_workers() {
    let backends = four([0; 4]);
    let weir = Weir::start(&pool(&backends, [1; 4], ""));
    let counts = spread(&weir, 4_000, 8, "/");
    assert_eq!(counts.len(), 4, "{counts:?}");
    for (name, count) in &counts {
        assert!((999..=1_001).contains(count), "{name} in {counts:?}");
    }
}

#[test]
fn weights_hold_over_a_thousand() {
    let backends = four([0; 4]);
    let weir = Weir::start(&pool(&backends, [5, 3, 1, 1], ""));
    for _ in 0..2 {
        let counts = spread(&weir, 1_000, 4, "/");
        for (name, expected) in [("b1", 500), ("b2", 300), ("b3", 100), ("b4", 100)] {
            let count = counts.get(name).copied().unwrap_or(0);
            assert!(count.abs_diff(expected) <= 10, "{name} in {counts:?}");
        }
    }
}

#[test]
fn least_request_spares_a_slow_backend() {
    // Slow enough that a busy machine adds little to either.
    let backends = four([500, 50, 50, 50]);
    let weir =
        Weir::start(&pool(&backends, [1; 4], "  loadBalancing: { algorithm: LeastRequest }\n"));
    let counts = spread(&weir, 600, 8, "/");
    let slow = counts.get("b1").copied().unwrap_or(0);
    assert!(slow > 0, "a slow backend is still used: {counts:?}");
    assert!(slow < 600 / 4 / 5, "the slow one gets less than a fifth of its share: {counts:?}");
}
