//! Near endpoints first, as far as they have capacity, over sockets.

use crate::declared::{
    CHECKS, all_well, assert_counts, await_state, backends, counts, endpoint, pool,
};
use crate::rig::{Backend, Weir, spread};

fn placed(backends: &[Backend], places: &[&str], locality: &str) -> String {
    let list = backends.iter().zip(places).map(|(b, place)| endpoint(b, &format!(", {place}"), ""));
    let locality = format!("  loadBalancing: {{ locality: {locality} }}\n{CHECKS}");
    pool(&list.collect::<String>(), &locality)
}

#[test]
fn the_own_zone_serves_what_it_can_bear() {
    let backends = backends(4);
    let places = ["zone: a", "zone: a", "zone: b", "zone: b"];
    let text = placed(&backends, &places, "{ prefer: Zone }");
    let weir = Weir::start_with(&text, &["--zone", "a"]);
    assert_counts(&spread(&weir, 400, 4, "/"), &[("b1", 200), ("b2", 200)], 1);
    // Half of the zone is left, and bears seven tenths.
    backends[0].set_ill(true);
    await_state(&weir, "unhealthy", 1);
    let spilt = [("b2", 700), ("b3", 150), ("b4", 150)];
    assert_counts(&spread(&weir, 1_000, 4, "/"), &spilt, 2);
    backends[1].set_ill(true);
    await_state(&weir, "unhealthy", 2);
    assert_counts(&spread(&weir, 400, 4, "/"), &[("b3", 200), ("b4", 200)], 1);
    all_well(&weir, &backends);
    assert_counts(&spread(&weir, 400, 4, "/"), &[("b1", 200), ("b2", 200)], 1);
}

#[test]
fn a_small_zone_is_not_flooded() {
    let backends = backends(4);
    // A quarter of the capacity in one of two zones, 2 x 0.25 x 1.4.
    let places = ["zone: a", "zone: b", "zone: b", "zone: b"];
    let text = placed(&backends, &places, "{ prefer: Zone }");
    let weir = Weir::start_with(&text, &["--zone", "a"]);
    let spilt = [("b1", 700), ("b2", 100), ("b3", 100), ("b4", 100)];
    assert_counts(&spread(&weir, 1_000, 4, "/"), &spilt, 2);
    // Whoever runs elsewhere prefers nothing.
    let weir = Weir::start(&text);
    let even = [("b1", 100), ("b2", 100), ("b3", 100), ("b4", 100)];
    assert_counts(&spread(&weir, 400, 4, "/"), &even, 1);
}

#[test]
fn the_own_region_comes_after_the_own_zone() {
    let backends = backends(4);
    let places = [
        "zone: a, region: here",
        "zone: b, region: here",
        "zone: c, region: there",
        "zone: c, region: there",
    ];
    let text = placed(&backends, &places, "{ prefer: Zone }");
    let weir = Weir::start_with(&text, &["--zone", "a", "--region", "here"]);
    // One of four in three zones, 3 x 0.25 x 1.4: it bears everything.
    assert_counts(&spread(&weir, 100, 4, "/"), &[("b1", 100)], 0);
    backends[0].set_ill(true);
    await_state(&weir, "unhealthy", 1);
    // A third of what is left in one of two regions, 2 x 1/3 x 1.4.
    let spilt = [("b2", 933), ("b3", 34), ("b4", 33)];
    assert_counts(&spread(&weir, 1_000, 4, "/"), &spilt, 2);
    backends[1].set_ill(true);
    await_state(&weir, "unhealthy", 2);
    assert_counts(&spread(&weir, 400, 4, "/"), &[("b3", 200), ("b4", 200)], 1);
}

#[test]
fn a_client_region_spills_into_the_next_by_distance() {
    let backends = backends(6);
    let place = |at: usize| ["region: dublin", "region: frankfurt", "region: tokyo"][at / 2];
    let places: Vec<&str> = (0..6).map(place).collect();
    // Declared in another order than the one by distance from Dublin.
    let regions = "{ prefer: ClientRegion, regions: [\
         { name: tokyo, location: { latitude: 35.7, longitude: 139.7 }, clients: [127.5.0.0/16] }, \
         { name: dublin, location: { latitude: 53.3, longitude: -6.3 }, clients: [127.6.0.0/16] }, \
         { name: frankfurt, location: { latitude: 50.1, longitude: 8.7 }, clients: [127.7.0.0/16] }] }";
    let weir = Weir::start(&placed(&backends, &places, regions));
    let goes = |ip: [u8; 4], total| counts(&mut weir.client_from(ip), total);
    let (tokyo, dublin, frankfurt) = ([127, 5, 0, 1], [127, 6, 0, 1], [127, 7, 0, 1]);
    assert_counts(&goes(dublin, 100), &[("b1", 50), ("b2", 50)], 1);
    assert_counts(&goes(frankfurt, 100), &[("b3", 50), ("b4", 50)], 1);
    assert_counts(&goes(tokyo, 100), &[("b5", 50), ("b6", 50)], 1);
    // Nobody knows whose client it is: as declared.
    assert_counts(&goes([127, 0, 0, 1], 100), &[("b5", 50), ("b6", 50)], 1);
    backends[0].set_ill(true);
    await_state(&weir, "unhealthy", 1);
    assert_counts(&goes(dublin, 1_000), &[("b2", 700), ("b3", 150), ("b4", 150)], 2);
    assert_counts(&goes(tokyo, 100), &[("b5", 50), ("b6", 50)], 1);
    backends[1].set_ill(true);
    await_state(&weir, "unhealthy", 2);
    assert_counts(&goes(dublin, 100), &[("b3", 50), ("b4", 50)], 1);
    backends[2].set_ill(true);
    backends[3].set_ill(true);
    await_state(&weir, "unhealthy", 4);
    assert_counts(&goes(dublin, 100), &[("b5", 50), ("b6", 50)], 1);
}
