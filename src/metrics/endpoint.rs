//! What one endpoint did with its requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::label::{CodeClass, Flood};
use super::reason::Reason;
use super::shard::{Counter, Counters, Level, Sharded};
use super::standing::{Place, Standing};

/// EndpointStats counts the tries of one endpoint.
///
/// Above the registry's limit an endpoint has no counters of its own: it counts into those of its
/// pool's series `endpoint="other"`, which therefore never run backwards.
#[derive(Debug)]
pub struct EndpointStats {
    address: SocketAddr,
    series: Arc<EndpointSeries>,
    // How many endpoints have series of their own; nothing for a folded one.
    own: Option<Arc<AtomicUsize>>,
}

/// EndpointSeries is one set of endpoint series: of an endpoint, or of all folded ones of a pool.
#[derive(Debug)]
pub(super) struct EndpointSeries {
    pub(super) pool: Arc<str>,
    pub(super) endpoint: Arc<str>,
    /// How the endpoint stands; nothing where several share the series.
    pub(super) standing: Option<Standing>,
    ejections: Counter,
    shards: Sharded<Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    answers: Counters<{ CodeClass::ALL.len() }>,
    failures: Counters<{ Reason::ALL.len() }>,
    opened: Counter,
    open: Level,
    connect_nanos: Counter,
    floods: Counters<{ Flood::ALL.len() }>,
}

/// EndpointTotals is what an endpoint counted since it appeared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointTotals {
    /// Tries that were answered, by the first digit of the code; the last is no valid code.
    pub answers: [u64; CodeClass::ALL.len()],
    /// Tries that brought no answer.
    pub failures: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Connections open.
    pub connections: u64,
}

impl EndpointTotals {
    /// Returns all tries, answered or not.
    pub fn tries(&self) -> u64 {
        self.answers.iter().sum::<u64>() + self.failures
    }
}

impl EndpointSeries {
    /// Makes the series of one endpoint.
    pub(super) fn own(pool: Arc<str>, address: SocketAddr, workers: usize) -> Self {
        let standing = Some(Standing::default());
        Self { standing, ..Self::shared(pool, address.to_string().into(), workers) }
    }

    /// Makes series that several endpoints share.
    pub(super) fn shared(pool: Arc<str>, endpoint: Arc<str>, workers: usize) -> Self {
        let shards = Sharded::new(workers);
        Self { pool, endpoint, standing: None, ejections: Counter::default(), shards }
    }

    pub(super) fn ejections(&self) -> u64 {
        self.ejections.value()
    }

    pub(super) fn answers(&self, code: CodeClass) -> u64 {
        self.shards.sum(|shard| shard.answers.value(code.index()))
    }

    pub(super) fn failures(&self, reason: Reason) -> u64 {
        self.shards.sum(|shard| shard.failures.value(reason.index()))
    }

    pub(super) fn opened(&self) -> u64 {
        self.shards.sum(|shard| shard.opened.value())
    }

    pub(super) fn open(&self) -> u64 {
        Level::total(self.shards.iter().map(|shard| &shard.open))
    }

    pub(super) fn connect_nanos(&self) -> u64 {
        self.shards.sum(|shard| shard.connect_nanos.value())
    }

    pub(super) fn floods(&self, flood: Flood) -> u64 {
        self.shards.sum(|shard| shard.floods.value(flood.index()))
    }
}

impl EndpointStats {
    pub(super) fn own(address: SocketAddr, series: EndpointSeries, own: Arc<AtomicUsize>) -> Self {
        own.fetch_add(1, Ordering::Relaxed);
        Self { address, series: Arc::new(series), own: Some(own) }
    }

    pub(super) fn folded(address: SocketAddr, series: Arc<EndpointSeries>) -> Self {
        Self { address, series, own: None }
    }

    pub(super) fn series(&self) -> &Arc<EndpointSeries> {
        &self.series
    }

    /// Returns the address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns whether the endpoint shares its counters with others of its pool.
    pub const fn is_folded(&self) -> bool {
        self.own.is_none()
    }

    /// Counts a try that was answered.
    #[inline]
    pub fn answered(&self, worker: usize, status: u16) {
        self.series.shards.of(worker).answers.add(CodeClass::of(status).index(), 1);
    }

    /// Counts a try that brought no answer.
    #[inline]
    pub fn failed(&self, worker: usize, reason: Reason) {
        self.series.shards.of(worker).failures.add(reason.index(), 1);
    }

    /// Counts a connection that opened, and how long that took.
    #[inline]
    pub fn connection_opened(&self, worker: usize, took: Duration) {
        let shard = self.series.shards.of(worker);
        shard.opened.add(1);
        shard.open.add(1);
        shard.connect_nanos.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts a connection that closed.
    #[inline]
    pub fn connection_closed(&self, worker: usize) {
        self.series.shards.of(worker).open.add(-1);
    }

    /// Counts a connection that ended because of what the endpoint sent too many of.
    #[inline]
    pub fn flood(&self, worker: usize, flood: Flood) {
        self.series.shards.of(worker).floods.add(flood.index(), 1);
    }

    /// Returns how many ended so; of a folded endpoint with all that share its counters.
    pub fn floods(&self, flood: Flood) -> u64 {
        self.series.floods(flood)
    }

    /// Shows what active checks say.
    pub fn set_healthy(&self, is_healthy: bool) {
        if let Some(standing) = &self.series.standing {
            standing.set_healthy(is_healthy);
        }
    }

    /// Counts an ejection, and shows that it lasts.
    pub fn ejected(&self) {
        self.series.ejections.add(1);
        if let Some(standing) = &self.series.standing {
            standing.set_ejected(true);
        }
    }

    /// Shows that the ejection ended.
    pub fn returned(&self) {
        if let Some(standing) = &self.series.standing {
            standing.set_ejected(false);
        }
    }

    /// Shows the part of the pool's requests that is meant for the endpoint, 0 to 1.
    pub fn set_share(&self, share: f64) {
        if let Some(standing) = &self.series.standing {
            standing.set_share(share);
        }
    }

    /// Shows which backend the endpoint is of, and where it is; empty is not known.
    pub fn set_place(
        &self,
        backend: &Arc<str>,
        zone: Option<&Arc<str>>,
        region: Option<&Arc<str>>,
    ) {
        if let Some(standing) = &self.series.standing {
            let known = |name: Option<&Arc<str>>| name.map_or_else(|| "".into(), Arc::clone);
            let place =
                Place { backend: Arc::clone(backend), zone: known(zone), region: known(region) };
            *standing.place.lock() = Some(place);
        }
    }

    /// Returns what was counted so far. Of a folded endpoint: with all that share its counters.
    pub fn totals(&self) -> EndpointTotals {
        let mut answers = [0; CodeClass::ALL.len()];
        for (total, code) in answers.iter_mut().zip(CodeClass::ALL) {
            *total = self.series.answers(*code);
        }
        EndpointTotals {
            answers,
            failures: self.series.shards.sum(|shard| shard.failures.sum()),
            connections_opened: self.series.opened(),
            connections: self.series.open(),
        }
    }
}

impl Drop for EndpointStats {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            own.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
