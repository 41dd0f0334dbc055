//! Bounds: who goes on, who waits, in which order, and that nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use weir::model::{EndpointLimits, Limits};
use weir::upstream::balance::NoEndpoint;
use weir::upstream::{Admission, Permit, Pool, Refusal, Waiting};

use crate::support::*;

fn bounded(bench: &Bench, limits: Limits, endpoints: u32) -> Arc<Pool> {
    let mut model = model(vec![service("s", 1, (0..endpoints).map(endpoint))]);
    model.limits = limits;
    bench.bind(model, NOON)
}

fn limits(most: u32, pending: u32) -> Limits {
    Limits {
        max_requests: Some(most),
        max_pending: pending,
        queue_timeout: Duration::from_secs(1),
        ..Limits::default()
    }
}

fn admitted(pool: &Pool) -> Permit {
    match pool.admit() {
        Admission::Admitted(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn queued(pool: &Pool) -> Waiting {
    match pool.admit() {
        Admission::Queued(waiting) => waiting,
        other => panic!("{other:?}"),
    }
}

fn refused(pool: &Pool) -> Refusal {
    match pool.admit() {
        Admission::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    let pool = bounded(&bench(), limits(2, 4), 1);
    let (first, second) = (admitted(&pool), admitted(&pool));
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(queued(&pool).wait())).collect();
    assert_eq!(pool.state.waiting(), 3);
    for waiting in &mut waiting {
        assert!(waiting.now_or_never().is_none());
    }
    drop(first);
    // Whoever comes now stands behind, although there is room.
    let mut late = Box::pin(queued(&pool).wait());
    assert_eq!(refused(&pool), Refusal::QueueFull);
    assert!((&mut late).now_or_never().is_none());
    assert!((&mut waiting[1]).now_or_never().is_none());
    let third = (&mut waiting[0]).now_or_never().unwrap().unwrap();
    assert_eq!(pool.state.admitted_now(), 2);
    drop(second);
    let fourth = (&mut waiting[1]).now_or_never().unwrap().unwrap();
    drop((third, fourth));
    assert!((&mut waiting[2]).now_or_never().unwrap().is_ok());
    assert!(late.await.is_ok());
    drop(waiting);
    assert_eq!((pool.state.admitted_now(), pool.state.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_in_time() {
    let pool = bounded(&bench(), limits(1, 3), 1);
    let permit = admitted(&pool);
    let begin = tokio::time::Instant::now();
    assert_eq!(queued(&pool).wait().await.unwrap_err(), Refusal::QueueTimeout);
    assert_eq!(begin.elapsed().as_millis(), 1_000);
    assert_eq!(pool.state.waiting(), 0);
    drop(permit);
    drop(admitted(&pool));
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_passes_the_turn_on() {
    let pool = bounded(&bench(), limits(1, 3), 1);
    let permit = admitted(&pool);
    let mut first = Box::pin(queued(&pool).wait());
    let mut second = Box::pin(queued(&pool).wait());
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    drop(permit);
    // Called, and gone before it looked.
    drop(first);
    assert!((&mut second).now_or_never().unwrap().is_ok());
}

#[test]
fn without_a_queue_full_is_full() {
    let pool = bounded(&bench(), limits(1, 0), 1);
    let _permit = admitted(&pool);
    assert_eq!(refused(&pool), Refusal::PoolFull);
}

#[test]
fn connections_bound_requests_too() {
    let mut limits = limits(5, 0);
    limits.max_connections = Some(2);
    let pool = bounded(&bench(), limits, 2);
    let _held = (admitted(&pool), admitted(&pool));
    assert_eq!(refused(&pool), Refusal::PoolFull);
    let state = &pool.endpoints[0].state;
    let open: Vec<_> = (0..3).filter_map(|_| state.try_connect(&pool.model.limits)).collect();
    assert_eq!(open.len(), 2);
    assert!(pool.endpoints[1].state.try_connect(&pool.model.limits).is_none());
    drop(open);
    assert_eq!((state.connections(), pool.state.connections()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn full_endpoints_are_passed_over_and_waited_for() {
    let mut bench = bench();
    let per_endpoint = EndpointLimits { max_requests: Some(1), max_connections: None };
    let limits = Limits {
        max_pending: 2,
        queue_timeout: Duration::from_secs(1),
        per_endpoint,
        ..Limits::default()
    };
    let pool = bounded(&bench, limits, 2);
    let begin = |bench: &mut Bench| {
        let index = bench.index(&pool, NOON);
        pool.endpoints[index].state.try_begin(&pool.model.limits).unwrap()
    };
    let first = begin(&mut bench);
    let second = begin(&mut bench);
    assert!(!Arc::ptr_eq(first.endpoint(), second.endpoint()));
    assert_eq!(bench.pick(&pool, NOON), Err(NoEndpoint::Full));
    assert!(first.endpoint().try_begin(&pool.model.limits).is_none());

    let mut permit = admitted(&pool);
    let freed = first.endpoint().address();
    let mut room = Box::pin(pool.wait_for_room(&mut permit, || bench.pick(&pool, NOON).ok()));
    assert!((&mut room).now_or_never().is_none());
    // Newcomers stand behind, even before they look for an endpoint.
    let mut newcomer = Box::pin(queued(&pool).wait());
    assert!((&mut newcomer).now_or_never().is_none());
    drop(first);
    assert!((&mut newcomer).now_or_never().is_none());
    let picked = room.await.unwrap();
    assert_eq!(pool.endpoint(picked.index).unwrap().state.address(), freed);
    assert!((&mut newcomer).now_or_never().unwrap().is_ok());
    drop(second);
    assert_eq!(pool.state.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn room_that_does_not_come_is_waited_for_in_vain() {
    let mut limits = limits(10, 1);
    limits.per_endpoint.max_requests = Some(1);
    let pool = bounded(&bench(), limits, 1);
    let _held = pool.endpoints[0].state.begin();
    let mut permit = admitted(&pool);
    let waited = pool.wait_for_room(&mut permit, || None::<()>).await;
    assert_eq!(waited, Err(Refusal::QueueTimeout));
    drop(permit);
    assert_eq!(pool.state.admitted_now(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wider_bound_lets_those_in_who_wait() {
    let bench = bench();
    let pool = bounded(&bench, limits(1, 3), 1);
    let _held = admitted(&pool);
    let mut waiting = Box::pin(queued(&pool).wait());
    assert!((&mut waiting).now_or_never().is_none());
    let mut model = (*pool.model).clone();
    model.limits.max_requests = Some(2);
    let _wider = bench.bind(model, NOON);
    // It waits by the bound that it came with, until something is freed.
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(waiting.await.unwrap_err(), Refusal::QueueTimeout);
}

/// Many threads with runtimes of their own: the bound holds, everybody is served, nothing leaks.
#[test]
fn workers_share_the_bound() {
    const MOST: u32 = 3;
    let bench = bench();
    let mut limits = limits(MOST, 1_000);
    limits.queue_timeout = Duration::from_secs(60);
    let pool = bounded(&bench, limits, 1);
    let inside = AtomicU32::new(0);
    let served = AtomicU32::new(0);
    let abandoned = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for worker in 0..4_u64 {
            let (pool, inside, served, abandoned) = (&pool, &inside, &served, &abandoned);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let one = |mut random: fastrand::Rng| async move {
                    let permit = match pool.admit() {
                        Admission::Admitted(permit) => permit,
                        Admission::Queued(waiting) => {
                            let mut waiting = Box::pin(waiting.wait());
                            if random.u8(..4) == 0 {
                                // Gives up after it was polled, perhaps after it was called.
                                let first = (&mut waiting).now_or_never();
                                tokio::task::yield_now().await;
                                abandoned.fetch_add(1, Ordering::Relaxed);
                                drop(first);
                                return;
                            }
                            waiting.await.unwrap()
                        }
                        Admission::Refused(refusal) => panic!("{refusal}"),
                    };
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < MOST);
                    for _ in 0..random.u8(..3) {
                        tokio::task::yield_now().await;
                    }
                    inside.fetch_sub(1, Ordering::SeqCst);
                    served.fetch_add(1, Ordering::Relaxed);
                    drop(permit);
                };
                runtime.unwrap().block_on(async {
                    let seeds = (0..200).map(|at| fastrand::Rng::with_seed(worker * 1_000 + at));
                    futures::future::join_all(seeds.map(one)).await;
                });
            });
        }
    });
    assert_eq!(served.into_inner() + abandoned.into_inner(), 800);
    assert_eq!((pool.state.admitted_now(), pool.state.waiting()), (0, 0));
}
