//! What a client's socket and the requests on it know of each other.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::upstream::clock::Millis;

/// Watch is shared by a socket and its requests; all are on one thread, but hyper wants sockets
/// that could move.
#[derive(Debug)]
pub(super) struct Watch {
    active: AtomicU32,
    idle_since: AtomicU64,
    /// When the head of a request began; 0 while none has.
    head_since: AtomicU64,
    /// Whether the connection ended because the client did not take what was written.
    is_slow: AtomicBool,
}

impl Watch {
    pub(super) fn new(now: Millis) -> Self {
        Self {
            active: AtomicU32::new(0),
            idle_since: AtomicU64::new(now.0),
            head_since: AtomicU64::new(0),
            is_slow: AtomicBool::new(false),
        }
    }

    pub(super) fn request_begun(&self) {
        self.active.store(self.active.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
    }

    pub(super) fn request_ended(&self, now: Millis) {
        let active = self.active.load(Ordering::Relaxed).saturating_sub(1);
        self.active.store(active, Ordering::Relaxed);
        if active == 0 {
            self.idle_since.store(now.0, Ordering::Relaxed);
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed) > 0
    }

    pub(super) fn idle_since(&self) -> Millis {
        Millis(self.idle_since.load(Ordering::Relaxed))
    }

    pub(super) fn head_since(&self) -> Option<Millis> {
        Some(Millis(self.head_since.load(Ordering::Relaxed))).filter(|since| since.0 > 0)
    }

    pub(super) fn client_is_slow(&self) {
        self.is_slow.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_slow(&self) -> bool {
        self.is_slow.load(Ordering::Relaxed)
    }

    pub(super) fn head_begun(&self, now: Millis) {
        self.head_since.store(now.0, Ordering::Relaxed);
    }
}
