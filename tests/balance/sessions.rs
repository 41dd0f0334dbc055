//! A session stays where it is, and nobody can make it go elsewhere.

use std::sync::Arc;
use std::time::Duration;

use weir::metrics::Metrics;
use weir::model::{Algorithm, Persistence, PersistenceKind, Pool as Model, PoolName, Readiness};
use weir::upstream::{Health, Options, Pool, Pools};

use crate::support::*;

fn sticky(endpoints: u32) -> Model {
    let mut model = model(vec![service("s", 1, (0..endpoints).map(endpoint))]);
    model.persistence = Some(Persistence {
        kind: PersistenceKind::Cookie("weir".into()),
        absolute_timeout: Some(Duration::from_secs(3_600)),
    });
    model
}

/// Begins a session, and returns its endpoint and token.
fn begin(bench: &mut Bench, pool: &Pool) -> (usize, String) {
    bench.headers.remove("cookie");
    let pick = bench.pick(pool, NOON).unwrap();
    (pick.index, pick.session.unwrap().as_str().to_owned())
}

fn send(bench: &mut Bench, token: &str) {
    bench.headers.insert("cookie", format!("a=b; weir={token}; c=d").parse().unwrap());
}

#[test]
fn a_session_stays_under_every_algorithm() {
    for algorithm in ALGORITHMS {
        let mut bench = bench();
        let mut model = sticky(10);
        model.algorithm = algorithm;
        let pool = bench.bind(model, NOON);
        for number in 0..10 {
            bench.client = client(number);
            let (index, token) = begin(&mut bench, &pool);
            send(&mut bench, &token);
            bench.client = client(number + 1_000);
            for _ in 0..20 {
                let pick = bench.pick(&pool, NOON).unwrap();
                assert_eq!((pick.index, pick.session), (index, None), "{algorithm:?}");
            }
        }
    }
}

#[test]
fn a_header_carries_it_too() {
    let mut bench = bench();
    let mut model = sticky(10);
    let name = weir::model::HeaderName::parse("x-session").unwrap();
    model.persistence.as_mut().unwrap().kind = PersistenceKind::Header(name);
    let pool = bench.bind(model, NOON);
    let (index, token) = begin(&mut bench, &pool);
    bench.headers.insert("x-session", token.parse().unwrap());
    assert_eq!(bench.counts(&pool, 20).into_keys().collect::<Vec<_>>(), [index]);
}

#[test]
fn it_is_good_on_every_replica_and_after_changes() {
    let mut first = bench();
    let pool = first.bind(sticky(10), NOON);
    let (index, token) = begin(&mut first, &pool);
    let wanted = pool.endpoint(index).unwrap().state.address();
    let mut second = bench();
    let mut model = sticky(20);
    model.backends[0].endpoints.rotate_left(3);
    let pool = second.bind(model, NOON);
    send(&mut second, &token);
    let index = second.index(&pool, NOON);
    assert_eq!(pool.endpoint(index).unwrap().state.address(), wanted);
}

#[test]
fn it_is_good_nowhere_else() {
    let mut bench = bench();
    let pool = bench.bind(sticky(10), NOON);
    let (_, token) = begin(&mut bench, &pool);
    send(&mut bench, &token);
    // Another pool with the same endpoints.
    let mut model = sticky(10);
    model.name = PoolName::new("shop", "other");
    let other = bench.bind(model, NOON);
    assert!(bench.pick(&other, NOON).unwrap().session.is_some());
    assert_eq!(bench.trace(&other, NOON).session, Some("new: the token is over, or not from here"));
    // The same pool with another key.
    let options = Options { session_key: b"secret".to_vec(), ..Options::default() };
    let (pools, _readers) = Pools::new(options, Metrics::new(1));
    let keyed = pools.bind(&Arc::new(sticky(10)), NOON);
    assert!(bench.pick(&keyed, NOON).unwrap().session.is_some());
    assert!(bench.pick(&pool, NOON).unwrap().session.is_none());
}

#[test]
fn it_ends() {
    let mut bench = bench();
    let pool = bench.bind(sticky(10), NOON);
    let (index, token) = begin(&mut bench, &pool);
    send(&mut bench, &token);
    let almost = NOON.plus(Duration::from_secs(3_599));
    assert_eq!(bench.pick(&pool, almost).unwrap().session, None);
    assert_eq!(bench.index(&pool, almost), index);
    let over = NOON.plus(Duration::from_secs(3_600));
    assert!(bench.pick(&pool, over).unwrap().session.is_some());
}

#[test]
fn it_moves_only_from_what_cannot_serve() {
    let mut bench = bench();
    let mut model = sticky(3);
    let pool = bench.bind(model.clone(), NOON);
    let (index, token) = begin(&mut bench, &pool);
    send(&mut bench, &token);
    model.backends[0].endpoints[index].readiness = Readiness::Terminating;
    let ending = bench.bind(model.clone(), NOON);
    assert_eq!(bench.counts(&ending, 10).into_keys().collect::<Vec<_>>(), [index]);
    // Weight 0 takes no new session, but keeps the old ones. Source: GEP-1619.
    model.backends[0].weight = 0;
    let drained = bench.bind(model, NOON);
    assert_eq!(bench.index(&drained, NOON), index);
    drained.endpoints[index].state.set_health(Health::Unhealthy, NOON);
    assert!(bench.pick(&drained, NOON).is_err());
    let moved = bench.pick(&pool, NOON).unwrap();
    assert!(moved.index != index && moved.session.is_some());
    assert_eq!(bench.trace(&pool, NOON).session, Some("moved: its endpoint cannot be used"));
}

#[test]
fn a_full_endpoint_keeps_its_sessions() {
    let mut bench = bench();
    let mut model = sticky(3);
    model.limits.per_endpoint.max_requests = Some(1);
    let pool = bench.bind(model, NOON);
    let (index, token) = begin(&mut bench, &pool);
    send(&mut bench, &token);
    let held = pool.endpoint(index).unwrap().state.begin();
    let elsewhere = bench.pick(&pool, NOON).unwrap();
    assert!(elsewhere.index != index && elsewhere.session.is_none());
    drop(held);
    assert_eq!(bench.index(&pool, NOON), index);
}

#[test]
fn ten_thousand_mutations_lead_nowhere() {
    let mut bench = bench();
    let mut model = sticky(10);
    model.algorithm = Algorithm::Random;
    let pool = bench.bind(model, NOON);
    let (_, token) = begin(&mut bench, &pool);
    let mut random = fastrand::Rng::with_seed(1);
    let mut accepted = 0;
    for _ in 0..10_000 {
        let mut bytes = token.clone().into_bytes();
        match random.u8(..5) {
            0 => bytes.truncate(random.usize(..bytes.len())),
            1 => bytes.extend((0..random.usize(1..200)).map(|_| random.u8(b'!'..=b'~'))),
            2 => bytes = (0..27).map(|_| random.u8(b'!'..=b'~')).collect(),
            3 => bytes = (0..27).map(|_| random.u8(0x80..=0xff)).collect(),
            _ => {
                let at = random.usize(..bytes.len());
                bytes[at] ^= 1 << random.u8(..7);
            }
        }
        // What follows a semicolon is another cookie.
        bytes.iter_mut().filter(|byte| **byte == b';').for_each(|byte| *byte = b':');
        let line = [b"weir=", bytes.as_slice()].concat();
        let Ok(value) = http::HeaderValue::from_bytes(&line) else { continue };
        bench.headers.insert("cookie", value);
        let pick = bench.pick(&pool, NOON).unwrap();
        assert!(pick.index < 10);
        accepted += usize::from(pick.session.is_none());
    }
    assert_eq!(accepted, 0);
}
