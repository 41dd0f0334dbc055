//! Open connections and their streams: by endpoint, on one thread.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::sync::Notify;

use crate::upstream::clock::{self, Millis};
use crate::upstream::http1::{AddressHasher, Owner};
use crate::upstream::{EndpointState, OpenConnection, Pool, Transport};

/// Most streams at once in a connection, however many the endpoint allows: the window of a
/// connection has room for as many streams that nobody reads, so that none stops another.
pub(super) const MOST_STREAMS: usize = 100;

/// Connections are those of one thread.
#[derive(Debug, Default)]
pub struct Connections {
    shelves: RefCell<HashMap<usize, Rc<Shelf>, BuildHasherDefault<AddressHasher>>>,
}

/// Checkout is what there is for a new exchange.
#[derive(Debug)]
pub enum Checkout {
    /// A connection with room.
    Ready(Slot),
    /// The right to open one, with [`super::begin`].
    Open(Opening),
    /// Others are opening one that will have room.
    Wait(Waiting),
    /// The endpoint, or its pool, has as many connections as it may, and all are full.
    Full(Waiting),
}

impl Connections {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a place in a connection to the endpoint, or how to come to one. With an owner, only
    /// in one of its own, and without, only in one that has none. Connections that another
    /// transport opened take no more streams.
    pub fn checkout(
        &self,
        endpoint: &Arc<EndpointState>,
        pool: &Pool,
        owner: Option<&Owner>,
    ) -> Checkout {
        let (shelf, limits) = (self.shelf(endpoint), &pool.model.limits);
        shelf.keep_alive.set(pool.model.keep_alive);
        shelf.follow(&pool.transport);
        shelf.bounds.set((limits.per_endpoint.max_connections, limits.max_connections));
        if let Some(slot) = shelf.take(owner) {
            return Checkout::Ready(slot);
        }
        // What is opened for one client is for nobody else.
        if owner.is_none() && shelf.opening.get() * shelf.room.get() > shelf.waiting.get() {
            return Checkout::Wait(Waiting(shelf));
        }
        match endpoint.try_connect(limits) {
            Some(counted) => {
                shelf.opening.set(shelf.opening.get() + 1);
                let owner = owner.map(Rc::downgrade);
                Checkout::Open(Opening { shelf, counted: Some(counted), owner })
            }
            None => Checkout::Full(Waiting(shelf)),
        }
    }

    /// Closes what was unused for too long or is not to be used any more, and forgets endpoints
    /// that are gone.
    pub fn sweep(&self, now: Millis) {
        self.shelves.borrow_mut().retain(|_, shelf| {
            shelf.sweep(now);
            !shelf.channels.borrow().is_empty() || shelf.endpoint.strong_count() > 0
        });
    }

    /// Closes unused connections to endpoints that have as many as they may, so that other threads
    /// can open theirs. Where it is another thread that asks, used ones take no new streams either:
    /// else they could be used for ever.
    pub fn shed(&self, for_others: bool) {
        for shelf in self.shelves.borrow().values().filter(|shelf| shelf.is_full()) {
            shelf.channels.borrow_mut().retain(|channel| channel.streams.get() > 0 && !for_others);
        }
    }

    /// Lets go of all: unused ones close now, the others with their last stream.
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
            channels: RefCell::default(),
            opening: Cell::new(0),
            waiting: Cell::new(0),
            room: Cell::new(MOST_STREAMS),
            changed: Notify::new(),
            keep_alive: Cell::default(),
            bounds: Cell::default(),
            transport: RefCell::default(),
        });
        self.shelves.borrow_mut().insert(key, Rc::clone(&shelf));
        shelf
    }
}

/// Shelf holds the connections to one endpoint, the oldest first.
#[derive(Debug)]
pub(super) struct Shelf {
    endpoint: std::sync::Weak<EndpointState>,
    channels: RefCell<Vec<Rc<Channel>>>,
    /// Connections that are being opened, up to the endpoint's first settings.
    opening: Cell<usize>,
    /// Who waits for one of them.
    waiting: Cell<usize>,
    /// Streams that a connection had room for, as far as known.
    room: Cell<usize>,
    /// Wakes who waits for room.
    changed: Notify,
    keep_alive: Cell<Duration>,
    bounds: Cell<(Option<u32>, Option<u32>)>,
    /// How its connections were opened.
    transport: RefCell<Transport>,
}

impl Shelf {
    fn take(self: &Rc<Self>, owner: Option<&Owner>) -> Option<Slot> {
        let mut found = None;
        let mut channels = self.channels.borrow_mut();
        channels.retain(|channel| {
            let is_open = channel.is_open();
            if is_open && found.is_none() && channel.has_room() && channel.belongs_to(owner) {
                found = Some(Rc::clone(channel));
            }
            is_open
        });
        found.map(|channel| Slot::new(channel, self))
    }

    /// Lets go of what another transport opened.
    fn follow(&self, transport: &Transport) {
        if !self.transport.borrow().is_same(transport) {
            self.channels.borrow_mut().clear();
            *self.transport.borrow_mut() = transport.clone();
        }
    }

    fn sweep(&self, now: Millis) {
        let keep_alive = self.keep_alive.get();
        let is_retired = self.endpoint.upgrade().is_none_or(|endpoint| endpoint.is_retired());
        let is_kept = |channel: &Channel| {
            channel.streams.get() > 0
                || !is_retired
                    && !channel.is_orphan()
                    && channel.idle_since.get().plus(keep_alive) > now
        };
        self.channels.borrow_mut().retain(|channel| channel.is_open() && is_kept(channel));
    }

    fn is_full(&self) -> bool {
        let (endpoint_most, pool_most) = self.bounds.get();
        let Some(endpoint) = self.endpoint.upgrade() else { return true };
        pool_most.is_some() || endpoint_most.is_some_and(|most| endpoint.connections() >= most)
    }
}

/// Channel is an open connection.
#[derive(Debug)]
pub(super) struct Channel {
    sender: SendRequest<Bytes>,
    /// Streams in use.
    pub(super) streams: Cell<usize>,
    /// Whether the endpoint's first settings have come; until then only who opened it uses it.
    is_settled: Cell<bool>,
    /// Wakes who waits for them; also when the connection has ended.
    pub(super) changed: Notify,
    is_used: Cell<bool>,
    idle_since: Cell<Millis>,
    /// The client's connection that alone may use it, where there is one.
    owner: Option<Weak<()>>,
}

/// What h2 returns as the most streams before the endpoint has said anything, and never after.
pub(super) const UNSETTLED: usize = usize::MAX - 1;

impl Channel {
    pub(super) fn new(sender: SendRequest<Bytes>, opening: &Opening) -> Self {
        Self {
            sender,
            owner: opening.owner.clone(),
            streams: Cell::new(0),
            is_settled: Cell::new(false),
            changed: Notify::new(),
            is_used: Cell::new(false),
            idle_since: Cell::new(clock::now()),
        }
    }

    /// Returns another handle, by which one stream can be begun.
    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        self.sender.clone()
    }

    /// Returns whether the endpoint has neither closed it nor asked to open no more streams.
    fn is_open(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        !matches!(self.sender().poll_ready(&mut context), Poll::Ready(Err(_)))
    }

    fn belongs_to(&self, owner: Option<&Owner>) -> bool {
        match (&self.owner, owner) {
            (None, None) => true,
            (Some(one), Some(other)) => std::ptr::eq(one.as_ptr(), Rc::as_ptr(other)),
            _ => false,
        }
    }

    fn is_orphan(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.strong_count() == 0)
    }

    fn has_room(&self) -> bool {
        self.is_settled.get() && self.streams.get() < self.room()
    }

    fn room(&self) -> usize {
        self.sender.current_max_send_streams().min(MOST_STREAMS)
    }

    /// Takes note of the endpoint's first settings. Returns whether they have come.
    pub(super) fn settle(&self, opening: &Opening) -> bool {
        if self.sender.current_max_send_streams() == UNSETTLED {
            return false;
        }
        self.is_settled.set(true);
        self.changed.notify_waiters();
        // At least the stream of who opened it goes.
        opening.shelf.room.set(self.room().max(1));
        true
    }
}

/// Opening is a connection on its way, until the endpoint's first settings.
#[derive(Debug)]
pub struct Opening {
    shelf: Rc<Shelf>,
    counted: Option<OpenConnection>,
    owner: Option<Weak<()>>,
}

impl Opening {
    /// Puts the connection on its shelf, and takes the first place in it.
    pub(super) fn opened(&self, channel: &Rc<Channel>) -> Slot {
        self.shelf.channels.borrow_mut().push(Rc::clone(channel));
        Slot::new(Rc::clone(channel), &self.shelf)
    }

    /// Takes out what counts the connection.
    pub(super) fn take_counted(&mut self) -> Option<OpenConnection> {
        self.counted.take()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.shelf.opening.set(self.shelf.opening.get() - 1);
        self.shelf.changed.notify_waiters();
    }
}

/// Waiting is who waits for room in a connection to an endpoint.
#[derive(Debug)]
pub struct Waiting(Rc<Shelf>);

impl Waiting {
    /// Waits until something has changed.
    ///
    /// # Cancel safety
    /// Dropping the future passes its turn on.
    pub async fn wait(self) {
        struct Counted(Rc<Shelf>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.waiting.set(self.0.waiting.get() - 1);
            }
        }
        let Self(shelf) = self;
        shelf.waiting.set(shelf.waiting.get() + 1);
        let counted = Counted(shelf);
        counted.0.changed.notified().await;
    }
}

/// Slot is a place for one stream in a connection, for as long as it lives.
#[derive(Debug)]
pub struct Slot {
    channel: Rc<Channel>,
    shelf: Weak<Shelf>,
    is_reused: bool,
}

impl Slot {
    fn new(channel: Rc<Channel>, shelf: &Rc<Shelf>) -> Self {
        channel.streams.set(channel.streams.get() + 1);
        let is_reused = channel.is_used.replace(true);
        Self { channel, shelf: Rc::downgrade(shelf), is_reused }
    }

    /// Returns whether the connection has carried an exchange before.
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// Waits for the endpoint's first settings.
    ///
    /// # Errors
    /// Where the connection ends before they come.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn settled(&self) -> io::Result<()> {
        while !self.channel.is_settled.get() {
            let changed = self.channel.changed.notified();
            if !self.channel.is_open() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            changed.await;
        }
        Ok(())
    }

    /// Returns whether the endpoint has said that it takes WebSockets in streams. Source: RFC 8441 §3.
    pub fn takes_websockets(&self) -> bool {
        self.sender().is_extended_connect_protocol_enabled()
    }

    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        self.channel.sender()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let left = self.channel.streams.get() - 1;
        self.channel.streams.set(left);
        if left == 0 {
            self.channel.idle_since.set(clock::now());
        }
        if let Some(shelf) = self.shelf.upgrade()
            && shelf.waiting.get() > 0
        {
            shelf.changed.notify_one();
        }
    }
}
