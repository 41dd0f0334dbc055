//! What happens to pools and endpoints, told once, for logs, Events and status.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::model::PoolName;

/// PoolEvent is something that happened in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolEvent {
    /// The pool.
    pub pool: PoolName,
    /// What happened.
    pub change: PoolChange,
}

/// PoolChange is what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolChange {
    /// Real requests went wrong too often in a row: no traffic for a time.
    Ejected {
        /// The endpoint.
        address: SocketAddr,
        /// How long.
        time: Duration,
    },
    /// The ejection ended.
    Returned(SocketAddr),
    /// Active checks failed.
    Unhealthy(SocketAddr),
    /// Active checks succeeded again.
    Healthy(SocketAddr),
    /// So few endpoints are available that health is ignored.
    PanicEntered,
    /// Health counts again.
    PanicLeft,
}

/// Signals leads from the data path to the control side without a wait: what happened, and which
/// pools need a new selection.
#[derive(Debug)]
pub(super) struct Signals {
    events: mpsc::Sender<PoolEvent>,
    dropped: AtomicU64,
    dirty: mpsc::UnboundedSender<PoolName>,
}

/// Events kept for a slow reader; more are dropped and counted.
const EVENTS_KEPT: usize = 1024;

impl Signals {
    /// Makes signals, and both ends to read.
    pub(super) fn new() -> (Self, mpsc::Receiver<PoolEvent>, mpsc::UnboundedReceiver<PoolName>) {
        let (events, event_reader) = mpsc::channel(EVENTS_KEPT);
        let (dirty, dirty_reader) = mpsc::unbounded_channel();
        (Self { events, dropped: AtomicU64::new(0), dirty }, event_reader, dirty_reader)
    }

    /// Tells what happened.
    pub(super) fn tell(&self, pool: &PoolName, change: PoolChange) {
        if self.events.try_send(PoolEvent { pool: pool.clone(), change }).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how many events were dropped because nobody read them in time.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Asks for a new selection. Each pool asks once until it is served, which bounds the queue.
    pub(super) fn ask(&self, pool: &PoolName) {
        // Without a reader there is nobody to serve it: the process is ending.
        let _ = self.dirty.send(pool.clone());
    }
}
