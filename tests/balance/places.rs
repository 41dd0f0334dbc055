//! Tiers, zones and regions: who is first, and what flows on.

use proptest::prelude::*;
use weir::model::{
    Backend, ClientRegions, Coordinates, LocalityPreference, Protocol, Readiness, Region,
    RegionName,
};
use weir::upstream::{Health, Pool, Surroundings};

use crate::support::*;

fn tiered(tiers: &[u32]) -> Vec<Backend> {
    let backend = |(tier, count): (usize, &u32)| {
        let first = tier as u32 * 100;
        let backend = service(&format!("tier{tier}"), 1, (first..first + count).map(endpoint));
        Backend { tier: tier as u8, ..backend }
    };
    tiers.iter().enumerate().map(backend).collect()
}

fn fail(pool: &Pool, indexes: impl IntoIterator<Item = usize>) {
    for index in indexes {
        pool.endpoints[index].state.set_health(Health::Unhealthy, NOON);
    }
    pool.refresh(NOON);
}

fn tier_loads(bench: &mut Bench, pool: &Pool, tiers: usize) -> Vec<f64> {
    let mut loads = vec![0.0; tiers];
    for group in bench.trace(pool, NOON).groups {
        loads[usize::from(group.tier)] += group.load;
    }
    loads
}

#[test]
fn a_tier_spills_what_it_cannot_bear() {
    for (failed, expected) in [(0, 1.0), (2, 1.0), (3, 0.98), (5, 0.7), (9, 0.14), (10, 0.0)] {
        let mut bench = bench();
        let pool = bench.bind(model(tiered(&[10, 10])), NOON);
        fail(&pool, 0..failed);
        let loads = tier_loads(&mut bench, &pool, 2);
        assert!((loads[0] - expected).abs() < 1e-9, "{failed} failed: {loads:?}");
        assert!((loads[0] + loads[1] - 1.0).abs() < 1e-9);
        // And so it happens.
        let first = bench.counts(&pool, 1_000).into_iter().filter(|(index, _)| *index < 10);
        let first: usize = first.map(|(_, count)| count).sum();
        assert!((first as f64 / 1_000.0 - expected).abs() < 0.002, "{failed} failed: {first}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn loads_sum_to_one_wherever_endpoints_are(
        endpoints in prop::collection::vec((0_u8..3, 0_u8..4, 0_u8..2, any::<bool>(), 1_u32..5), 1..40),
        prefer in 0_u8..4,
    ) {
        let mut bench = bench_at(here());
        let backends = endpoints.iter().enumerate().map(|(at, (tier, zone, region, _, weight))| {
            let endpoint = zoned(at as u32, &format!("z{zone}"), &format!("r{region}"));
            let is_service = at % 2 == 0;
            Backend {
                origin: if is_service { format!("s{at}").into() } else { "endpoint".into() },
                is_service, weight: *weight, tier: *tier, protocol: Protocol::Http1, endpoints: vec![endpoint],
            }
        });
        let mut model = model(backends.collect());
        model.locality = match prefer {
            0 => None,
            1 => Some(LocalityPreference::Zone),
            2 => Some(LocalityPreference::Region),
            _ => Some(client_regions()),
        };
        let pool = bench.bind(model, NOON);
        fail(&pool, (0..endpoints.len()).filter(|at| endpoints[*at].3));
        let trace = bench.trace(&pool, NOON);
        let groups: f64 = trace.groups.iter().map(|group| group.load).sum();
        let shares: f64 = trace.endpoints.iter().map(|endpoint| endpoint.share).sum();
        let expected = if endpoints.iter().all(|endpoint| endpoint.3) { 0.0 } else { 1.0 };
        prop_assert!((groups - expected).abs() < 1e-6, "{groups}");
        prop_assert!((shares - expected).abs() < 1e-6, "{shares}");
        for endpoint in &trace.endpoints {
            prop_assert!(endpoint.health != Health::Unhealthy || endpoint.share == 0.0);
        }
    }
}

fn here() -> Surroundings {
    Surroundings { zone: Some("z0".into()), region: Some(RegionName("r0".into())) }
}

fn zones(bench: &Bench, sizes: &[u32]) -> std::sync::Arc<Pool> {
    let endpoints = sizes.iter().enumerate().flat_map(|(zone, size)| {
        let first = zone as u32 * 100;
        let region = if zone < 2 { "r0" } else { "r1" };
        (first..first + size).map(move |number| zoned(number, &format!("z{zone}"), region))
    });
    let mut model = model(vec![service("s", 1, endpoints)]);
    model.locality = Some(LocalityPreference::Zone);
    bench.bind(model, NOON)
}

fn near(bench: &mut Bench, pool: &Pool) -> [f64; 3] {
    let trace = bench.trace(pool, NOON);
    ["zone", "region", "elsewhere"].map(|name| {
        let found = trace.groups.iter().filter(|group| group.locality.as_deref() == Some(name));
        found.map(|group| group.load).sum()
    })
}

fn assert_near(found: [f64; 3], expected: [f64; 3]) {
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
}

#[test]
fn the_own_zone_is_enough_while_it_is_well() {
    let mut bench = bench_at(here());
    let pool = zones(&bench, &[4, 4, 4]);
    assert_near(near(&mut bench, &pool), [1.0, 0.0, 0.0]);
}

#[test]
fn a_zone_bears_what_is_left_of_it() {
    let mut bench = bench_at(here());
    let pool = zones(&bench, &[4, 4, 4]);
    fail(&pool, [0, 1]);
    // Half of the zone is left: 0.5 x 1.4. Of all usable it has a fifth: 3 x 0.2 x 1.4 = 0.84.
    assert_near(near(&mut bench, &pool), [0.7, 0.3, 0.0]);
    fail(&pool, 0..8);
    assert_near(near(&mut bench, &pool), [0.0, 0.0, 1.0]);
}

#[test]
fn a_small_zone_is_not_flooded() {
    let mut bench = bench_at(here());
    // One of ten, in one of three zones: 3 x 0.1 x 1.4.
    let pool = zones(&bench, &[1, 5, 4]);
    assert_near(near(&mut bench, &pool), [0.42, 0.58, 0.0]);
}

#[test]
fn an_unknown_place_prefers_nothing() {
    let mut bench = bench();
    let pool = zones(&bench, &[1, 5, 4]);
    assert_eq!(bench.counts(&pool, 10).len(), 10);
}

fn client_regions() -> LocalityPreference {
    let region = |name: &str, latitude, longitude| Region {
        name: RegionName(name.into()),
        location: Coordinates { latitude, longitude },
    };
    LocalityPreference::ClientRegion {
        regions: vec![region("r0", 53.3, -6.3), region("r1", 35.7, 139.7), region("r2", 50.1, 8.7)],
        clients: ClientRegions::new([
            ("203.0.113.0/24".parse().unwrap(), 1),
            ("203.0.113.128/25".parse().unwrap(), 2),
        ]),
    }
}

#[test]
fn clients_go_to_the_nearest_region_that_works() {
    let mut bench = bench();
    let endpoints = (0..3).map(|region| zoned(region, "z", &format!("r{region}")));
    let mut model = model(vec![service("s", 1, endpoints)]);
    model.locality = Some(client_regions());
    let pool = bench.bind(model, NOON);
    let mut goes = |client: &str| {
        bench.client = client.parse().unwrap();
        bench.counts(&pool, 20).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(goes("203.0.113.1"), [1]);
    assert_eq!(goes("203.0.113.200"), [2]);
    assert_eq!(goes("::ffff:203.0.113.200"), [2]);
    // Nobody knows: as declared.
    assert_eq!(goes("192.0.2.1"), [0]);
    // From Frankfurt, Dublin is next.
    fail(&pool, [2]);
    assert_eq!(goes("203.0.113.200"), [0]);
    fail(&pool, [0]);
    assert_eq!(goes("203.0.113.200"), [1]);
}

#[test]
fn what_is_ending_is_the_last_resort() {
    let mut bench = bench();
    let ending = weir::model::Endpoint { readiness: Readiness::Terminating, ..endpoint(1) };
    let mut model = model(vec![service("s", 1, [endpoint(0), ending])]);
    let pool = bench.bind(model.clone(), NOON);
    assert_eq!(bench.counts(&pool, 10).into_keys().collect::<Vec<_>>(), [0]);
    fail(&pool, [0]);
    assert_eq!(bench.counts(&pool, 10).into_keys().collect::<Vec<_>>(), [1]);
    model.backends[0].endpoints.remove(0);
    let pool = bench.bind(model, NOON);
    assert_eq!(bench.counts(&pool, 10).into_keys().collect::<Vec<_>>(), [0]);
}

fn reasons(bench: &mut Bench, pool: &Pool) -> Vec<String> {
    let trace = bench.trace(pool, NOON);
    trace.endpoints.iter().map(|endpoint| trace.reason(endpoint).into_owned()).collect()
}

#[test]
fn an_explanation_says_which_tier_is_enough() {
    let mut bench = bench();
    let pool = bench.bind(model(tiered(&[1, 1, 1])), NOON);
    let enough = |tier: u8| format!("tier {tier} has capacity");
    assert_eq!(reasons(&mut bench, &pool), ["picked", &enough(0), &enough(0)]);
    fail(&pool, [0]);
    assert_eq!(reasons(&mut bench, &pool), ["active checks fail", "picked", &enough(1)]);
    let pool = bench.bind(model(tiered(&[10, 10, 1])), NOON);
    fail(&pool, 0..5);
    assert_eq!(reasons(&mut bench, &pool)[20], "tiers 0 to 1 have capacity");
    let pool = bench.bind(model(statics(&[1, 0])), NOON);
    assert_eq!(reasons(&mut bench, &pool), ["picked", "takes no traffic: its weight is 0"]);
}

#[test]
fn an_explanation_says_what_is_nearer() {
    let mut bench = bench_at(here());
    let pool = zones(&bench, &[1, 1, 1]);
    let zone = "Weir's own zone has capacity";
    assert_eq!(reasons(&mut bench, &pool), ["picked", zone, zone]);
    fail(&pool, [0]);
    let region = "Weir's own region has capacity";
    assert_eq!(reasons(&mut bench, &pool), ["active checks fail", "picked", region]);

    let endpoints = ["r0", "r1", "r2", "r9"].into_iter().zip(0..);
    let endpoints = endpoints.map(|(region, number)| zoned(number, "z", region));
    let mut model = model(vec![service("s", 1, endpoints)]);
    model.locality = Some(client_regions());
    let pool = bench.bind(model, NOON);
    bench.client = "203.0.113.1".parse().unwrap();
    let farther = |region: &str| format!("region {region} is farther from the client");
    let undeclared = "its region is not declared: used last";
    assert_eq!(reasons(&mut bench, &pool), [&farther("r0"), "picked", &farther("r2"), undeclared]);
    bench.client = "192.0.2.1".parse().unwrap();
    let later = "the client's region is not known: a region declared earlier has capacity";
    assert_eq!(reasons(&mut bench, &pool), ["picked", later, later, undeclared]);
}

#[test]
fn an_explanation_says_what_came_back_a_moment_ago() {
    let mut bench = bench();
    let pool = bench.bind(model(vec![service("s", 1, (0..2).map(endpoint))]), NOON);
    fail(&pool, [0]);
    pool.endpoints[0].state.set_health(Health::Healthy, NOON);
    let back = "can take traffic since a moment ago: not counted yet";
    assert_eq!(reasons(&mut bench, &pool), [back, "picked"]);
}
