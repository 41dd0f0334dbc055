//! Shares are exact, not only in the long run.

use proptest::prelude::*;
use weir::model::Algorithm;

use crate::support::*;

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_window_has_exact_shares(
        weights in prop::collection::vec(1_u32..60, 1..12),
        start in 0_usize..200,
    ) {
        let mut bench = bench();
        let pool = bench.bind(model(statics(&weights)), NOON);
        bench.counts(&pool, start);
        let common = weights.iter().fold(0, |a, b| gcd(a, *b as usize));
        let window: usize = weights.iter().map(|weight| *weight as usize / common).sum();
        let counts = bench.counts(&pool, window);
        for (index, weight) in weights.iter().enumerate() {
            prop_assert_eq!(counts.get(&index).copied().unwrap_or(0), *weight as usize / common);
        }
    }

    #[test]
    fn a_service_has_its_share_under_every_algorithm(
        weights in prop::collection::vec(1_u32..20, 2..5),
        sizes in prop::collection::vec(1_u32..8, 5),
        start in 0_usize..100,
    ) {
        for algorithm in [Algorithm::RoundRobin, Algorithm::LeastRequest, Algorithm::PeakEwma, Algorithm::Random] {
            let mut bench = bench();
            let backends = weights.iter().enumerate().map(|(at, weight)| {
                let first = at as u32 * 100;
                service(&format!("s{at}"), *weight, (first..first + sizes[at]).map(endpoint))
            });
            let mut model = model(backends.collect());
            model.algorithm = algorithm;
            let pool = bench.bind(model, NOON);
            bench.counts(&pool, start);
            let common = weights.iter().fold(0, |a, b| gcd(a, *b as usize));
            let window: usize = weights.iter().map(|weight| *weight as usize / common).sum();
            let mut by_service = vec![0; weights.len()];
            for (index, count) in bench.counts(&pool, window) {
                by_service[pool.endpoint(index).unwrap().backend] += count;
            }
            let expected: Vec<usize> = weights.iter().map(|weight| *weight as usize / common).collect();
            prop_assert_eq!(by_service, expected, "{:?}", algorithm);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn huge_weights_are_scaled_and_nobody_is_forgotten(
        weights in prop::collection::vec(1_u32..1_000_000, 2..40),
    ) {
        let mut bench = bench();
        let pool = bench.bind(model(statics(&weights)), NOON);
        let times = 65_536;
        let counts = bench.counts(&pool, times);
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        for (index, weight) in weights.iter().enumerate() {
            let count = counts.get(&index).copied().unwrap_or(0) as f64;
            let expected = f64::from(*weight) / total * times as f64;
            // Within a turn of a scaled period, and a period of rounding.
            prop_assert!((count - expected).abs() <= 2.0 + expected * 0.01 + weights.len() as f64, "{count} {expected}");
            prop_assert!(count >= 1.0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_share_of_one_that_is_passed_over_is_spread_over_the_others(
        weights in prop::collection::vec(1_u32..6, 3..9),
        first in 0_usize..9,
        second in prop::option::of(0_usize..9),
        start in 0_usize..100,
    ) {
        let mut bench = bench();
        let pool = bench.bind(model(statics(&weights)), NOON);
        bench.counts(&pool, start);
        let passed: Vec<usize> =
            [Some(first), second].into_iter().flatten().map(|at| at % weights.len()).collect();
        for index in &passed {
            bench.tried.insert(*index);
        }
        let times = 4_000;
        let counts = bench.counts(&pool, times);
        let left = |index: &usize| !passed.contains(index);
        let total: u32 = (0..weights.len()).filter(left).map(|index| weights[index]).sum();
        for (index, weight) in weights.iter().enumerate() {
            let count = counts.get(&index).copied().unwrap_or(0) as f64;
            if !left(&index) {
                prop_assert_eq!(count, 0.0);
                continue;
            }
            let expected = f64::from(*weight) / f64::from(total) * times as f64;
            // A part of a period of the turns, and one of those that were passed on.
            let most = 2.0 * f64::from(*weight);
            prop_assert!((count - expected).abs() <= most, "{index}: {count}, not {expected}");
        }
    }
}

#[test]
fn turns_are_spread() {
    let mut bench = bench();
    let pool = bench.bind(model(statics(&[5, 1, 1])), NOON);
    let picks: Vec<usize> = (0..70).map(|_| bench.index(&pool, NOON)).collect();
    let longest = picks.chunk_by(|a, b| a == b).map(<[usize]>::len).max();
    assert!(longest <= Some(4), "{picks:?}");
}

#[test]
fn services_share_turns_inside_too() {
    let mut bench = bench();
    let backends = vec![service("v1", 90, (0..3).map(endpoint)), service("v2", 10, [endpoint(9)])];
    let pool = bench.bind(model(backends), NOON);
    assert_eq!(bench.counts(&pool, 10).into_values().collect::<Vec<_>>(), [3, 3, 3, 1]);
}

#[test]
fn chance_follows_weights() {
    let mut bench = bench();
    let mut model = model(statics(&[1, 2, 3, 4]));
    model.algorithm = Algorithm::Random;
    let pool = bench.bind(model, NOON);
    let counts = bench.counts(&pool, 100_000);
    for (index, count) in counts {
        let expected = (index + 1) * 10_000;
        assert!(count.abs_diff(expected) < 600, "{index}: {count}");
    }
}

#[test]
fn weight_zero_takes_nothing() {
    for algorithm in ALGORITHMS {
        let mut bench = bench();
        let mut model = model(statics(&[0, 1]));
        model.algorithm = algorithm;
        let pool = bench.bind(model, NOON);
        assert_eq!(bench.counts(&pool, 100).get(&1), Some(&100));
        let mut model = self::model(statics(&[0]));
        model.algorithm = algorithm;
        let pool = bench.bind(model, NOON);
        assert!(bench.pick(&pool, NOON).is_err());
    }
}

#[test]
fn a_new_version_goes_on_where_the_old_one_was() {
    let mut bench = bench();
    let old = bench.bind(model(statics(&[1, 1, 1])), NOON);
    let first = bench.index(&old, NOON);
    let new = bench.bind(model(statics(&[1, 1, 1])), NOON);
    assert_eq!(bench.index(&new, NOON), (first + 1) % 3);
}

#[test]
fn replicas_start_anywhere() {
    let starts: std::collections::BTreeSet<usize> = (0..64)
        .map(|_| {
            let mut bench = bench();
            let pool = bench.bind(model(statics(&[1, 1, 1])), NOON);
            bench.index(&pool, NOON)
        })
        .collect();
    assert_eq!(starts.len(), 3);
}
