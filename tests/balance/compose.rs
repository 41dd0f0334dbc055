//! Everything at once: random pools, random failures, and still nobody is sent astray or starved.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use weir::model::{
    Algorithm, Backend, EndpointLimits, LocalityPreference, Outlier, Persistence, PersistenceKind,
    Protocol, Readiness, RegionName,
};
use weir::upstream::balance::{NoEndpoint, Tried};
use weir::upstream::{Health, InFlight, Outcome, Pool, Surroundings};

use crate::support::*;

#[derive(Clone, Debug)]
struct Plan {
    endpoints: Vec<(u8, u8, u8, u32, bool)>,
    algorithm: Algorithm,
    locality: u8,
    panic_threshold: u8,
    is_sticky: bool,
    per_endpoint: Option<u32>,
    is_slow: bool,
}

fn plans() -> impl Strategy<Value = Plan> {
    let endpoint = (0_u8..3, 0_u8..3, 0_u8..3, 0_u32..4, prop::bool::weighted(0.1));
    (
        prop::collection::vec(endpoint, 1..16),
        prop::sample::select(ALGORITHMS.to_vec()),
        0_u8..3,
        prop::sample::select(vec![0_u8, 30, 50]),
        any::<bool>(),
        prop::option::weighted(0.3, 1_u32..3),
        any::<bool>(),
    )
        .prop_map(
            |(
                endpoints,
                algorithm,
                locality,
                panic_threshold,
                is_sticky,
                per_endpoint,
                is_slow,
            )| {
                Plan {
                    endpoints,
                    algorithm,
                    locality,
                    panic_threshold,
                    is_sticky,
                    per_endpoint,
                    is_slow,
                }
            },
        )
}

fn build(plan: &Plan) -> weir::model::Pool {
    let backends =
        plan.endpoints.iter().enumerate().map(|(at, (tier, zone, region, weight, ending))| {
            let mut endpoint = zoned(at as u32, &format!("z{zone}"), &format!("r{region}"));
            if *ending {
                endpoint.readiness = Readiness::Terminating;
            }
            let is_service = at % 3 != 0;
            let origin = if is_service { format!("s{at}").into() } else { "endpoint".into() };
            Backend {
                origin,
                is_service,
                weight: *weight,
                tier: *tier,
                protocol: Protocol::Http1,
                endpoints: vec![endpoint],
            }
        });
    let mut model = model(backends.collect());
    model.algorithm = plan.algorithm;
    model.locality = match plan.locality {
        0 => None,
        1 => Some(LocalityPreference::Zone),
        _ => Some(LocalityPreference::Region),
    };
    model.panic_threshold = plan.panic_threshold;
    model.slow_start = plan.is_slow.then(|| Duration::from_secs(30));
    model.persistence = plan.is_sticky.then(|| Persistence {
        kind: PersistenceKind::Cookie("weir".into()),
        absolute_timeout: None,
    });
    model.limits.per_endpoint =
        EndpointLimits { max_requests: plan.per_endpoint, max_connections: None };
    model.outlier = Some(Outlier {
        consecutive_errors: 2,
        base_ejection_time: Duration::from_secs(5),
        max_ejection_time: Duration::from_secs(50),
        max_ejected_percent: 60,
    });
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_picked_can_serve(plan in plans(), seed: u64) {
        let mut bench = bench_at(Surroundings {
            zone: Some("z0".into()),
            region: Some(RegionName("r0".into())),
        });
        bench.random = fastrand::Rng::with_seed(seed);
        let mut chance = fastrand::Rng::with_seed(seed ^ 1);
        bench.pools.mark_synced();
        let pool = bench.bind(build(&plan), NOON);
        let mut now = NOON;
        let mut held: Vec<InFlight> = Vec::new();
        for _ in 0..150 {
            now = now.plus(Duration::from_millis(chance.u64(..300)));
            shake(&pool, &mut chance, now);
            if chance.u8(..3) == 0 {
                pool.maintain(now);
            }
            if !held.is_empty() && chance.bool() {
                let _ended = held.swap_remove(chance.usize(..held.len()));
            }
            bench.client = client(chance.u32(..50));
            bench.tried = Tried::default();
            let tried: Vec<usize> = (0..chance.usize(..3)).map(|_| chance.usize(..pool.endpoints.len())).collect();
            for index in &tried {
                bench.tried.insert(*index);
            }
            check(&mut bench, &pool, &plan, &tried, now, &mut held)?;
        }
    }

    #[test]
    fn nobody_who_should_serve_starves(plan in plans(), seed: u64) {
        let mut bench = bench();
        bench.random = fastrand::Rng::with_seed(seed);
        let mut plan = plan;
        plan.is_sticky = false;
        let pool = bench.bind(build(&plan), NOON);
        for member in &pool.endpoints {
            if bench.random.u8(..4) == 0 {
                member.state.set_health(Health::Unhealthy, NOON);
            }
        }
        pool.maintain(NOON);
        let mut seen = BTreeSet::new();
        let expected: BTreeSet<usize> = bench.trace(&pool, NOON).endpoints.iter().enumerate()
            .filter(|(_, endpoint)| endpoint.share > 0.01).map(|(index, _)| index).collect();
        for number in 0..4_000 {
            bench.client = client(number);
            if let Ok(pick) = bench.pick(&pool, NOON) {
                seen.insert(pick.index);
            }
        }
        prop_assert!(seen.is_superset(&expected), "{seen:?} {expected:?}");
    }
}

fn shake(pool: &Pool, chance: &mut fastrand::Rng, now: weir::upstream::Millis) {
    let state = &pool.endpoints[chance.usize(..pool.endpoints.len())].state;
    match chance.u8(..6) {
        0 => _ = state.set_health(Health::Unhealthy, now),
        1 => _ = state.set_health(Health::Healthy, now),
        2 => (0..2).for_each(|_| state.report(Outcome::Reset, now)),
        _ => {
            let latency = Duration::from_millis(chance.u64(1..100));
            state.report(Outcome::Answered { status: 200, latency }, now);
        }
    }
}

fn check(
    bench: &mut Bench,
    pool: &Pool,
    plan: &Plan,
    tried: &[usize],
    now: weir::upstream::Millis,
    held: &mut Vec<InFlight>,
) -> Result<(), TestCaseError> {
    let limits = &pool.model.limits;
    let weight = |index: usize| plan.endpoints[index].3;
    let is_good = |index: usize| {
        let member = &pool.endpoints[index];
        weight(index) > 0 && member.readiness == Readiness::Ready && member.state.is_available(now)
    };
    let has_room = |index: usize| pool.endpoints[index].state.has_room(limits);
    let good: Vec<usize> = (0..pool.endpoints.len()).filter(|index| is_good(*index)).collect();
    let fit: Vec<usize> = good.iter().copied().filter(|index| has_room(*index)).collect();
    let panic = pool.selection().counts().panic;
    match bench.pick(pool, now) {
        Ok(pick) => {
            prop_assert!(has_room(pick.index));
            prop_assert!(weight(pick.index) > 0, "weight 0 takes no new traffic");
            let untried: Vec<_> = fit.iter().filter(|index| !tried.contains(index)).collect();
            let state = &pool.endpoints[pick.index].state;
            if !untried.is_empty() && !panic {
                prop_assert!(state.is_available(now), "an available one was there");
                prop_assert!(!tried.contains(&pick.index), "an untried one was there");
            }
            held.push(state.begin());
        }
        Err(NoEndpoint::Unavailable) => prop_assert!(good.is_empty(), "{good:?}"),
        Err(NoEndpoint::Full) => prop_assert!(fit.is_empty(), "{fit:?}"),
    }
    Ok(())
}
