//! One worker: what its connections and requests share, all on one thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::access_log::Entry;
use super::options::Options;
use super::per_client::PerClient;
use super::places::Places;
use super::wheel;
use crate::metrics::Metrics;
use crate::table::{LocalTable, TableHandle};
use crate::upstream::http1::Connections;
use crate::upstream::{clock, http2};

/// Shared is what all workers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) table: TableHandle,
    pub(super) metrics: Arc<Metrics>,
    pub(super) phase: watch::Receiver<Phase>,
    /// One for each worker: another one wants a connection that this one may hold idle.
    pub(super) wanted: Box<[Notify]>,
    /// Connections of all clients together.
    pub(super) places: Places,
    /// Connections by client.
    pub(super) per_client: Arc<PerClient>,
}

/// Phase says how far the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Clients may connect; the kernel holds their connections until there is something to serve.
    Held,
    /// Serves.
    Serving,
    /// Serves, and tells clients to come back elsewhere.
    Leaving,
    /// Takes what the kernel has opened already and nothing more, and ends connections as their
    /// requests end.
    Draining,
    /// Ends at once.
    Stopped,
}

/// Worker is what the connections and requests of one thread share.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) shared: Arc<Shared>,
    /// This thread's view of the table.
    pub(super) table: LocalTable,
    pub(super) connections: Connections,
    /// Connections over HTTP/2.
    pub(super) streams: http2::Connections,
    pub(super) random: RefCell<fastrand::Rng>,
    /// Bytes of request bodies that are kept for another try.
    pub(super) kept_bytes: Rc<Cell<usize>>,
    /// Whether connections are told to end with their next answer.
    pub(super) is_leaving: Cell<bool>,
    /// Whether connections end with what they are doing.
    pub(super) is_draining: Cell<bool>,
    live: Cell<usize>,
    /// Tells those who wait for a connection to end.
    ended: Notify,
    /// Connections to be told of the end, by slot.
    listening: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<usize>>,
}

impl Worker {
    pub(super) fn new(index: usize, shared: Arc<Shared>) -> Rc<Self> {
        Rc::new(Self {
            index,
            table: shared.table.local(),
            shared,
            connections: Connections::new(),
            streams: http2::Connections::new(),
            random: RefCell::new(fastrand::Rng::new()),
            kept_bytes: Rc::default(),
            is_leaving: Cell::new(false),
            is_draining: Cell::new(false),
            live: Cell::new(0),
            ended: Notify::new(),
            listening: RefCell::default(),
            free: RefCell::default(),
        })
    }

    pub(super) fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(super) fn log(&self, entry: Entry) {
        if let Some(log) = &self.options().access_log {
            log.log(entry);
        }
    }

    /// Asks the other workers to close connections that they hold idle at a bound.
    pub(super) fn want_connection(&self) {
        self.connections.shed();
        self.streams.shed(false);
        let others = self.shared.wanted.iter().enumerate();
        others
            .filter(|(index, _)| *index != self.index)
            .for_each(|(_, notify)| notify.notify_one());
    }

    /// Closes what others want, for ever.
    pub(super) async fn shed_on_demand(self: Rc<Self>) {
        let Some(wanted) = self.shared.wanted.get(self.index) else { return };
        loop {
            wanted.notified().await;
            self.connections.shed();
            self.streams.shed(true);
        }
    }

    /// Closes what was idle for too long, and lets go of tables that are gone, for ever.
    pub(super) async fn sweep(self: Rc<Self>) {
        loop {
            wheel::sleep(Duration::from_secs(1)).await;
            drop(self.table.load());
            self.connections.sweep(clock::now());
            self.streams.sweep(clock::now());
        }
    }

    /// Counts a client's connection, which holds a place, for as long as the guard lives; then the
    /// place is given back.
    pub(super) fn count_in(self: &Rc<Self>) -> Live {
        self.live.set(self.live.get() + 1);
        let mut listening = self.listening.borrow_mut();
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            listening.push(None);
            listening.len() - 1
        });
        Live { worker: Rc::clone(self), slot }
    }

    /// Waits until no connection lives.
    pub(super) async fn wait_for_the_last(&self) {
        while self.live.get() > 0 {
            self.ended.notified().await;
        }
    }

    /// Tells all connections to end with their next answer. Closing idle ones now could cross a
    /// request that is on its way.
    pub(super) fn begin_leaving(&self) {
        self.is_leaving.set(true);
        self.wake_all();
    }

    /// Tells all connections to end with what they are doing.
    pub(super) fn begin_draining(&self) {
        self.is_draining.set(true);
        self.connections.clear();
        self.streams.clear();
        self.wake_all();
    }

    fn wake_all(&self) {
        let wakers: Vec<Waker> = self.listening.borrow().iter().flatten().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Live counts one client's connection.
#[derive(Debug)]
pub(super) struct Live {
    worker: Rc<Worker>,
    slot: usize,
}

impl Live {
    /// Wakes this task when draining begins.
    pub(super) fn listen(&self, waker: &Waker) {
        if let Some(place) = self.worker.listening.borrow_mut().get_mut(self.slot)
            && place.as_ref().is_none_or(|old| !old.will_wake(waker))
        {
            *place = Some(waker.clone());
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.worker.shared.places.give_back();
        self.worker.live.set(self.worker.live.get().saturating_sub(1));
        if let Some(place) = self.worker.listening.borrow_mut().get_mut(self.slot) {
            *place = None;
        }
        self.worker.free.borrow_mut().push(self.slot);
        self.worker.ended.notify_waiters();
    }
}
