//! Rate limits, and the budget of retries.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use proptest::prelude::*;
use weir::model::{RateKey, RateLimit, Retry, RetryCondition};
use weir::upstream::Millis;

use crate::support::*;

fn limit(requests: u32, per: u64, burst: u32, key: RateKey) -> RateLimit {
    RateLimit { requests, per: Duration::from_millis(per), burst, key }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_more_than_the_rate_and_the_burst(
        requests in 1_u32..2_000,
        per in 100_u64..100_000,
        burst in 1_u32..50,
        gaps in prop::collection::vec(0_u64..60, 200..400),
        by_client: bool,
    ) {
        let bench = bench();
        let mut model = model(statics(&[1]));
        let key = if by_client { RateKey::ClientAddress } else { RateKey::Pool };
        model.rate_limit = Some(limit(requests, per, burst, key));
        let pool = bench.bind(model, NOON);
        let mut now = NOON;
        let mut taken: Vec<u64> = Vec::new();
        for gap in gaps {
            now = Millis(now.0 + gap);
            // Some at once, too.
            for _ in 0..3 {
                match pool.try_rate(client(1), now) {
                    Ok(()) => taken.push(now.0),
                    Err(wait) => {
                        prop_assert!(!wait.is_zero());
                        // The wait is right: not a millisecond later than needed, nor earlier.
                        let cost = per as f64 / f64::from(requests);
                        prop_assert!(wait.as_secs_f64() * 1e3 <= cost + 1.5, "{wait:?} {cost}");
                    }
                }
            }
        }
        prop_assert!(!taken.is_empty());
        for (first, begin) in taken.iter().enumerate() {
            for (last, end) in taken.iter().enumerate().skip(first) {
                let most = f64::from(burst) + (end - begin) as f64 * f64::from(requests) / per as f64;
                prop_assert!((last - first + 1) as f64 <= most + 1e-6, "{} in {}", last - first + 1, end - begin);
            }
        }
    }
}

#[test]
fn what_is_allowed_is_given() {
    for key in [RateKey::Pool, RateKey::ClientAddress] {
        let bench = bench();
        let mut model = model(statics(&[1]));
        model.rate_limit = Some(limit(100, 1_000, 10, key));
        let pool = bench.bind(model, NOON);
        // One each 10 ms for a second, after the burst.
        let at_once = (0..20).filter(|_| pool.try_rate(client(1), NOON).is_ok()).count();
        assert_eq!(at_once, 10);
        let later = (1..=1_000).filter(|ms| pool.try_rate(client(1), Millis(NOON.0 + ms)).is_ok());
        assert_eq!(later.count(), 100);
    }
}

#[test]
fn clients_are_counted_apart_and_networks_together() {
    let bench = bench();
    let mut model = model(statics(&[1]));
    model.rate_limit = Some(limit(1, 60_000, 1, RateKey::ClientAddress));
    let pool = bench.bind(model, NOON);
    // Two of a thousand share a place with a chance below one in a hundred thousand.
    let allowed = (0..1_000).filter(|number| pool.try_rate(client(*number), NOON).is_ok()).count();
    assert!(allowed >= 998, "{allowed}");
    assert_eq!(pool.try_rate(client(1), NOON), Err(Duration::from_secs(60)));
    let v6 = |host: u128| IpAddr::from(Ipv6Addr::from((0x2001_0db8_u128 << 96) + host));
    assert!(pool.try_rate(v6(1), NOON).is_ok());
    assert!(pool.try_rate(v6(2), NOON).is_err());
    assert!(pool.try_rate(v6(1 << 64), NOON).is_ok());
    // An IPv4 client is the same one through an IPv6 socket.
    assert!(pool.try_rate("::ffff:198.51.100.1".parse().unwrap(), NOON).is_err());
}

#[test]
fn more_clients_than_places_exceed_nothing() {
    let bench = bench();
    let mut model = model(statics(&[1]));
    model.rate_limit = Some(limit(1, 3_600_000, 1, RateKey::ClientAddress));
    let pool = bench.bind(model, NOON);
    let mut allowed = vec![0; 50_000];
    for _ in 0..3 {
        for (number, allowed) in allowed.iter_mut().enumerate() {
            *allowed += u32::from(pool.try_rate(client(number as u32), NOON).is_ok());
        }
    }
    assert!(allowed.iter().all(|count| *count <= 1));
    assert!(allowed.iter().sum::<u32>() > 16_000, "places are used");
}

#[test]
fn threads_share_one_allowance() {
    for key in [RateKey::Pool, RateKey::ClientAddress] {
        let bench = bench();
        let mut model = model(statics(&[1]));
        model.rate_limit = Some(limit(1, 60_000, 1_000, key));
        let pool = bench.bind(model, NOON);
        let allowed: usize = std::thread::scope(|scope| {
            let take = || (0..1_000).filter(|_| pool.try_rate(client(1), NOON).is_ok()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, 1_000);
    }
}

#[test]
fn retries_are_a_part_of_requests() {
    let bench = bench();
    let mut model = model(statics(&[1]));
    assert!(!bench.bind(model.clone(), NOON).try_retry(NOON), "without retries there is no budget");
    model.retry =
        Some(Retry { attempts: 2, conditions: vec![RetryCondition::Reset], budget_percent: 20 });
    let pool = bench.bind(model, NOON);
    let mut retries = 0;
    for request in 0..10_000 {
        let now = Millis(NOON.0 + request);
        pool.count_request(now);
        retries += u32::from(pool.try_retry(now));
    }
    assert!((1_990..=2_010).contains(&retries), "{retries}");
}
