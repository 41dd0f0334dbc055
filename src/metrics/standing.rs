//! How one endpoint stands: written at the pace of health and of configuration, not of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Standing is what gauges say of an endpoint that has series of its own.
#[derive(Debug, Default)]
pub(super) struct Standing {
    is_unhealthy: AtomicBool,
    is_ejected: AtomicBool,
    // The bits of a number.
    share: AtomicU64,
    pub(super) place: Mutex<Option<Place>>,
}

/// Place is where an endpoint belongs; empty is not known.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) backend: Arc<str>,
    pub(super) zone: Arc<str>,
    pub(super) region: Arc<str>,
}

impl Standing {
    pub(super) fn is_healthy(&self) -> bool {
        !self.is_unhealthy.load(Ordering::Relaxed)
    }

    pub(super) fn set_healthy(&self, is_healthy: bool) {
        self.is_unhealthy.store(!is_healthy, Ordering::Relaxed);
    }

    pub(super) fn is_ejected(&self) -> bool {
        self.is_ejected.load(Ordering::Relaxed)
    }

    pub(super) fn set_ejected(&self, is_ejected: bool) {
        self.is_ejected.store(is_ejected, Ordering::Relaxed);
    }

    pub(super) fn share(&self) -> f64 {
        f64::from_bits(self.share.load(Ordering::Relaxed))
    }

    pub(super) fn set_share(&self, share: f64) {
        self.share.store(share.to_bits(), Ordering::Relaxed);
    }
}
