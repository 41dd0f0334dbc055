//! Requests per time, for a whole pool or for each client, in bounded memory and without a lock.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::clock::Millis;
use crate::model::{RateKey, RateLimit};

/// RateLimiter holds, for the pool and for each client, the moment at which its allowance is whole
/// again (the generic cell rate algorithm): one word, no refill, no timer.
///
/// Clients live in a fixed table of sets of four. A word is a 16-bit tag of the client and 48 bits
/// of microseconds. A client whose allowance is whole needs no word, so its place is free for the
/// next. Where four others of the set are all in debt, the client shares the place of the one with
/// the least: with too many clients at once a limit is met early, and never exceeded.
#[derive(Debug)]
pub(super) struct RateLimiter {
    pool: AtomicU64,
    clients: OnceLock<Box<[AtomicU64]>>,
    seed: u64,
}

const WAYS: usize = 4;
const SETS: usize = 4096;
const TIME_BITS: u32 = 48;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

impl RateLimiter {
    /// Makes a limiter. The seed decides who shares a set; an outsider should not know it.
    pub(super) fn new(seed: u64) -> Self {
        Self { pool: AtomicU64::new(0), clients: OnceLock::new(), seed }
    }

    /// Takes one request out of the allowance.
    ///
    /// # Errors
    /// Where there is none left: the time until there is.
    pub(super) fn try_take(
        &self,
        limit: &RateLimit,
        client: IpAddr,
        now: Millis,
    ) -> Result<(), Duration> {
        match limit.key {
            RateKey::Pool => self.take_pool(&Cell::new(limit, now, 1_000_000)),
            RateKey::ClientAddress => self.take_client(&Cell::new(limit, now, 1_000), client),
        }
    }

    fn take_pool(&self, cell: &Cell) -> Result<(), Duration> {
        let mut whole_at = self.pool.load(Ordering::Relaxed);
        loop {
            let next = cell.next(whole_at)?;
            match self.pool.compare_exchange_weak(
                whole_at,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(changed) => whole_at = changed,
            }
        }
    }

    fn take_client(&self, cell: &Cell, client: IpAddr) -> Result<(), Duration> {
        let table = self.clients.get_or_init(|| {
            std::iter::repeat_with(|| AtomicU64::new(0)).take(SETS * WAYS).collect()
        });
        let hash = client_hash(client, self.seed);
        let tag = (hash >> TIME_BITS) & 0xffff;
        let start = (hash as usize % SETS) * WAYS;
        let set = table.get(start..start + WAYS).unwrap_or_default();
        loop {
            let Some((place, word)) = find(set, tag, cell.now) else { return Ok(()) };
            // A free place, one of our own, or one that we share.
            let owner = if word & TIME_MASK <= cell.now { tag } else { word >> TIME_BITS };
            let next = cell.next(word & TIME_MASK)? & TIME_MASK | owner << TIME_BITS;
            if place.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            {
                return Ok(());
            }
        }
    }
}

/// Finds the client's own place, else a free one, else the one with the least debt.
fn find(set: &[AtomicU64], tag: u64, now: u64) -> Option<(&AtomicU64, u64)> {
    let rank = |word: u64| {
        let whole_at = word & TIME_MASK;
        if word >> TIME_BITS == tag && whole_at > now { 0 } else { whole_at.max(now) }
    };
    set.iter()
        .map(|place| (place, place.load(Ordering::Relaxed)))
        .min_by_key(|(_, word)| rank(*word))
}

fn client_hash(client: IpAddr, seed: u64) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(address) => xxh3_64_with_seed(&address.octets(), seed),
        // Whoever has one address of a /64 has them all.
        IpAddr::V6(address) => xxh3_64_with_seed(&(address.to_bits() >> 64).to_be_bytes(), seed),
    }
}

/// Cell is a limit in units of time: what one request costs, and how much debt is allowed.
struct Cell {
    now: u64,
    cost: u64,
    allowed: u64,
    units_per_milli: u64,
}

impl Cell {
    fn new(limit: &RateLimit, now: Millis, units_per_milli: u64) -> Self {
        let per = limit.per.as_nanos() / u128::from(1_000_000 / units_per_milli);
        // Rounded up: never more than the limit.
        let cost =
            u64::try_from(per.div_ceil(u128::from(limit.requests.max(1)))).unwrap_or(u64::MAX);
        Self {
            now: now.0.saturating_mul(units_per_milli),
            cost,
            allowed: cost.saturating_mul(u64::from(limit.burst.max(1)) - 1),
            units_per_milli,
        }
    }

    fn next(&self, whole_at: u64) -> Result<u64, Duration> {
        let debt = whole_at.saturating_sub(self.now);
        if debt > self.allowed {
            let wait = (debt - self.allowed).div_ceil(self.units_per_milli);
            return Err(Duration::from_millis(wait));
        }
        Ok(whole_at.max(self.now).saturating_add(self.cost))
    }
}
