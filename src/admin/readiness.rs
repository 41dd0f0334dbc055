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
    judged: Mutex<(usize, Vec<String>)>,
}

/// What `/readyz` says.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) ready: bool,
    pub(super) synced: bool,
    pub(super) draining: bool,
    /// Why the source of the configuration cannot be followed; nothing while it is.
    pub(super) source: Option<String>,
    /// The first problems of manifests that are read and refused, then the first objects that are taken
    /// and of which some is refused.
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

    /// Says of how many objects that the source took some is refused, and of the first of them what.
    pub fn set_judged(&self, count: usize, first: Vec<String>) {
        *self.judged.lock() = (count, first);
    }

    /// Returns whether this instance should get traffic.
    pub fn is_ready(&self) -> bool {
        self.synced.load(Ordering::Acquire) && !self.draining.load(Ordering::Acquire)
    }

    pub(super) fn report(&self) -> Report {
        let (synced, draining) =
            (self.synced.load(Ordering::Acquire), self.draining.load(Ordering::Acquire));
        let source = self.trouble.lock().clone();
        let (count, mut refused) = self.refused.lock().clone();
        let (judged, of_objects) = self.judged.lock().clone();
        refused.extend(of_objects);
        let message = match (draining, synced, source.is_some()) {
            (true, ..) => "draining".to_owned(),
            (_, false, _) => "the configuration has not been read yet".to_owned(),
            (_, _, true) => {
                "serving the last good configuration: its source cannot be followed".to_owned()
            }
            _ => format!("serving{}{}", of_manifests(count), of_judged(judged)),
        };
        Report { ready: synced && !draining, synced, draining, source, refused, message }
    }
}

fn of_manifests(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "; 1 problem in the manifests: what was good before stays in use".to_owned(),
        _ => {
            format!("; {count} problems in the manifests: what was good before stays in use")
        }
    }
}

fn of_judged(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "; 1 object is refused in whole or in part: `refused` says why".to_owned(),
        _ => {
            format!("; {count} objects are refused in whole or in part: `refused` says why")
        }
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
        readiness.set_judged(1, vec!["BackendPool a/b: Invalid: wrong".into()]);
        let report = readiness.report();
        assert_eq!(report.refused, ["a.yaml:1:2: wrong", "BackendPool a/b: Invalid: wrong"]);
        assert!(report.ready && report.message.contains("2 problems in the manifests"));
        assert!(report.message.contains("1 object is refused"), "{}", report.message);
        readiness.set_refused(0, Vec::new());
        readiness.set_judged(3, Vec::new());
        assert!(readiness.report().message.starts_with("serving; 3 objects are refused"));
        readiness.set_judged(0, Vec::new());
        assert_eq!(readiness.report().message, "serving");
        readiness.set_draining();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.report().message, "draining");
    }
}
