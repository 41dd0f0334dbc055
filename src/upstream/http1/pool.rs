//! Connections that wait for their next exchange: by endpoint, last in first out, on one thread.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use super::Connection;
use crate::metrics::EndpointStats;
use crate::upstream::clock::{self, Millis};
use crate::upstream::{EndpointState, OpenConnection, Pool, Transport};

/// Most idle connections of a thread to one endpoint.
const IDLE_LIMIT: usize = 1024;

/// Owner is a client's connection: whom a connection belongs to that tells its endpoint who the
/// client is. Once it is gone, so are those connections.
pub type Owner = Rc<()>;

/// Connections are the idle connections of one thread.
#[derive(Debug, Default)]
pub struct Connections {
    shelves: RefCell<HashMap<usize, Rc<Shelf>, BuildHasherDefault<AddressHasher>>>,
}

/// Checkout is what there is for a new exchange.
#[derive(Debug)]
pub enum Checkout {
    /// An idle connection.
    Idle(Connection),
    /// The right to open one.
    Open(Lease),
    /// The endpoint, or its pool, has as many connections as it may.
    Full,
}

impl Connections {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an idle connection to the endpoint, or the right to open one. With `fresh`, idle
    /// ones are left aside. With an owner, only its own count; those that were opened in another
    /// way than the pool says now are closed.
    pub fn checkout(
        &self,
        endpoint: &Arc<EndpointState>,
        pool: &Pool,
        owner: Option<&Owner>,
        fresh: bool,
    ) -> Checkout {
        let (shelf, limits) = (self.shelf(endpoint), &pool.model.limits);
        shelf.keep_alive.set(pool.model.keep_alive);
        shelf.bounds.set((limits.per_endpoint.max_connections, limits.max_connections));
        let is_other = shelf.follow(&pool.transport);
        if fresh || is_other {
            // What else is idle was opened no later than the one that turned out dead.
            shelf.idle.take();
        } else if let Some(connection) = shelf.take(clock::recent(), owner) {
            return Checkout::Idle(connection);
        }
        match endpoint.try_connect(limits) {
            Some(counted) => Checkout::Open(Lease {
                shelf: Rc::downgrade(&shelf),
                transport: pool.transport.clone(),
                owner: owner.map(Rc::downgrade),
                counted,
                opened: None,
            }),
            None => Checkout::Full,
        }
    }

    /// Closes what was idle for too long, was closed by the endpoint or leads to one that is declared
    /// no more, and forgets endpoints that are gone.
    pub fn sweep(&self, now: Millis) {
        self.shelves.borrow_mut().retain(|_, shelf| {
            shelf.sweep(now);
            !shelf.idle.borrow().is_empty() || shelf.endpoint.strong_count() > 0
        });
    }

    /// Closes idle connections to endpoints that have as many as they may, so that other threads
    /// can open theirs.
    pub fn shed(&self) {
        for shelf in self.shelves.borrow().values() {
            if shelf.is_full() {
                shelf.idle.take();
            }
        }
    }

    /// Closes all that are idle.
    pub fn clear(&self) {
        self.shelves.borrow_mut().clear();
    }

    fn shelf(&self, endpoint: &Arc<EndpointState>) -> Rc<Shelf> {
        // The weak reference keeps the address from being used by another endpoint.
        let key = Arc::as_ptr(endpoint) as usize;
        if let Some(shelf) = self.shelves.borrow().get(&key) {
            return Rc::clone(shelf);
        }
        let shelf = Rc::new(Shelf {
            endpoint: Arc::downgrade(endpoint),
            idle: RefCell::default(),
            transport: RefCell::default(),
            keep_alive: Cell::default(),
            bounds: Cell::default(),
        });
        self.shelves.borrow_mut().insert(key, Rc::clone(&shelf));
        shelf
    }
}

/// Lease counts a connection for as long as it lives, and knows where it rests.
#[derive(Debug)]
pub struct Lease {
    shelf: Weak<Shelf>,
    /// How it was opened.
    transport: Transport,
    /// The only one that it may serve, where it tells the endpoint who that is.
    owner: Option<Weak<()>>,
    // Counts the connection out when it is dropped.
    counted: OpenConnection,
    opened: Option<(Arc<EndpointStats>, usize)>,
}

impl Lease {
    /// Returns the endpoint.
    pub fn endpoint(&self) -> &Arc<EndpointState> {
        self.counted.endpoint()
    }

    /// Puts a connection on its shelf; drops it when the shelf is gone or full, or holds those that
    /// were opened in another way.
    pub(super) fn give_back(shelf: Option<Rc<Shelf>>, connection: Connection) {
        if let Some(shelf) = shelf {
            let lease = connection.lease();
            let is_useful =
                shelf.transport.borrow().is_same(&lease.transport) && !lease.is_orphan();
            let mut idle = shelf.idle.borrow_mut();
            if is_useful && idle.len() < IDLE_LIMIT && shelf.keep_alive.get() > Duration::ZERO {
                idle.push(Idle { connection, since: clock::now() });
            }
        }
    }

    /// Counts the connection as opened, and as closed when it ends.
    pub(super) fn opened(&mut self, stats: Arc<EndpointStats>, worker: usize, took: Duration) {
        stats.connection_opened(worker, took);
        self.opened = Some((stats, worker));
    }

    fn belongs_to(&self, owner: Option<&Owner>) -> bool {
        match (&self.owner, owner) {
            (None, None) => true,
            (Some(one), Some(other)) => std::ptr::eq(one.as_ptr(), Rc::as_ptr(other)),
            _ => false,
        }
    }

    /// Whether the only one that it may serve is gone.
    fn is_orphan(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.strong_count() == 0)
    }

    pub(super) fn shelf(&self) -> Option<Rc<Shelf>> {
        self.shelf.upgrade()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((stats, worker)) = &self.opened {
            stats.connection_closed(*worker);
        }
    }
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Millis,
}

/// Shelf holds the idle connections to one endpoint, the latest last.
#[derive(Debug)]
pub(super) struct Shelf {
    endpoint: std::sync::Weak<EndpointState>,
    idle: RefCell<Vec<Idle>>,
    /// How all that are idle were opened.
    transport: RefCell<Transport>,
    keep_alive: Cell<Duration>,
    bounds: Cell<(Option<u32>, Option<u32>)>,
}

impl Shelf {
    /// Takes over how connections are opened now; returns whether that is another way.
    fn follow(&self, transport: &Transport) -> bool {
        if self.transport.borrow().is_same(transport) {
            return false;
        }
        self.transport.replace(transport.clone());
        true
    }

    fn take(&self, now: Millis, owner: Option<&Owner>) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        loop {
            let is_own = |idle: &Idle| idle.connection.lease().belongs_to(owner);
            let position = idle.iter().rposition(is_own)?;
            let mut latest = idle.remove(position);
            if latest.since.plus(self.keep_alive.get()) <= now {
                // All before it have been idle for longer.
                idle.drain(..position);
                return None;
            }
            if latest.connection.is_quiet() {
                return Some(latest.connection);
            }
        }
    }

    fn sweep(&self, now: Millis) {
        if self.endpoint.upgrade().is_none_or(|endpoint| endpoint.is_retired()) {
            self.idle.take();
            return;
        }
        let keep_alive = self.keep_alive.get();
        self.idle.borrow_mut().retain_mut(|idle| {
            let is_useful =
                idle.since.plus(keep_alive) > now && !idle.connection.lease().is_orphan();
            is_useful && idle.connection.is_quiet()
        });
    }

    fn is_full(&self) -> bool {
        let (endpoint_most, pool_most) = self.bounds.get();
        let Some(endpoint) = self.endpoint.upgrade() else { return true };
        pool_most.is_some() || endpoint_most.is_some_and(|most| endpoint.connections() >= most)
    }
}

/// Addresses of allocations are spread well enough once their low zeros are gone.
#[derive(Default)]
pub(in crate::upstream) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_usize(&mut self, address: usize) {
        // Fibonacci hashing: the map uses the highest and the lowest bits.
        let mixed = (address as u64 >> 6).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
