//! Busy and slow endpoints get less.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use proptest::prelude::*;
use weir::model::Algorithm;
use weir::upstream::{InFlight, Millis, Outcome};

use crate::support::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn least_request_takes_a_true_minimum(
        endpoints in prop::collection::vec((1_u32..10, 0_usize..30), 1..30),
        seed: u64,
    ) {
        let mut bench = bench();
        bench.random = fastrand::Rng::with_seed(seed);
        let weights: Vec<u32> = endpoints.iter().map(|(weight, _)| *weight).collect();
        let mut model = model(statics(&weights));
        model.algorithm = Algorithm::LeastRequest;
        let pool = bench.bind(model, NOON);
        let mut held: Vec<InFlight> = Vec::new();
        for (member, (_, load)) in pool.endpoints.iter().zip(&endpoints) {
            held.extend((0..*load).map(|_| member.state.begin()));
        }
        let picked = bench.index(&pool, NOON);
        let load = |at: usize| endpoints[at].1 as f64 / f64::from(endpoints[at].0);
        for at in 0..endpoints.len() {
            prop_assert!(load(picked) <= load(at) + 1e-12, "{picked} {at}");
        }
    }
}

#[test]
fn idle_endpoints_take_turns_by_weight() {
    let mut bench = bench();
    let mut model = model(statics(&[3, 1]));
    model.algorithm = Algorithm::LeastRequest;
    let pool = bench.bind(model, NOON);
    assert_eq!(bench.counts(&pool, 40).into_values().collect::<Vec<_>>(), [30, 10]);
}

/// Lets clients send one request after the other, and returns the share of each endpoint.
fn simulate(algorithm: Algorithm, latencies: &[u64], weights: &[u32], clients: usize) -> Vec<f64> {
    let mut bench = bench();
    let mut model = model(statics(weights));
    model.algorithm = algorithm;
    let pool = bench.bind(model, NOON);
    let mut counts = vec![0_usize; latencies.len()];
    // End, number, endpoint, begin; the guards apart, because they have no order.
    let mut ends: BinaryHeap<Reverse<(Millis, usize, usize, u64)>> = BinaryHeap::new();
    let mut held: Vec<Option<InFlight>> = Vec::new();
    let total = 20_000;
    for number in 0..total {
        let mut now = NOON;
        if number >= clients {
            let Reverse((end, ended, endpoint, begin)) = ends.pop().unwrap();
            now = end;
            held[ended] = None;
            let latency = Duration::from_millis(end.0 - begin);
            let outcome = Outcome::Answered { status: 200, latency };
            pool.endpoints[endpoint].state.report(outcome, now);
        }
        let index = bench.index(&pool, now);
        counts[index] += 1;
        held.push(Some(pool.endpoints[index].state.begin()));
        // A little chance, so that nothing runs in step.
        let latency = latencies[index] + bench.random.u64(..=latencies[index] / 5);
        ends.push(Reverse((Millis(now.0 + latency), number, index, now.0)));
    }
    counts.iter().map(|count| *count as f64 / total as f64).collect()
}

#[test]
fn a_slow_endpoint_gets_less_than_a_fifth_of_its_share() {
    let mut latencies = [10; 8];
    latencies[3] = 100;
    for (algorithm, clients) in [
        (Algorithm::LeastRequest, 64),
        (Algorithm::LeastRequest, 8),
        (Algorithm::LeastRequest, 3),
        (Algorithm::LeastRequest, 2),
        (Algorithm::LeastRequest, 1),
        (Algorithm::PeakEwma, 64),
        (Algorithm::PeakEwma, 8),
        (Algorithm::PeakEwma, 1),
    ] {
        let shares = simulate(algorithm, &latencies, &[1; 8], clients);
        assert!(shares[3] < 0.2 / 8.0, "{algorithm:?} {clients}: {shares:?}");
        assert!(shares[3] > 0.0, "{algorithm:?}: never tried again");
        for (at, share) in shares.iter().enumerate().filter(|(at, _)| *at != 3) {
            assert!((0.08..0.21).contains(share), "{algorithm:?} {clients} {at}: {shares:?}");
        }
    }
}

#[test]
fn equals_share_by_weight_whatever_is_measured() {
    for algorithm in [Algorithm::PeakEwma, Algorithm::LeastRequest] {
        for clients in [1, 4, 64] {
            let shares = simulate(algorithm, &[20, 20, 20], &[2, 1, 1], clients);
            assert!((0.4..0.6).contains(&shares[0]), "{algorithm:?} {clients}: {shares:?}");
        }
    }
}

/// Whoever's answers take seconds has its turns seldom, and is remembered until the next.
#[test]
fn slow_is_slow_whatever_the_time_of_an_answer() {
    for (fast, slow) in [(1, 10), (1_000, 10_000), (3_000, 30_000)] {
        for clients in [1, 2, 3] {
            let shares =
                simulate(Algorithm::LeastRequest, &[fast, fast, slow, fast], &[1; 4], clients);
            assert!(shares[2] < 0.05 && shares[2] > 0.0, "{fast} ms, {clients}: {shares:?}");
        }
    }
}

#[test]
fn what_a_slow_one_gives_up_goes_to_all_others() {
    for weights in [[1, 1, 1, 1], [1, 1, 1, 5], [5, 1, 1, 1]] {
        let slow = if weights[0] == 5 { 0 } else { 3 };
        let mut latencies = [10; 4];
        latencies[slow] = 100;
        let shares = simulate(Algorithm::LeastRequest, &latencies, &weights, 1);
        let others: Vec<f64> = (0..4).filter(|at| *at != slow).map(|at| shares[at]).collect();
        let mean = others.iter().sum::<f64>() / 3.0;
        for share in &others {
            assert!((share / mean - 1.0).abs() < 0.1, "{weights:?}: {shares:?}");
        }
    }
}

#[test]
fn who_fails_or_refuses_fast_gets_no_more_than_its_turns() {
    for bad in [500, 404, 429] {
        fails_fast(bad);
    }
}

fn fails_fast(bad: u16) {
    let mut bench = bench();
    let mut model = model(statics(&[1, 1, 1, 1]));
    model.algorithm = Algorithm::LeastRequest;
    let pool = bench.bind(model, NOON);
    let mut counts = [0_usize; 4];
    for _ in 0..4_000 {
        let index = bench.index(&pool, NOON);
        counts[index] += 1;
        let (status, millis) = if index == 2 { (bad, 1) } else { (200, 50) };
        let latency = Duration::from_millis(millis);
        pool.endpoints[index].state.report(Outcome::Answered { status, latency }, NOON);
    }
    assert_eq!(counts, [1_000; 4], "{bad}: {counts:?}");
}
