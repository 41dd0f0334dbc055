//! Ejection, panic and warm-up.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use weir::model::Outlier;
use weir::upstream::{Health, Millis, Outcome, Pool, PoolChange};

use crate::support::*;

const OK: Outcome = Outcome::Answered { status: 200, latency: Duration::from_millis(5) };
const BAD: Outcome = Outcome::Answered { status: 503, latency: Duration::from_millis(5) };

fn outlier(max_ejected_percent: u8) -> Outlier {
    Outlier {
        consecutive_errors: 5,
        base_ejection_time: Duration::from_secs(30),
        max_ejection_time: Duration::from_secs(100),
        max_ejected_percent,
    }
}

fn pool(bench: &Bench, endpoints: u32, percent: u8) -> Arc<Pool> {
    let mut model = model(vec![service("s", 1, (0..endpoints).map(endpoint))]);
    model.outlier = Some(outlier(percent));
    bench.bind(model, NOON)
}

fn fail(pool: &Pool, index: usize, now: Millis) {
    (0..5).for_each(|_| pool.endpoints[index].state.report(BAD, now));
}

#[test]
fn five_errors_in_a_row_eject_and_a_success_ends_the_row() {
    let mut bench = bench();
    let pool = pool(&bench, 3, 50);
    let state = &pool.endpoints[0].state;
    for _ in 0..10 {
        (0..4).for_each(|_| state.report(BAD, NOON));
        state.report(OK, NOON);
    }
    assert!(!state.is_ejected(NOON));
    for outcome in [Outcome::ClientGone, Outcome::ConnectFailed, Outcome::Reset] {
        (0..4).for_each(|_| state.report(outcome, NOON));
        let no_error = Outcome::Answered { status: 404, latency: Duration::ZERO };
        state.report(no_error, NOON);
    }
    assert!(!state.is_ejected(NOON), "the 404s ended the rows");
    for outcome in [
        Outcome::ConnectFailed,
        Outcome::ConnectTimeout,
        Outcome::Reset,
        Outcome::ClientGone,
        Outcome::TimedOut,
        Outcome::ProtocolError,
    ] {
        state.report(outcome, NOON);
    }
    assert!(state.is_ejected(NOON));
    // Passed over at once, and after the selection is new.
    assert!(!bench.counts(&pool, 30).contains_key(&0));
    pool.maintain(NOON);
    assert_eq!(bench.counts(&pool, 30).into_values().collect::<Vec<_>>(), [15, 15]);
    let time = Duration::from_secs(30);
    let told = bench.readers.events.try_recv().unwrap();
    assert_eq!(told.change, PoolChange::Ejected { address: address(0), time });
    assert_eq!(bench.readers.dirty.try_recv().unwrap(), pool.model.name);
    // It returns by itself, even before upkeep sees it.
    let back = NOON.plus(time);
    assert!(state.is_available(back));
    assert_eq!(pool.maintain(NOON), Some(back));
    assert_eq!(pool.maintain(back), None);
    assert_eq!(bench.readers.events.try_recv().unwrap().change, PoolChange::Returned(address(0)));
    assert_eq!(pool.state.ejected(), 0);
}

#[test]
fn ejections_in_a_row_last_longer_and_good_times_are_remembered() {
    let bench = bench();
    let pool = pool(&bench, 3, 50);
    let state = &pool.endpoints[0].state;
    let mut now = NOON;
    let mut times = Vec::new();
    for good in [0, 0, 0, 0, 60, 0, 3_600] {
        now = now.plus(Duration::from_secs(good));
        fail(&pool, 0, now);
        times.push(state.ejected_until().since(now).as_secs());
        now = state.ejected_until();
        pool.maintain(now);
    }
    // Two good base times take two off the row of four; then one more, and all forgiven.
    assert_eq!(times, [30, 60, 90, 100, 90, 100, 30]);
}

#[test]
fn the_cap_holds_and_one_may_always_go() {
    for (endpoints, percent, expected) in
        [(10, 50, 5), (10, 100, 10), (3, 10, 1), (2, 1, 1), (1, 100, 0), (5, 0, 0)]
    {
        let bench = bench();
        let pool = pool(&bench, endpoints, percent);
        (0..endpoints as usize).for_each(|index| fail(&pool, index, NOON));
        let ejected = pool.endpoints.iter().filter(|m| m.state.is_ejected(NOON)).count();
        assert_eq!(ejected, expected, "{endpoints} at {percent} %");
        assert_eq!(pool.state.ejected() as usize, expected);
    }
}

#[test]
fn an_ejected_endpoint_that_vanishes_frees_its_place() {
    let bench = bench();
    let first = pool(&bench, 3, 34);
    fail(&first, 0, NOON);
    assert_eq!(first.state.ejected(), 1);
    let mut model = (*first.model).clone();
    model.backends[0].endpoints.remove(0);
    let second = bench.bind(model, NOON);
    assert!(Arc::ptr_eq(&first.state, &second.state));
    drop(first);
    assert_eq!(second.state.ejected(), 0);
    assert!(second.endpoints[0].state.is_available(NOON));
}

#[test]
fn state_outlives_versions() {
    let bench = bench();
    let first = pool(&bench, 3, 50);
    fail(&first, 1, NOON);
    first.endpoints[2].state.set_health(Health::Unhealthy, NOON);
    let held = first.endpoints[0].state.begin();
    let mut model = (*first.model).clone();
    model.health_check = Some(weir::model::HealthCheck {
        probe: weir::model::Probe::Tcp,
        port: None,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        unhealthy_threshold: 1,
        healthy_threshold: 1,
    });
    model.backends[0].weight = 7;
    let second = bench.bind(model.clone(), NOON);
    assert!(second.endpoints[1].state.is_ejected(NOON));
    assert_eq!(second.endpoints[0].state.in_flight(), 1);
    assert_eq!(second.endpoints[2].state.health(), Health::Unhealthy);
    assert_eq!(second.selection().counts().ready, 1);
    drop(held);
    // Nobody checks any more: nobody knows.
    model.health_check = None;
    let third = bench.bind(model, NOON);
    assert_eq!(third.endpoints[2].state.health(), Health::Unknown);
}

#[test]
fn panic_ignores_health_and_says_so() {
    let mut bench = bench();
    let mut model = model(vec![service("s", 1, (0..4).map(endpoint))]);
    model.panic_threshold = 50;
    let pool = bench.bind(model, NOON);
    for index in 0..2 {
        pool.endpoints[index].state.set_health(Health::Unhealthy, NOON);
    }
    pool.refresh(NOON);
    assert_eq!(bench.counts(&pool, 40).len(), 2, "half is not below half");
    pool.endpoints[2].state.set_health(Health::Unhealthy, NOON);
    pool.refresh(NOON);
    assert_eq!(bench.counts(&pool, 40).into_values().collect::<Vec<_>>(), [10; 4]);
    assert!(pool.selection().counts().panic);
    pool.endpoints[1].state.set_health(Health::Healthy, NOON);
    pool.refresh(NOON);
    assert_eq!(bench.counts(&pool, 40).len(), 2);
    let mut told = Vec::new();
    while let Ok(event) = bench.readers.events.try_recv() {
        told.push(event.change);
    }
    assert_eq!(
        told,
        [
            PoolChange::Unhealthy(address(0)),
            PoolChange::Unhealthy(address(1)),
            PoolChange::Unhealthy(address(2)),
            PoolChange::PanicEntered,
            PoolChange::Healthy(address(1)),
            PoolChange::PanicLeft,
        ]
    );
}

#[test]
fn without_a_threshold_there_is_no_panic() {
    let mut bench = bench();
    let pool = bench.bind(model(vec![service("s", 1, (0..4).map(endpoint))]), NOON);
    pool.endpoints.iter().for_each(|m| _ = m.state.set_health(Health::Unhealthy, NOON));
    assert!(bench.pick(&pool, NOON).is_err());
    pool.refresh(NOON);
    assert!(bench.pick(&pool, NOON).is_err());
    // It can serve before the selection knows.
    pool.endpoints[3].state.set_health(Health::Healthy, NOON);
    assert_eq!(bench.index(&pool, NOON), 3);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn warm_up_grows_and_ends(window in 1_000_u64..120_000, old in 1_u32..6, steps in 3_u64..40) {
        let mut bench = bench();
        let mut model = model(vec![service("s", 1, (0..old).map(endpoint))]);
        model.slow_start = Some(Duration::from_millis(window));
        let first = bench.bind(model.clone(), NOON);
        bench.pools.mark_synced();
        prop_assert_eq!(first.selection().counts().warming, 0, "what was there first is warm");
        model.backends[0].endpoints.push(endpoint(old));
        let pool = bench.bind(model, NOON);
        let full = 1.0 / f64::from(old + 1);
        let mut last = 0.0;
        for step in 0..=steps {
            let now = NOON.plus(Duration::from_millis(window * step / steps));
            let next = pool.maintain(now);
            let share = bench.trace(&pool, now).endpoints[old as usize].share;
            prop_assert!(share >= last, "{last} {share}");
            prop_assert!(share >= full * 0.1 - 1e-9, "{share}");
            prop_assert_eq!(next.is_some(), step < steps, "watched until it is warm");
            last = share;
        }
        prop_assert!((last - full).abs() < 1e-9, "{last} {full}");
    }
}

#[test]
fn who_comes_back_warms_up_again() {
    let bench = bench();
    let mut model = model(vec![service("s", 1, (0..2).map(endpoint))]);
    model.slow_start = Some(Duration::from_secs(10));
    model.outlier = Some(outlier(50));
    let pool = bench.bind(model.clone(), NOON);
    bench.pools.mark_synced();
    pool.endpoints[0].state.set_health(Health::Unhealthy, NOON);
    pool.maintain(NOON);
    assert_eq!(pool.selection().counts().warming, 0);
    pool.endpoints[0].state.set_health(Health::Healthy, NOON);
    pool.maintain(NOON);
    assert_eq!(pool.selection().counts().warming, 1);
    let later = NOON.plus(Duration::from_secs(10));
    pool.maintain(later);
    assert_eq!(pool.selection().counts().warming, 0);
    fail(&pool, 1, later);
    let back = later.plus(Duration::from_secs(30));
    pool.maintain(back);
    assert_eq!(pool.selection().counts().warming, 1);
    // A version with the same endpoints warms nobody.
    let warm = back.plus(Duration::from_secs(10));
    pool.maintain(warm);
    let again = bench.bind(model, warm);
    assert_eq!(again.selection().counts().warming, 0);
}

#[test]
fn upkeep_serves_whoever_asks() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Bench { pools, readers, .. } = bench();
    let mut model = model(vec![service("s", 1, (0..2).map(endpoint))]);
    model.panic_threshold = 60;
    let pool = pools.bind(&Arc::new(model), weir::upstream::clock::now());
    let mut events = readers.events;
    runtime.block_on(async move {
        let upkeep = weir::upstream::upkeep::run(pools, readers.dirty);
        let worker = async {
            let now = weir::upstream::clock::now();
            pool.endpoints[0].state.set_health(Health::Unhealthy, now);
            assert_eq!(events.recv().await.unwrap().change, PoolChange::Unhealthy(address(0)));
            assert_eq!(events.recv().await.unwrap().change, PoolChange::PanicEntered);
            assert!(pool.selection().counts().panic);
        };
        tokio::select! { () = upkeep => panic!("it goes on"), () = worker => {} }
    });
}
