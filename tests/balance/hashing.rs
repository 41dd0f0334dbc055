//! The same key leads to the same endpoint, and few keys move when endpoints change.

use std::net::SocketAddr;
use std::sync::Arc;

use proptest::prelude::*;
use weir::model::{Algorithm, Backend, HashKey, HeaderName};
use weir::upstream::{Health, Pool};

use crate::support::*;

const KEYS: u32 = 4_000;

fn pool(bench: &Bench, algorithm: Algorithm, backends: Vec<Backend>) -> Arc<Pool> {
    let mut model = model(backends);
    model.algorithm = algorithm;
    bench.bind(model, NOON)
}

fn owners(bench: &mut Bench, pool: &Pool) -> Vec<SocketAddr> {
    let owner = |number| {
        bench.client = client(number);
        let index = bench.index(pool, NOON);
        pool.endpoint(index).unwrap().state.address()
    };
    (0..KEYS).map(owner).collect()
}

const HASHING: [Algorithm; 2] = [Algorithm::RingHash, Algorithm::Maglev];

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn few_keys_move_when_one_leaves(count in 3_u32..40, leaver in 0_u32..1_000) {
        let leaver = leaver % count;
        for algorithm in HASHING {
            let mut bench = bench();
            let before = pool(&bench, algorithm, vec![service("s", 1, (0..count).map(endpoint))]);
            let before = owners(&mut bench, &before);
            let stay = (0..count).filter(|number| *number != leaver).map(endpoint);
            let after = pool(&bench, algorithm, vec![service("s", 1, stay)]);
            let after = owners(&mut bench, &after);
            let gone = address(leaver);
            let moved = before.iter().zip(&after).filter(|(b, a)| **b != gone && a != b).count();
            // A ring moves no key of those who stay; Maglev a few.
            let bound = if algorithm == Algorithm::RingHash { 0 } else { KEYS as usize * 4 / 100 };
            prop_assert!(moved <= bound, "{algorithm:?}: {moved} of {KEYS} moved without need");
            prop_assert!(!after.contains(&gone));
        }
    }

    #[test]
    fn an_unhealthy_endpoint_moves_only_its_own_keys_even_before_upkeep(count in 3_u32..20) {
        for algorithm in HASHING {
            let mut bench = bench();
            let pool = pool(&bench, algorithm, vec![service("s", 1, (0..count).map(endpoint))]);
            let before = owners(&mut bench, &pool);
            pool.endpoints[0].state.set_health(Health::Unhealthy, NOON);
            let after = owners(&mut bench, &pool);
            for (before, after) in before.iter().zip(&after) {
                prop_assert!(*after != address(0));
                prop_assert!(before == after || *before == address(0));
            }
        }
    }
}

#[test]
fn shares_follow_weights() {
    for algorithm in HASHING {
        let mut bench = bench();
        let weights = [1, 2, 3, 4];
        let pool = pool(&bench, algorithm, statics(&weights));
        let owners = owners(&mut bench, &pool);
        for (at, weight) in weights.iter().enumerate() {
            let share = owners.iter().filter(|owner| **owner == address(at as u32)).count() as f64
                / f64::from(KEYS);
            let expected = f64::from(*weight) / 10.0;
            assert!((share - expected).abs() < 0.04, "{algorithm:?} {weight}: {share}");
        }
    }
}

#[test]
fn services_keep_their_share_of_keys() {
    for algorithm in HASHING {
        let mut bench = bench();
        let backends = |new: u32| {
            vec![
                service("v1", 100 - new, (0..5).map(endpoint)),
                service("v2", new, (10..12).map(endpoint)),
            ]
        };
        let pool_10 = pool(&bench, algorithm, backends(10));
        let before = owners(&mut bench, &pool_10);
        let on_new = |owners: &[SocketAddr]| {
            owners.iter().filter(|owner| **owner >= address(10)).count() as f64 / f64::from(KEYS)
        };
        assert!((on_new(&before) - 0.1).abs() < 0.02, "{algorithm:?}: {}", on_new(&before));
        let pool_20 = pool(&bench, algorithm, backends(20));
        let after = owners(&mut bench, &pool_20);
        assert!((on_new(&after) - 0.2).abs() < 0.03, "{algorithm:?}: {}", on_new(&after));
        // Who was on the new version stays there; a tenth of all keys moves, and no more.
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(moved as f64 / f64::from(KEYS) < 0.14, "{algorithm:?}: {moved}");
    }
}

#[test]
fn every_process_agrees() {
    // Written down once: a change of these moves the sessions of every user at an upgrade.
    let numbers = |algorithm| {
        let mut bench = bench();
        let pool = pool(&bench, algorithm, vec![service("s", 1, (0..10).map(endpoint))]);
        (0..12)
            .map(|number| {
                bench.client = client(number);
                bench.index(&pool, NOON)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(Algorithm::RingHash), [9, 1, 3, 9, 9, 7, 5, 7, 0, 3, 2, 9]);
    assert_eq!(numbers(Algorithm::Maglev), [6, 7, 4, 3, 0, 0, 7, 3, 1, 5, 2, 7]);
}

#[test]
fn the_first_key_that_is_there_counts() {
    for algorithm in HASHING {
        let mut bench = bench();
        let mut model = model(vec![service("s", 1, (0..10).map(endpoint))]);
        model.algorithm = algorithm;
        model.hash_on = vec![
            HashKey::Header(HeaderName::parse("x-user").unwrap()),
            HashKey::Cookie("user".into()),
        ];
        let pool = bench.bind(model, NOON);
        // Without a key: by chance.
        assert!(bench.counts(&pool, 200).len() > 5);
        bench.headers.insert("cookie", "a=1; user=ann; b=2".parse().unwrap());
        assert_eq!(bench.counts(&pool, 50).len(), 1);
        assert_eq!(bench.trace(&pool, NOON).hashed.as_deref(), Some("cookie user"));
        bench.headers.insert("x-user", "ann".parse().unwrap());
        let by_header = bench.counts(&pool, 50);
        bench.headers.insert("cookie", "user=bob".parse().unwrap());
        assert_eq!(bench.counts(&pool, 50), by_header);
        assert_eq!(bench.trace(&pool, NOON).hashed.as_deref(), Some("header x-user"));
    }
}
