//! What the control side does: configuration in, health checks, status out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::label::{ReconcileResult, WriteResult};
use super::shard::{Counter, Counters, Latencies};

/// Control counts what happens rarely, from whichever thread.
#[derive(Debug, Default)]
pub struct Control {
    pub(super) synced: AtomicBool,
    pub(super) connected: AtomicBool,
    pub(super) disconnects: Counter,
    pub(super) kinds: Mutex<BTreeMap<&'static str, KindCounts>>,
    pub(super) ingress_problems: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) reconciles: Counters<{ ReconcileResult::ALL.len() }>,
    pub(super) reconcile_durations: Latencies,
    pub(super) pending_changes: AtomicU64,
    pub(super) last_success: AtomicU64,
    pub(super) generation: AtomicU64,
    pub(super) probe_durations: Latencies,
    pub(super) writes: Counters<{ WriteResult::ALL.len() }>,
    pub(super) leader: AtomicBool,
    pub(super) certificates: Mutex<Vec<CertificateExpiry>>,
    pub(super) kept_certificates: AtomicU64,
    pub(super) memory_limit: AtomicU64,
    pub(super) memory_used: AtomicU64,
    pub(super) panics: Counter,
    pub(super) access_log_dropped: Counter,
    pub(super) events_dropped: Counter,
}

/// What is known of one kind of object.
#[derive(Debug, Default)]
pub(super) struct KindCounts {
    pub(super) relists: u64,
    pub(super) errors: u64,
    pub(super) objects: Option<(u64, u64)>,
}

/// CertificateExpiry is the end of a certificate's validity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CertificateExpiry {
    /// The Secret, as `namespace/name`.
    pub certificate: String,
    /// Seconds since 1970.
    pub not_after: i64,
}

impl Control {
    /// Shows whether the whole configuration has been read.
    pub fn set_source_synced(&self, synced: bool) {
        self.synced.store(synced, Ordering::Relaxed);
    }

    /// Shows whether the source is followed; a loss is counted.
    pub fn set_source_connected(&self, connected: bool) {
        if self.connected.swap(connected, Ordering::Relaxed) && !connected {
            self.disconnects.add(1);
        }
    }

    /// Counts a full read of one kind.
    pub fn source_relisted(&self, kind: &'static str) {
        self.kinds.lock().entry(kind).or_default().relists += 1;
    }

    /// Counts an object that could not be decoded, or a read that failed.
    pub fn source_error(&self, kind: &'static str) {
        self.kinds.lock().entry(kind).or_default().errors += 1;
    }

    /// Shows how many objects of a kind are accepted, and how many are not.
    pub fn set_objects(&self, kind: &'static str, accepted: u64, refused: u64) {
        self.kinds.lock().entry(kind).or_default().objects = Some((accepted, refused));
    }

    /// Shows what is wrong with Ingresses, by reason; a reason that is gone counts 0 from then on.
    pub fn set_ingress_problems(&self, reasons: impl Iterator<Item = &'static str>) {
        let mut problems = self.ingress_problems.lock();
        problems.values_mut().for_each(|count| *count = 0);
        for reason in reasons {
            *problems.entry(reason).or_default() += 1;
        }
    }

    /// Counts a turn of the reconcile loop that ended at `at`.
    pub fn reconciled(&self, result: ReconcileResult, took: Duration, at: SystemTime) {
        self.reconciles.add(result.index(), 1);
        self.reconcile_durations.record(took);
        if result != ReconcileResult::Failed {
            let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            self.last_success.store(seconds, Ordering::Relaxed);
        }
    }

    /// Shows how many changes wait for the reconcile loop.
    pub fn set_pending_changes(&self, count: usize) {
        self.pending_changes.store(count as u64, Ordering::Relaxed);
    }

    /// Shows which table serves.
    pub fn set_generation(&self, generation: u64) {
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// Counts the time of an active check.
    pub fn probe_took(&self, took: Duration) {
        self.probe_durations.record(took);
    }

    /// Counts a write of a status or an Event.
    pub fn status_written(&self, result: WriteResult) {
        self.writes.add(result.index(), 1);
    }

    /// Shows whether this instance holds the Lease.
    pub fn set_leader(&self, leader: bool) {
        self.leader.store(leader, Ordering::Relaxed);
    }

    /// Shows the certificates that are served, in place of those before. Of equal names the one
    /// that ends first counts.
    pub fn set_certificates(&self, mut certificates: Vec<CertificateExpiry>) {
        certificates.sort_unstable();
        certificates.dedup_by(|later, first| later.certificate == first.certificate);
        *self.certificates.lock() = certificates;
    }

    /// Shows how many Secrets are broken while their last good certificate stays in use.
    pub fn set_kept_certificates(&self, count: usize) {
        self.kept_certificates.store(count as u64, Ordering::Relaxed);
    }

    /// Shows how much memory the process may use.
    pub fn set_memory_limit(&self, bytes: u64) {
        self.memory_limit.store(bytes, Ordering::Relaxed);
    }

    /// Shows how much of it is in use.
    pub fn set_memory_used(&self, bytes: u64) {
        self.memory_used.store(bytes, Ordering::Relaxed);
    }

    /// Counts a panic.
    pub fn panicked(&self) {
        self.panics.add(1);
    }

    /// Counts lines of the access log that were left out.
    pub fn access_log_dropped(&self, lines: u64) {
        self.access_log_dropped.add(lines);
    }

    /// Counts a change of health that was not told.
    pub fn event_dropped(&self) {
        self.events_dropped.add(1);
    }
}
