//! Shares, over sockets.

use crate::declared::{backends, endpoint, equals, next_table, pool, slow_backends};
use crate::rig::{Backend, Weir, spread};

fn weighted(backends: &[Backend], weights: [u32; 4], more: &str) -> String {
    let list = backends.iter().zip(weights);
    let list = list.map(|(backend, weight)| endpoint(backend, "", &format!(", weight: {weight}")));
    pool(&list.collect::<String>(), more)
}

#[test]
fn round_robin_is_exact_over_connections_and_workers() {
    let backends = backends(4);
    let weir = Weir::start(&equals(&backends, ""));
    let counts = spread(&weir, 4_000, 8, "/");
    assert_eq!(counts.len(), 4, "{counts:?}");
    for (name, count) in &counts {
        assert!((999..=1_001).contains(count), "{name} in {counts:?}");
    }
}

#[test]
fn weights_hold_over_a_thousand() {
    let backends = backends(4);
    let weir = Weir::start(&weighted(&backends, [5, 3, 1, 1], ""));
    for _ in 0..2 {
        let counts = spread(&weir, 1_000, 4, "/");
        for (name, expected) in [("b1", 500), ("b2", 300), ("b3", 100), ("b4", 100)] {
            let count = counts.get(name).copied().unwrap_or(0);
            assert!(count.abs_diff(expected) <= 10, "{name} in {counts:?}");
        }
    }
}

#[test]
fn a_slow_backend_is_spared_by_those_who_look() {
    // Twenty times as slow, so that it is ten times where a busy machine adds as much to both.
    // With one or two requests at a time nearly all are ties.
    for (algorithm, connections, requests) in [
        ("LeastRequest", 8, 600),
        ("LeastRequest", 2, 300),
        ("LeastRequest", 1, 200),
        ("PeakEwma", 8, 600),
    ] {
        let backends = slow_backends(&[1_000, 50, 50, 50]);
        let balancing = format!("  loadBalancing: {{ algorithm: {algorithm} }}\n");
        let weir = Weir::start(&equals(&backends, &balancing));
        let counts = spread(&weir, requests, connections, "/");
        let slow = counts.get("b1").copied().unwrap_or(0);
        assert!(slow > 0, "{algorithm}: a slow backend is still used: {counts:?}");
        assert!(
            slow < requests as u64 / 4 / 5,
            "{algorithm} {connections}: less than a fifth of its share: {counts:?}"
        );
        assert_eq!(counts.values().sum::<u64>(), requests as u64);
        assert_eq!(counts.len(), 4, "{algorithm}: every request has an answer: {counts:?}");
    }
}

#[test]
fn chance_follows_weights_and_has_no_order() {
    let backends = backends(4);
    let balancing = "  loadBalancing: { algorithm: Random }\n";
    let weir = Weir::start(&weighted(&backends, [5, 3, 1, 1], balancing));
    let counts = spread(&weir, 4_000, 8, "/");
    // Six standard deviations: less than one run in 100 million is further off.
    for (name, expected, slack) in
        [("b1", 2_000, 190), ("b2", 1_200, 174), ("b3", 400, 114), ("b4", 400, 114)]
    {
        let count: u64 = counts.get(name).copied().unwrap_or(0);
        assert!(count.abs_diff(expected) <= slack, "{name} in {counts:?}");
    }
    next_table(&weir, || weir.write("pool.yaml", &equals(&backends, balancing)));
    let mut client = weir.client();
    let mut turns = (0..400).map(|_| client.get("pool.test", "/").expect("answer").body);
    // Turns would never give two in a row to the same of four equals.
    let mut last = turns.next();
    let twice = turns.any(|turn| last.replace(turn.clone()) == Some(turn));
    assert!(twice, "400 answers in a row without one backend twice is an order");
}
