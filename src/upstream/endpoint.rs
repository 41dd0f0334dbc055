//! What is known of one endpoint at run time. It outlives the tables.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::PoolState;
use super::clock::Millis;
use super::events::PoolChange;
use super::ewma::{Ewma, Mean};
use super::outlier::Ejection;
use super::padded::Padded;
use crate::metrics::EndpointStats;
use crate::model::Limits;

/// EndpointState is what is known of one endpoint of one pool.
#[derive(Debug)]
pub struct EndpointState {
    /// What happened on it, for people to read.
    pub stats: Arc<EndpointStats>,
    pub(super) address: SocketAddr,
    pub(super) pool: Arc<PoolState>,
    pub(super) hash: u64,
    pub(super) session: OnceLock<u64>,
    pub(super) in_flight: Padded<AtomicU32>,
    pub(super) latency: Padded<Latency>,
    pub(super) ejection: Ejection,
    connections: AtomicU32,
    health: AtomicU8,
    // When it became ready; 0 is long ago.
    ready_since: AtomicU64,
    // Declared no more.
    is_retired: AtomicBool,
    // Until when it is passed over; 0 is not at all.
    refused_until: AtomicU64,
    // The same for further tries alone.
    reset_until: AtomicU64,
}

/// Latency is how long answers took.
#[derive(Debug, Default)]
pub(super) struct Latency {
    pub(super) peak: Ewma,
    pub(super) mean: Mean,
}

/// How long an endpoint that refused a connection is passed over while there are others. While
/// pods are replaced most endpoints may be gone before the table knows; then one request finds out
/// for all. What reset a request is passed over by further tries alone: a client whose requests
/// break endpoints takes none of them from others.
const REFUSED: Duration = Duration::from_secs(1);

/// Health is what active checks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Health {
    /// Nothing yet: it counts as healthy.
    Unknown,
    /// It works.
    Healthy,
    /// It does not.
    Unhealthy,
}

/// Outcome is how one try on an endpoint went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Answered {
        /// Status code.
        status: u16,
        /// From the request to the head of the answer.
        latency: Duration,
    },
    /// It took no connection.
    ConnectFailed,
    /// It took none in time.
    ConnectTimeout,
    /// It is not who it should be, or does not agree on TLS.
    TlsFailed,
    /// It closed before the head of an answer.
    Reset,
    /// It did not answer in time.
    TimedOut,
    /// It answered something that is not HTTP.
    ProtocolError,
    /// The client went away: says nothing about the endpoint.
    ClientGone,
}

impl EndpointState {
    /// Makes the state of an endpoint that nothing is known of.
    pub(super) fn new(
        address: SocketAddr,
        pool: Arc<PoolState>,
        stats: Arc<EndpointStats>,
    ) -> Self {
        Self {
            stats,
            address,
            pool,
            // Of the text, so that it is the same in every process and version.
            hash: xxh3_64(address.to_string().as_bytes()),
            session: OnceLock::new(),
            in_flight: Padded::default(),
            latency: Padded::default(),
            ejection: Ejection::default(),
            connections: AtomicU32::new(0),
            health: AtomicU8::new(Health::Unknown as u8),
            ready_since: AtomicU64::new(0),
            is_retired: AtomicBool::new(false),
            refused_until: AtomicU64::new(0),
            reset_until: AtomicU64::new(0),
        }
    }

    /// Returns the address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many requests it works on, streams and tunnels included.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Returns how many connections are open to it.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Begins a request, whatever the bounds.
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Begins a request if the endpoint has room; nothing when others took the room since `pick`.
    pub fn try_begin(self: &Arc<Self>, limits: &Limits) -> Option<InFlight> {
        let Some(most) = limits.most_requests_per_endpoint() else { return Some(self.begin()) };
        let more = |count: u32| (count < most).then(|| count + 1);
        self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(InFlight(Arc::clone(self)))
    }

    /// Counts a connection that is about to open; nothing when the bounds of the endpoint or of
    /// the pool are met.
    pub fn try_connect(self: &Arc<Self>, limits: &Limits) -> Option<OpenConnection> {
        let counted = |count: &AtomicU32, most: Option<u32>| {
            let more = |open: u32| most.is_none_or(|most| open < most).then(|| open + 1);
            count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
        };
        if !counted(&self.connections, limits.per_endpoint.max_connections) {
            return None;
        }
        if !counted(self.pool.open_connections(), limits.max_connections) {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(OpenConnection(Arc::clone(self)))
    }

    /// Takes into account how a try went.
    pub fn report(&self, outcome: Outcome, now: Millis) {
        let failed = match outcome {
            Outcome::ClientGone => return,
            Outcome::Answered { status, latency } => {
                self.latency.peak.observe(latency, now);
                // Who refuses or fails fast is not faster for it.
                if status < 400 {
                    self.latency.mean.observe(latency, now);
                }
                status >= 500
            }
            Outcome::ConnectFailed | Outcome::TlsFailed => {
                self.refused_until.store(now.plus(REFUSED).0, Ordering::Relaxed);
                true
            }
            Outcome::Reset | Outcome::ProtocolError => {
                self.reset_until.store(now.plus(REFUSED).0, Ordering::Relaxed);
                true
            }
            _ => true,
        };
        if failed {
            self.count_error(now);
        } else {
            self.ejection.count_success();
        }
    }

    /// Returns what active checks say.
    pub fn health(&self) -> Health {
        match self.health.load(Ordering::Relaxed) {
            1 => Health::Healthy,
            2 => Health::Unhealthy,
            _ => Health::Unknown,
        }
    }

    /// Sets what active checks say, and returns whether that is a change.
    pub fn set_health(&self, health: Health, now: Millis) -> bool {
        let previous = match self.health.swap(health as u8, Ordering::Relaxed) {
            1 => Health::Healthy,
            2 => Health::Unhealthy,
            _ => Health::Unknown,
        };
        if previous == health {
            return false;
        }
        self.stats.set_healthy(health != Health::Unhealthy);
        match (previous, health) {
            (_, Health::Unhealthy) => {
                self.pool.stats.health_changed(false);
                self.pool.tell(PoolChange::Unhealthy(self.address));
            }
            (Health::Unhealthy, _) => {
                self.pool.stats.health_changed(true);
                self.warm_up_from(now);
                self.pool.tell(PoolChange::Healthy(self.address));
            }
            _ => {}
        }
        self.pool.mark_dirty();
        true
    }

    /// Returns whether it may take traffic, as far as checks and outcomes say.
    pub fn is_available(&self, now: Millis) -> bool {
        self.health() != Health::Unhealthy && !self.is_ejected(now)
    }

    /// Returns whether it is ejected.
    pub fn is_ejected(&self, now: Millis) -> bool {
        self.ejection.ends_at() > now
    }

    /// Returns whether it refused a connection a moment ago.
    pub fn refused_lately(&self, now: Millis) -> bool {
        self.refused_until.load(Ordering::Relaxed) > now.0
    }

    /// Returns whether it reset a request a moment ago.
    pub fn reset_lately(&self, now: Millis) -> bool {
        self.reset_until.load(Ordering::Relaxed) > now.0
    }

    /// Returns the end of its ejection; 0 when there is none.
    pub fn ejected_until(&self) -> Millis {
        self.ejection.ends_at()
    }

    /// Returns whether it may take one more request.
    pub fn has_room(&self, limits: &Limits) -> bool {
        limits.most_requests_per_endpoint().is_none_or(|most| self.in_flight() < most)
    }

    /// Returns the average latency in microseconds, once measured; a peak counts in full at first.
    pub fn latency_micros(&self, now: Millis) -> Option<f32> {
        self.latency.peak.micros(now)
    }

    /// Returns the mean latency of the last answers below 400, in microseconds; nothing where there
    /// was none for some minutes.
    pub fn mean_latency_micros(&self, now: Millis) -> Option<f32> {
        self.latency.mean.micros(now)
    }

    /// Returns when it became ready; 0 is long ago.
    pub fn ready_since(&self) -> Millis {
        Millis(self.ready_since.load(Ordering::Relaxed))
    }

    /// Returns whether it is declared no more: idle connections to it serve nobody.
    pub fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Relaxed)
    }

    /// Says that it is declared no more.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Ordering::Relaxed);
        self.stats.set_share(0.0);
    }

    /// Says that it is declared, perhaps again.
    pub(super) fn restore(&self) {
        self.is_retired.store(false, Ordering::Relaxed);
    }

    /// Starts its warm-up.
    pub(super) fn warm_up_from(&self, now: Millis) {
        self.ready_since.store(now.0, Ordering::Relaxed);
    }
}

/// InFlight is a request that an endpoint works on; dropping it ends the request. Keep it as long
/// as the body of the answer, or the tunnel.
#[derive(Debug)]
#[must_use]
pub struct InFlight(Arc<EndpointState>);

impl InFlight {
    /// Returns the endpoint.
    pub fn endpoint(&self) -> &Arc<EndpointState> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // SeqCst against those who wait for room: see `admission`.
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.pool.queue().call_next();
    }
}

/// OpenConnection counts one connection; dropping it counts it no more.
#[derive(Debug)]
#[must_use]
pub struct OpenConnection(Arc<EndpointState>);

impl OpenConnection {
    /// Returns the endpoint.
    pub fn endpoint(&self) -> &Arc<EndpointState> {
        &self.0
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.pool.open_connections().fetch_sub(1, Ordering::Relaxed);
        self.0.pool.queue().call_next();
    }
}
