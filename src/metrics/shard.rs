//! Counters that each worker keeps for itself.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of all latency buckets, in nanoseconds.
///
/// 1 ms to 60 s for what people wait for; 0.25 and 0.5 ms because the proxy's own share is there.
const BOUNDS: [u64; 17] = [
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
];

/// Sharded keeps one `T` per worker, and one more for everybody else.
///
/// A shard is made when its worker first counts something, so that objects without traffic cost
/// one word per worker; from then on counting takes no lock and no memory. Shards lie on cache
/// lines of their own. Reading sums over them.
#[derive(Debug)]
pub(super) struct Sharded<T> {
    workers: Box<[OnceLock<Box<Padded<T>>>]>,
    others: OnceLock<Box<Padded<T>>>,
}

/// Two cache lines: neighbouring lines are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

impl<T: Default> Sharded<T> {
    pub(super) fn new(workers: usize) -> Self {
        Self { workers: (0..workers).map(|_| OnceLock::new()).collect(), others: OnceLock::new() }
    }

    /// Returns the shard of a worker; a number that no worker has is "everybody else".
    #[inline]
    pub(super) fn of(&self, worker: usize) -> &T {
        &self.workers.get(worker).unwrap_or(&self.others).get_or_init(Box::default).0
    }

    /// Walks the shards that exist.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.workers.iter().chain([&self.others]).filter_map(|shard| shard.get().map(|it| &it.0))
    }

    /// Sums one thing over all shards.
    pub(super) fn sum(&self, of: impl Fn(&T) -> u64) -> u64 {
        self.iter().map(of).fold(0, u64::wrapping_add)
    }
}

/// Counter only ever grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(super) fn add(&self, amount: u64) {
        // Relaxed: each counter stands for itself, nothing is published through it.
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Level is one worker's part of something that goes up and down; a part alone may be negative.
#[derive(Debug, Default)]
pub(super) struct Level(AtomicI64);

impl Level {
    #[inline]
    pub(super) fn add(&self, amount: i64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Sums the parts. A reader that comes between two workers never sees less than nothing.
    pub(super) fn total<'a>(parts: impl Iterator<Item = &'a Self>) -> u64 {
        let sum: i64 = parts.map(|part| part.0.load(Ordering::Relaxed)).sum();
        u64::try_from(sum).unwrap_or(0)
    }
}

/// Counters are `N` counters in a row.
#[derive(Debug)]
pub(super) struct Counters<const N: usize>([Counter; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counter::default()))
    }
}

impl<const N: usize> Counters<N> {
    #[inline]
    pub(super) fn add(&self, index: usize, amount: u64) {
        if let Some(counter) = self.0.get(index) {
            counter.add(amount);
        }
    }

    pub(super) fn value(&self, index: usize) -> u64 {
        self.0.get(index).map_or(0, Counter::value)
    }

    pub(super) fn sum(&self) -> u64 {
        self.0.iter().map(Counter::value).sum()
    }
}

/// Latencies counts durations into buckets.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    buckets: Counters<{ BOUNDS.len() + 1 }>,
    sum_nanos: Counter,
}

impl Latencies {
    #[inline]
    pub(super) fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets.add(BOUNDS.partition_point(|bound| *bound < nanos), 1);
        self.sum_nanos.add(nanos);
    }
}

/// Distribution is what many `Latencies` add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// Upper bound in seconds, and how many were at most that; the last is everything above.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// Their sum in seconds.
    pub sum_seconds: f64,
}

impl Distribution {
    /// Adds up shards.
    pub(super) fn of<'a>(shards: impl Iterator<Item = &'a Latencies>) -> Self {
        let (mut counts, mut nanos) = ([0_u64; BOUNDS.len() + 1], 0_u64);
        for shard in shards {
            for (index, count) in counts.iter_mut().enumerate() {
                *count += shard.buckets.value(index);
            }
            nanos = nanos.wrapping_add(shard.sum_nanos.value());
        }
        let mut below = 0;
        let mut buckets = Vec::with_capacity(counts.len());
        for (index, count) in counts.into_iter().enumerate() {
            below += count;
            let bound = BOUNDS.get(index).map_or(f64::INFINITY, |nanos| seconds(*nanos));
            buckets.push((bound, below));
        }
        Self { buckets, count: below, sum_seconds: seconds(nanos) }
    }

    /// Returns the bound that the given share (0 to 1) of all durations does not exceed, in
    /// seconds; nothing where there are none.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let reached = |below: u64| below as f64 >= share * self.count as f64;
        self.buckets.iter().find(|(_, below)| reached(*below)).map(|(bound, _)| *bound)
    }
}

/// Turns nanoseconds to seconds.
pub(super) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_made_on_first_use_and_summed() {
        let sharded: Sharded<Counter> = Sharded::new(2);
        assert_eq!(sharded.iter().count(), 0);
        sharded.of(0).add(2);
        sharded.of(1).add(3);
        sharded.of(7).add(4);
        sharded.of(usize::MAX).add(5);
        assert_eq!((sharded.iter().count(), sharded.sum(Counter::value)), (3, 14));
    }

    #[test]
    fn shards_lie_on_lines_of_their_own() {
        assert_eq!(align_of::<Padded<Counter>>(), 128);
    }

    #[test]
    fn a_level_may_fall_on_another_worker_than_it_rose_on() {
        let sharded: Sharded<Level> = Sharded::new(2);
        sharded.of(0).add(3);
        sharded.of(1).add(-2);
        assert_eq!(Level::total(sharded.iter()), 1);
        sharded.of(1).add(-5);
        assert_eq!(Level::total(sharded.iter()), 0);
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let latencies = Latencies::default();
        latencies.record(Duration::from_millis(1));
        latencies.record(Duration::from_nanos(1_000_001));
        latencies.record(Duration::from_secs(61));
        let distribution = Distribution::of([&latencies].into_iter());
        let at = |bound: f64| distribution.buckets.iter().find(|(b, _)| *b == bound).unwrap().1;
        assert_eq!((at(0.0005), at(0.001), at(0.0025), at(60.0)), (0, 1, 2, 2));
        assert_eq!((distribution.count, at(f64::INFINITY)), (3, 3));
        assert_eq!(distribution.quantile(0.5), Some(0.0025));
        assert_eq!(Distribution::of(std::iter::empty()).quantile(0.5), None);
    }
}
