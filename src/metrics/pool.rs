//! What one pool did with its requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::label::{ProbeResult, RetryOutcome};
use super::reason::Reason;
use super::shard::{Counter, Counters, Level, Sharded};

/// EndpointCounts says how many endpoints of a pool are in which state. An endpoint may be in
/// more than one: an ejected one may be unhealthy too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointCounts {
    /// All.
    pub total: u32,
    /// Those that take traffic.
    pub ready: u32,
    /// Those that fail active checks.
    pub unhealthy: u32,
    /// Those ejected for how they answered.
    pub ejected: u32,
    /// Those whose share still grows.
    pub warming: u32,
    /// Those that are ending.
    pub terminating: u32,
}

/// PoolStats counts what happens in one pool.
#[derive(Debug)]
pub struct PoolStats {
    pool: Arc<str>,
    shards: Sharded<Shard>,
    health: Health,
}

#[derive(Debug, Default)]
struct Shard {
    in_flight: Level,
    pending: Level,
    retries: Counters<{ RetryOutcome::ALL.len() }>,
    budget_exhausted: Counter,
    dropped: Counters<{ Reason::ALL.len() }>,
}

/// Written at the pace of health, not of requests.
#[derive(Debug, Default)]
struct Health {
    total: AtomicU32,
    ready: AtomicU32,
    unhealthy: AtomicU32,
    ejected: AtomicU32,
    warming: AtomicU32,
    terminating: AtomicU32,
    panic: AtomicBool,
    tier: AtomicU32,
    ejections: Counter,
    became_healthy: Counter,
    became_unhealthy: Counter,
    probes: Counters<{ ProbeResult::ALL.len() }>,
}

/// PoolTotals is what a pool counted since it appeared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolTotals {
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests that wait.
    pub pending: u64,
    /// Retries, however they ended.
    pub retries: u64,
    /// Requests that the pool answered by itself.
    pub dropped: u64,
    /// Ejections.
    pub ejections: u64,
    /// Endpoints by state.
    pub endpoints: EndpointCounts,
    /// Whether health is ignored because too few endpoints are left.
    pub panic: bool,
    /// Highest failover tier that takes traffic.
    pub tier: u32,
}

impl PoolStats {
    pub(super) fn new(pool: Arc<str>, workers: usize) -> Self {
        Self { pool, shards: Sharded::new(workers), health: Health::default() }
    }

    /// Returns the pool, as `namespace/name`.
    pub const fn pool(&self) -> &Arc<str> {
        &self.pool
    }

    /// Counts a request in. Each call needs one of [`Self::request_ended`].
    #[inline]
    pub fn request_begun(&self, worker: usize) {
        self.shards.of(worker).in_flight.add(1);
    }

    /// Counts a request out; on whichever worker.
    #[inline]
    pub fn request_ended(&self, worker: usize) {
        self.shards.of(worker).in_flight.add(-1);
    }

    /// Counts a request into the queue. Each call needs one of [`Self::wait_ended`].
    #[inline]
    pub fn wait_begun(&self, worker: usize) {
        self.shards.of(worker).pending.add(1);
    }

    /// Counts a request out of the queue.
    #[inline]
    pub fn wait_ended(&self, worker: usize) {
        self.shards.of(worker).pending.add(-1);
    }

    /// Counts a retry.
    #[inline]
    pub fn retried(&self, worker: usize, outcome: RetryOutcome) {
        self.shards.of(worker).retries.add(outcome.index(), 1);
    }

    /// Counts a retry that the budget forbade.
    #[inline]
    pub fn retry_budget_exhausted(&self, worker: usize) {
        self.shards.of(worker).budget_exhausted.add(1);
    }

    /// Counts a request that the client got no endpoint's answer to.
    #[inline]
    pub fn dropped(&self, worker: usize, reason: Reason) {
        self.shards.of(worker).dropped.add(reason.index(), 1);
    }

    /// Counts an ejection.
    pub fn ejected(&self) {
        self.health.ejections.add(1);
    }

    /// Counts an active check.
    pub fn probed(&self, result: ProbeResult) {
        self.health.probes.add(result.index(), 1);
    }

    /// Counts an endpoint that active checks found healthy, or not healthy, where it was otherwise.
    pub fn health_changed(&self, healthy: bool) {
        let counter =
            if healthy { &self.health.became_healthy } else { &self.health.became_unhealthy };
        counter.add(1);
    }

    /// Shows how many endpoints are in which state.
    pub fn set_endpoints(&self, counts: EndpointCounts) {
        let health = &self.health;
        for (gauge, value) in [
            (&health.total, counts.total),
            (&health.ready, counts.ready),
            (&health.unhealthy, counts.unhealthy),
            (&health.ejected, counts.ejected),
            (&health.warming, counts.warming),
            (&health.terminating, counts.terminating),
        ] {
            gauge.store(value, Ordering::Relaxed);
        }
    }

    /// Shows whether health is ignored because too few endpoints are left.
    pub fn set_panic(&self, panic: bool) {
        self.health.panic.store(panic, Ordering::Relaxed);
    }

    /// Shows the highest failover tier that takes traffic; 0 is the first.
    pub fn set_tier(&self, tier: u8) {
        self.health.tier.store(tier.into(), Ordering::Relaxed);
    }

    /// Returns what was counted so far.
    pub fn totals(&self) -> PoolTotals {
        let health = &self.health;
        let read = |gauge: &AtomicU32| gauge.load(Ordering::Relaxed);
        PoolTotals {
            in_flight: Level::total(self.shards.iter().map(|shard| &shard.in_flight)),
            pending: Level::total(self.shards.iter().map(|shard| &shard.pending)),
            retries: self.shards.sum(|shard| shard.retries.sum()),
            dropped: self.shards.sum(|shard| shard.dropped.sum()),
            ejections: health.ejections.value(),
            endpoints: EndpointCounts {
                total: read(&health.total),
                ready: read(&health.ready),
                unhealthy: read(&health.unhealthy),
                ejected: read(&health.ejected),
                warming: read(&health.warming),
                terminating: read(&health.terminating),
            },
            panic: health.panic.load(Ordering::Relaxed),
            tier: read(&health.tier),
        }
    }

    pub(super) fn retries(&self, outcome: RetryOutcome) -> u64 {
        self.shards.sum(|shard| shard.retries.value(outcome.index()))
    }

    pub(super) fn budget_exhausted(&self) -> u64 {
        self.shards.sum(|shard| shard.budget_exhausted.value())
    }

    pub(super) fn drops(&self, reason: Reason) -> u64 {
        self.shards.sum(|shard| shard.dropped.value(reason.index()))
    }

    pub(super) fn probes(&self, result: ProbeResult) -> u64 {
        self.health.probes.value(result.index())
    }

    /// Returns the changes to healthy, and to unhealthy.
    pub(super) fn health_changes(&self) -> (u64, u64) {
        (self.health.became_healthy.value(), self.health.became_unhealthy.value())
    }
}
