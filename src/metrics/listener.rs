//! What clients do at one listening address.

use super::label::{Flood, HandshakeResult, Protocol};
use super::reason::Reason;
use super::shard::{Counter, Counters, Level, Sharded};

/// ListenerStats counts connections and what never reached a route.
#[derive(Debug)]
pub struct ListenerStats {
    name: &'static str,
    shards: Sharded<Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    accepted: Counter,
    open: Level,
    accept_errors: Counter,
    handshakes: Counters<{ HandshakeResult::ALL.len() }>,
    protocols: Counters<{ Protocol::ALL.len() }>,
    refused: Counters<{ Reason::ALL.len() }>,
    protocol_errors: Counter,
    refused_connections: Counter,
    floods: Counters<{ Flood::ALL.len() }>,
}

/// ListenerTotals is what a listener counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerTotals {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open.
    pub open: u64,
    /// Requests answered before they reached a pool.
    pub refused: u64,
}

impl ListenerStats {
    pub(super) fn new(name: &'static str, workers: usize) -> Self {
        Self { name, shards: Sharded::new(workers) }
    }

    /// Returns the listener's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Counts a connection in. Each call needs one of [`Self::connection_closed`].
    #[inline]
    pub fn connection_accepted(&self, worker: usize) {
        let shard = self.shards.of(worker);
        shard.accepted.add(1);
        shard.open.add(1);
    }

    /// Counts a connection out; on whichever worker.
    #[inline]
    pub fn connection_closed(&self, worker: usize) {
        self.shards.of(worker).open.add(-1);
    }

    /// Counts an `accept` that failed.
    #[inline]
    pub fn accept_failed(&self, worker: usize) {
        self.shards.of(worker).accept_errors.add(1);
    }

    /// Counts a TLS handshake.
    #[inline]
    pub fn handshake(&self, worker: usize, result: HandshakeResult) {
        self.shards.of(worker).handshakes.add(result.index(), 1);
    }

    /// Counts a request by what the client speaks.
    #[inline]
    pub fn request(&self, worker: usize, protocol: Protocol) {
        self.shards.of(worker).protocols.add(protocol.index(), 1);
    }

    /// Counts a request that was answered before it reached a route.
    #[inline]
    pub fn refused(&self, worker: usize, reason: Reason) {
        self.shards.of(worker).refused.add(reason.index(), 1);
    }

    /// Counts a connection that ended because the client broke its protocol.
    #[inline]
    pub fn protocol_error(&self, worker: usize) {
        self.shards.of(worker).protocol_errors.add(1);
    }

    /// Counts a connection that was closed because its client had as many as it may.
    #[inline]
    pub fn connection_refused(&self, worker: usize) {
        self.shards.of(worker).refused_connections.add(1);
    }

    /// Counts a connection that ended because of what it sent too many of.
    #[inline]
    pub fn flood(&self, worker: usize, flood: Flood) {
        self.shards.of(worker).floods.add(flood.index(), 1);
    }

    /// Returns how many ended so.
    pub fn floods(&self, flood: Flood) -> u64 {
        self.shards.sum(|shard| shard.floods.value(flood.index()))
    }

    /// Returns what was counted so far.
    pub fn totals(&self) -> ListenerTotals {
        ListenerTotals {
            accepted: self.shards.sum(|shard| shard.accepted.value()),
            open: self.open(),
            refused: self.shards.sum(|shard| shard.refused.sum()),
        }
    }

    /// Returns how many connections are open.
    pub fn open(&self) -> u64 {
        Level::total(self.shards.iter().map(|shard| &shard.open))
    }

    pub(super) fn accept_errors(&self) -> u64 {
        self.shards.sum(|shard| shard.accept_errors.value())
    }

    pub(super) fn handshakes(&self, result: HandshakeResult) -> u64 {
        self.shards.sum(|shard| shard.handshakes.value(result.index()))
    }

    pub(super) fn requests(&self, protocol: Protocol) -> u64 {
        self.shards.sum(|shard| shard.protocols.value(protocol.index()))
    }

    pub(super) fn refusals(&self, reason: Reason) -> u64 {
        self.shards.sum(|shard| shard.refused.value(reason.index()))
    }

    pub(super) fn refused_connections(&self) -> u64 {
        self.shards.sum(|shard| shard.refused_connections.value())
    }

    pub(super) fn protocol_errors(&self) -> u64 {
        self.shards.sum(|shard| shard.protocol_errors.value())
    }
}
