//! What is known of one pool at run time. It outlives the tables.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use aws_lc_rs::hmac;

use super::admission::{self, Admission, Queue};
use super::clock::Millis;
use super::events::{PoolChange, Signals};
use super::padded::Padded;
use super::rate_limit::RateLimiter;
use super::retry_budget::RetryBudget;
use crate::metrics::PoolStats;
use crate::model::{self, Limits, Outlier, PoolName, RateLimit};

/// PoolState is what all tables and all workers share of one pool.
#[derive(Debug)]
pub struct PoolState {
    name: PoolName,
    /// What happened in it, for people to read.
    pub stats: Arc<PoolStats>,
    admitted: Padded<AtomicU32>,
    queue: Queue,
    connections: AtomicU32,
    retry_budget: RetryBudget,
    rate_limiter: RateLimiter,
    outlier: ArcSwapOption<Outlier>,
    endpoints: AtomicU32,
    ejected: AtomicU32,
    is_dirty: AtomicBool,
    signals: Arc<Signals>,
    session_key: hmac::Key,
}

impl PoolState {
    /// Makes the state of a pool.
    pub(super) fn new(
        name: PoolName,
        stats: Arc<PoolStats>,
        signals: Arc<Signals>,
        session_key: &[u8],
    ) -> Self {
        // A key of its own for every pool: a token of one says nothing in another.
        let root = hmac::Key::new(hmac::HMAC_SHA256, session_key);
        let derived = hmac::sign(&root, name.as_str().as_bytes());
        Self {
            stats,
            admitted: Padded::default(),
            queue: Queue::default(),
            connections: AtomicU32::new(0),
            retry_budget: RetryBudget::default(),
            rate_limiter: RateLimiter::new(fastrand::u64(..)),
            outlier: ArcSwapOption::empty(),
            endpoints: AtomicU32::new(0),
            ejected: AtomicU32::new(0),
            is_dirty: AtomicBool::new(false),
            signals,
            session_key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
            name,
        }
    }

    /// Returns the name.
    pub fn name(&self) -> &PoolName {
        &self.name
    }

    /// Lets a request in, queues it, or refuses it.
    pub fn admit(self: &Arc<Self>, limits: &Limits) -> Admission {
        admission::admit(self, limits)
    }

    /// Returns how many requests are in the pool, counted only where it has a bound.
    pub fn admitted_now(&self) -> u32 {
        self.admitted.load(Ordering::Relaxed)
    }

    /// Returns how many wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Returns how many connections are open to the endpoints.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Takes one request out of a rate limit.
    ///
    /// # Errors
    /// Where nothing is left: the time until there is.
    pub fn try_rate(&self, limit: &RateLimit, client: IpAddr, now: Millis) -> Result<(), Duration> {
        self.rate_limiter.try_take(limit, client, now)
    }

    /// Returns the budget of retries.
    pub fn retry_budget(&self) -> &RetryBudget {
        &self.retry_budget
    }

    /// Returns how many endpoints are ejected.
    pub fn ejected(&self) -> u32 {
        self.ejected.load(Ordering::Relaxed)
    }

    /// Asks for a new selection.
    pub fn mark_dirty(&self) {
        if !self.is_dirty.swap(true, Ordering::AcqRel) {
            self.signals.ask(&self.name);
        }
    }

    /// Says that whatever changes from now on has to ask again.
    pub(super) fn clear_dirty(&self) {
        self.is_dirty.store(false, Ordering::Release);
    }

    /// Takes over what a new version of the pool says.
    pub(super) fn configure(&self, pool: &model::Pool, endpoints: usize) {
        self.outlier.store(pool.outlier.clone().map(Arc::new));
        self.endpoints.store(u32::try_from(endpoints).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.queue.call_all();
    }

    /// Returns what the newest version says of passive checks.
    pub(super) fn outlier(&self) -> Option<Arc<Outlier>> {
        self.outlier.load_full()
    }

    /// Takes one of the ejections that are allowed at once. One always is, unless it would take
    /// the only endpoint.
    pub(super) fn take_ejection(&self, max_percent: u8) -> bool {
        let endpoints = self.endpoints.load(Ordering::Relaxed);
        if endpoints < 2 || max_percent == 0 {
            return false;
        }
        let allowed = (u64::from(endpoints) * u64::from(max_percent) / 100).max(1);
        let more = |count: u32| (u64::from(count) < allowed).then(|| count + 1);
        self.ejected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(super) fn give_back_ejection(&self) {
        self.ejected.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn tell(&self, change: PoolChange) {
        self.signals.tell(&self.name, change);
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) fn admitted(&self) -> &AtomicU32 {
        &self.admitted
    }

    pub(super) fn open_connections(&self) -> &AtomicU32 {
        &self.connections
    }

    pub(super) fn session_key(&self) -> &hmac::Key {
        &self.session_key
    }
}
