//! Whether this instance should get traffic.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::Serialize;

/// Readiness is shared by those who know it and the page that tells it.
///
/// It begins as not ready, is ready from the first full picture of the configuration on, whatever
/// becomes of its source, and ends when the instance drains.
#[derive(Debug, Default)]
pub struct Readiness {
    synced: AtomicBool,
    draining: AtomicBool,
    trouble: Mutex<Option<String>>,
}

/// What `/readyz` says.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) ready: bool,
    pub(super) synced: bool,
    pub(super) draining: bool,
    /// What is wrong with the source of the configuration; nothing while it is followed.
    pub(super) source: Option<String>,
    pub(super) message: &'static str,
}

impl Readiness {
    /// Says that the whole configuration has been read and serves.
    pub fn set_synced(&self) {
        self.synced.store(true, Ordering::Release);
    }

    /// Says that this instance ends.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Says what is wrong with the source of the configuration, or nothing once it is followed.
    pub fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock() = trouble;
    }

    /// Returns whether this instance should get traffic.
    pub fn is_ready(&self) -> bool {
        self.synced.load(Ordering::Acquire) && !self.draining.load(Ordering::Acquire)
    }

    pub(super) fn report(&self) -> Report {
        let (synced, draining) =
            (self.synced.load(Ordering::Acquire), self.draining.load(Ordering::Acquire));
        let source = self.trouble.lock().clone();
        let message = match (draining, synced, source.is_some()) {
            (true, _, _) => "draining",
            (_, false, _) => "the configuration has not been read yet",
            (_, _, true) => "serving the last good configuration: its source is out of reach",
            _ => "serving",
        };
        Report { ready: synced && !draining, synced, draining, source, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_from_sync_to_drain_whatever_the_source_does() {
        let readiness = Readiness::default();
        assert!(!readiness.is_ready());
        readiness.set_trouble(Some("connection refused".into()));
        readiness.set_synced();
        assert!(readiness.is_ready());
        let report = readiness.report();
        assert_eq!(report.source.as_deref(), Some("connection refused"));
        assert!(report.message.contains("last good"));
        readiness.set_trouble(None);
        assert_eq!(readiness.report().message, "serving");
        readiness.set_draining();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.report().message, "draining");
    }
}
