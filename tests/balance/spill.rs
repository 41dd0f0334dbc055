//! Spill, nearness and warm-up beside the plainest reckoning of each, over many seeds.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use weir::model::{
    Algorithm, Backend, ClientRegions, Coordinates, LocalityPreference, Region, RegionName,
};
use weir::upstream::{Health, Pool, Surroundings};

use crate::support::*;

fn fail(pool: &Pool, is_failed: impl Fn(usize) -> bool) {
    for (index, member) in pool.endpoints.iter().enumerate() {
        if is_failed(index) {
            member.state.set_health(Health::Unhealthy, NOON);
        }
    }
    pool.refresh(NOON);
}

/// Counts a thousand picks by what an endpoint belongs to.
fn thousand<const N: usize>(
    bench: &mut Bench,
    pool: &Arc<Pool>,
    part: impl Fn(usize) -> usize,
) -> [f64; N] {
    let mut counts = [0.0; N];
    for (index, count) in bench.counts(pool, 1_000) {
        counts[part(index)] += count as f64 / 1_000.0;
    }
    counts
}

/// Fills places in order; where all together bear too little, each takes more in proportion.
fn poured<const N: usize>(bearable: [f64; N]) -> [f64; N] {
    let (mut left, mut loads) = (1.0, [0.0; N]);
    for (load, bearable) in loads.iter_mut().zip(bearable) {
        *load = bearable.min(left);
        left -= *load;
    }
    loads.map(|load| load / (1.0 - left))
}

/// One turn in a thousand is what rounding and the place in the schedule may move.
fn near(found: &[f64], expected: &[f64]) -> bool {
    found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.003)
}

fn regions(places: &[(f64, f64)]) -> LocalityPreference {
    let region = |(at, (latitude, longitude)): (usize, &(f64, f64))| Region {
        name: RegionName(format!("r{at}").into()),
        location: Coordinates { latitude: *latitude, longitude: *longitude },
    };
    let clients = (0..places.len() as u16)
        .map(|at| (format!("203.0.{at}.0/24").parse().expect("a network"), at));
    LocalityPreference::ClientRegion {
        regions: places.iter().enumerate().map(region).collect(),
        clients: ClientRegions::new(clients),
    }
}

/// The straight way through the earth: it orders places as the way around does.
fn chord((from, to): ((f64, f64), (f64, f64))) -> f64 {
    let vector = |(latitude, longitude): (f64, f64)| {
        let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
        let around = latitude.cos();
        [around * longitude.cos(), around * longitude.sin(), latitude.sin()]
    };
    vector(from).iter().zip(vector(to)).map(|(a, b)| (a - b).powi(2)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tiers_take_what_those_before_cannot_bear(
        sizes in prop::array::uniform3(1_u32..12),
        failed in prop::array::uniform3(0_u32..12),
    ) {
        let mut bench = bench();
        let tier = |(tier, size): (usize, &u32)| {
            let first = tier as u32 * 100;
            let backend = service(&format!("t{tier}"), 1, (first..first + size).map(endpoint));
            Backend { tier: tier as u8, ..backend }
        };
        let pool = bench.bind(model(sizes.iter().enumerate().map(tier).collect()), NOON);
        let tier_of = |index: usize| pool.endpoints[index].backend;
        let first_of = |tier: usize| sizes[..tier].iter().sum::<u32>();
        fail(&pool, |index| index as u32 - first_of(tier_of(index)) < failed[tier_of(index)]);
        let well = |at: usize| f64::from(sizes[at].saturating_sub(failed[at]));
        prop_assume!((0..3).any(|at| well(at) > 0.0));
        let bearable = [0, 1, 2].map(|at| (1.4 * well(at) / f64::from(sizes[at])).min(1.0));
        let found = thousand::<3>(&mut bench, &pool, tier_of);
        let expected = poured(bearable);
        prop_assert!(near(&found, &expected), "{found:?}, not {expected:?}");
    }

    #[test]
    fn the_own_zone_takes_what_it_and_its_part_bear(
        sizes in prop::array::uniform3(1_u32..10),
        failed in 0_u32..10,
    ) {
        let here = Surroundings { zone: Some("z0".into()), region: Some(RegionName("r".into())) };
        let mut bench = bench_at(here);
        let endpoints = sizes.iter().enumerate().flat_map(|(zone, size)| {
            let first = zone as u32 * 100;
            (first..first + size).map(move |number| zoned(number, &format!("z{zone}"), "r"))
        });
        let mut model = model(vec![service("s", 1, endpoints)]);
        model.locality = Some(LocalityPreference::Zone);
        let pool = bench.bind(model, NOON);
        fail(&pool, |index| (index as u32) < failed.min(sizes[0]));
        let well = f64::from(sizes[0] - failed.min(sizes[0]));
        let all = well + f64::from(sizes[1] + sizes[2]);
        let zones = if well > 0.0 { 3.0 } else { 2.0 };
        // As much as is left of it, and as its part of all zones' capacity for a third of clients.
        let own = (1.4 * well / f64::from(sizes[0])).min(1.4 * zones * well / all).min(1.0);
        let is_own = |index: usize| usize::from(index as u32 >= sizes[0]);
        let found = thousand::<2>(&mut bench, &pool, is_own);
        prop_assert!(near(&found, &[own, 1.0 - own]), "{found:?}, not {own}");
    }

    #[test]
    fn a_client_goes_to_the_nearest_region_that_works(
        places in prop::collection::vec((-80.0..80.0, -180.0..180.0), 2..8),
        failed in prop::collection::vec(any::<bool>(), 8),
        from in 0_usize..8,
    ) {
        let from = from % places.len();
        prop_assume!((0..places.len()).any(|at| !failed[at]));
        let mut bench = bench();
        let endpoints = (0..places.len() as u32).map(|at| zoned(at, "z", &format!("r{at}")));
        let mut model = model(vec![service("s", 1, endpoints)]);
        model.locality = Some(regions(&places));
        let pool = bench.bind(model, NOON);
        fail(&pool, |index| failed[index]);
        bench.client = format!("203.0.{from}.7").parse().unwrap();
        let works = (0..places.len()).filter(|at| !failed[*at]);
        let nearest = works.min_by(|a, b| {
            chord((places[from], places[*a])).total_cmp(&chord((places[from], places[*b])))
        });
        let found: Vec<usize> = bench.counts(&pool, 20).into_keys().collect();
        prop_assert_eq!(found, vec![nearest.unwrap()]);
    }

    #[test]
    fn a_warm_up_is_seen_under_every_algorithm(old in 1_u32..5, percent in 0_u64..101, seed: u64) {
        for algorithm in ALGORITHMS {
            let mut bench = bench();
            bench.random = fastrand::Rng::with_seed(seed);
            let mut model = model(vec![service("s", 1, (0..old).map(endpoint))]);
            model.algorithm = algorithm;
            model.slow_start = Some(Duration::from_secs(100));
            let _first = bench.bind(model.clone(), NOON);
            bench.pools.mark_synced();
            model.backends[0].endpoints.push(endpoint(old));
            let pool = bench.bind(model, NOON);
            let now = NOON.plus(Duration::from_secs(percent));
            pool.maintain(now);
            let warm = (10 + percent * 9 / 10) as f64;
            // Where keys would move with every step, there are ten.
            let is_hashed = matches!(algorithm, Algorithm::RingHash | Algorithm::Maglev);
            let warm = if is_hashed { (warm / 10.0).floor() * 10.0 } else { warm };
            let expected = warm / (warm + 100.0 * f64::from(old));
            let mut new = 0.0;
            for number in 0..2_000 {
                bench.client = client(number);
                new += f64::from(bench.index(&pool, now) as u32 == old) / 2_000.0;
            }
            // Six standard deviations of chance, and how even a ring is.
            let slack = 6.0 * (expected * (1.0 - expected) / 2_000.0_f64).sqrt() + 0.05;
            let slack = if algorithm == Algorithm::RoundRobin { 0.003 } else { slack };
            prop_assert!((new - expected).abs() < slack, "{algorithm:?}: {new}, not {expected}");
        }
    }
}
