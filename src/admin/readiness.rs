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
    refused: Mutex<(usize, Vec<String>)>,
}

/// What `/readyz` says.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) ready: bool,
    pub(super) synced: bool,
    pub(super) draining: bool,
    /// Why the source of the configuration cannot be followed; nothing while it is.
    pub(super) source: Option<String>,
    /// The first problems of manifests that are read and refused.
    pub(super) refused: Vec<String>,
    pub(super) message: String,
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

    /// Says why the source of the configuration cannot be followed, or nothing once it is.
    pub fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock() = trouble;
    }

    /// Says how many problems there are in a source that is followed, and the first of them.
    pub fn set_refused(&self, count: usize, first: Vec<String>) {
        *self.refused.lock() = (count, first);
    }

    /// Returns whether this instance should get traffic.
    pub fn is_ready(&self) -> bool {
        self.synced.load(Ordering::Acquire) && !self.draining.load(Ordering::Acquire)
    }

    pub(super) fn report(&self) -> Report {
        let (synced, draining) =
            (self.synced.load(Ordering::Acquire), self.draining.load(Ordering::Acquire));
        let source = self.trouble.lock().clone();
        let (count, refused) = self.refused.lock().clone();
        let message = match (draining, synced, source.is_some(), count) {
            (true, ..) => "draining".to_owned(),
            (_, false, ..) => "the configuration has not been read yet".to_owned(),
            (_, _, true, _) => {
                "serving the last good configuration: its source cannot be followed".to_owned()
            }
            (_, _, _, 0) => "serving".to_owned(),
            (_, _, _, 1) => {
                "serving; 1 problem in the manifests: what was good before stays in use".to_owned()
            }
            (_, _, _, count) => format!(
                "serving; {count} problems in the manifests: what was good before stays in use"
            ),
        };
        Report { ready: synced && !draining, synced, draining, source, refused, message }
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
        readiness.set_refused(2, vec!["a.yaml:1:2: wrong".into()]);
        let report = readiness.report();
        assert!(report.ready && report.source.is_none());
        assert_eq!(report.refused, ["a.yaml:1:2: wrong"]);
        assert!(report.message.contains("2 problems in the manifests"), "{}", report.message);
        readiness.set_draining();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.report().message, "draining");
    }
}
