//! Who takes traffic when endpoints fail, return or are new, over sockets.

use crate::declared::{
    CHECKS, all_well, assert_counts, await_endpoints, await_gauge, await_state, backends, counts,
    endpoint, equals, gauge, next_table, pool,
};
use crate::rig::{Backend, Weir, eventually, spread};

#[test]
fn below_the_panic_threshold_all_take_traffic() {
    let backends = backends(4);
    let weir = Weir::start(&equals(&backends, &format!("  panicThreshold: 50\n{CHECKS}")));
    let set_ill = |ill: [bool; 4]| {
        backends.iter().zip(ill).for_each(|(backend, ill)| backend.set_ill(ill));
        await_state(&weir, "unhealthy", ill.iter().filter(|ill| **ill).count() as u32);
    };
    set_ill([true, true, false, false]);
    assert_counts(&spread(&weir, 400, 4, "/"), &[("b3", 200), ("b4", 200)], 1);
    set_ill([true, true, true, false]);
    await_gauge(&weir, "weir_upstream_panic", "", 1.0);
    let all = [("b1", 100), ("b2", 100), ("b3", 100), ("b4", 100)];
    assert_counts(&spread(&weir, 400, 4, "/"), &all, 1);
    set_ill([true, false, false, false]);
    await_gauge(&weir, "weir_upstream_panic", "", 0.0);
    assert_counts(&spread(&weir, 300, 4, "/"), &[("b2", 100), ("b3", 100), ("b4", 100)], 1);
}

#[test]
fn a_tier_spills_as_much_as_it_cannot_bear() {
    let backends = backends(6);
    let list = backends
        .iter()
        .enumerate()
        .map(|(at, backend)| endpoint(backend, "", if at < 4 { "" } else { ", tier: 1" }));
    let weir = Weir::start(&pool(&list.collect::<String>(), CHECKS));
    let first = |each| [("b1", each), ("b2", each), ("b3", each), ("b4", each)];
    assert_counts(&spread(&weir, 400, 4, "/"), &first(100), 1);
    // Three of four, with 1.4 times their part each: enough.
    backends[0].set_ill(true);
    await_state(&weir, "unhealthy", 1);
    assert_counts(&spread(&weir, 300, 4, "/"), &first(100)[1..], 1);
    // Half of it bears seven tenths.
    backends[1].set_ill(true);
    await_state(&weir, "unhealthy", 2);
    await_gauge(&weir, "weir_upstream_tier", "", 1.0);
    let spilt = [("b3", 350), ("b4", 350), ("b5", 150), ("b6", 150)];
    assert_counts(&spread(&weir, 1_000, 4, "/"), &spilt, 2);
    // A quarter bears 0.35.
    backends[2].set_ill(true);
    await_state(&weir, "unhealthy", 3);
    let spilt = [("b4", 350), ("b5", 325), ("b6", 325)];
    assert_counts(&spread(&weir, 1_000, 4, "/"), &spilt, 2);
    backends[3].set_ill(true);
    await_state(&weir, "unhealthy", 4);
    assert_counts(&spread(&weir, 400, 4, "/"), &[("b5", 200), ("b6", 200)], 1);
    all_well(&weir, &backends);
    assert_counts(&spread(&weir, 400, 4, "/"), &first(100), 1);
}

#[test]
fn an_endpoint_that_answers_badly_is_ejected() {
    let backends = backends(4);
    // So long that it does not return during the test.
    let outlier = "  outlierDetection: { consecutiveErrors: 5, baseEjectionTime: 1h, \
                   maxEjectionTime: 1h, maxEjectedPercent: 50 }\n";
    let weir = Weir::start(&equals(&backends, outlier));
    backends[0].set_broken(true);
    // Four turns for each error, and no more than five errors.
    let found = counts(&mut weir.client(), 400);
    assert_eq!(found.get("!503"), Some(&5), "{found:?}");
    await_state(&weir, "ejected", 1);
    assert_counts(&spread(&weir, 300, 4, "/"), &[("b2", 100), ("b3", 100), ("b4", 100)], 1);
    // Half of them at most: the third stays, broken as it is.
    backends[1].set_broken(true);
    backends[2].set_broken(true);
    spread(&weir, 200, 1, "/");
    await_state(&weir, "ejected", 2);
    assert_counts(&spread(&weir, 200, 4, "/"), &[("!503", 100), ("b4", 100)], 1);
}

#[test]
fn an_ejected_endpoint_returns() {
    let backends = backends(3);
    let outlier = "  outlierDetection: { consecutiveErrors: 5, baseEjectionTime: 300ms }\n";
    let weir = Weir::start(&equals(&backends, outlier));
    backends[0].set_broken(true);
    let mut client = weir.client();
    eventually("an ejection", || {
        counts(&mut client, 30);
        gauge(&weir, "weir_upstream_ejections_total{pool=\"test/p\"}").is_some_and(|n| n > 0.0)
    });
    backends[0].set_broken(false);
    let series = |family| {
        let address = backends[0].address;
        format!("weir_upstream_endpoint_{family}{{pool=\"test/p\",endpoint=\"{address}\"}}")
    };
    eventually("its return", || {
        let has_share = gauge(&weir, &series("share_ratio")).is_some_and(|share| share > 0.3);
        gauge(&weir, &series("ejected")) == Some(0.0) && has_share
    });
    assert_counts(&spread(&weir, 300, 4, "/"), &[("b1", 100), ("b2", 100), ("b3", 100)], 1);
}

#[test]
fn a_new_endpoint_begins_with_a_tenth_of_its_share() {
    let backends = backends(3);
    let declared = |backends: &[Backend], window: &str| {
        let slow_start = format!("  loadBalancing: {{ slowStart: {{ window: {window} }} }}\n");
        equals(backends, &slow_start)
    };
    let weir = Weir::start(&declared(&backends[..2], "1h"));
    assert_counts(&spread(&weir, 400, 4, "/"), &[("b1", 200), ("b2", 200)], 1);
    weir.write("pool.yaml", &declared(&backends, "1h"));
    await_endpoints(&weir, 3);
    await_state(&weir, "warming", 1);
    // A tenth is 10 of 210. In ten minutes it grows to a quarter, 25 of 225.
    let found = spread(&weir, 1_000, 4, "/");
    let new = found.get("b3").copied().unwrap_or(0);
    assert!((46..112).contains(&new), "{found:?}");
    // It has been there for longer than this window: warm.
    next_table(&weir, || weir.write("pool.yaml", &declared(&backends, "1ms")));
    await_state(&weir, "warming", 0);
    assert_counts(&spread(&weir, 300, 4, "/"), &[("b1", 100), ("b2", 100), ("b3", 100)], 1);
}
