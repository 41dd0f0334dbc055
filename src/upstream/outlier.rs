//! Passive checks: an endpoint that answers real requests badly gets none for a time.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::EndpointState;
use super::clock::Millis;
use super::events::PoolChange;
use crate::model::Outlier;

/// Ejection is the record of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Ejection {
    errors: AtomicU32,
    // Ejections in a row.
    row: AtomicU32,
    // End of the present ejection; 0 is none.
    until: AtomicU64,
    // End of the last one.
    returned: AtomicU64,
}

impl Ejection {
    /// Returns the end of the present ejection; 0 is none.
    pub(super) fn ends_at(&self) -> Millis {
        Millis(self.until.load(Ordering::Relaxed))
    }

    /// Ends the row of errors.
    pub(super) fn count_success(&self) {
        // Read first: the usual success writes nothing.
        if self.errors.load(Ordering::Relaxed) != 0 {
            self.errors.store(0, Ordering::Relaxed);
        }
    }

    /// Returns how long the next ejection is, and remembers that it happened. The row shortens by
    /// one for each base time without ejection.
    fn next_time(&self, settings: &Outlier, now: Millis) -> Duration {
        let base = settings.base_ejection_time.max(Duration::from_millis(1));
        let good = now.since(Millis(self.returned.load(Ordering::Relaxed)));
        let forgiven =
            u32::try_from(good.as_millis() / base.as_millis().max(1)).unwrap_or(u32::MAX);
        let row = self.row.load(Ordering::Relaxed).saturating_sub(forgiven).saturating_add(1);
        self.row.store(row, Ordering::Relaxed);
        base.saturating_mul(row).min(settings.max_ejection_time.max(base))
    }
}

impl EndpointState {
    /// Counts an error, and ejects the endpoint when it is one too many.
    pub(super) fn count_error(&self, now: Millis) {
        let errors = self.ejection.errors.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let Some(settings) = self.pool.outlier() else { return };
        if errors < settings.consecutive_errors || self.ejection.ends_at().0 != 0 {
            return;
        }
        if !self.pool.take_ejection(settings.max_ejected_percent) {
            return;
        }
        // Whoever ejects first does it alone.
        if self
            .ejection
            .until
            .compare_exchange(0, u64::MAX, Ordering::Relaxed, Ordering::Relaxed)
            .is_err()
        {
            self.pool.give_back_ejection();
            return;
        }
        let time = self.ejection.next_time(&settings, now);
        self.ejection.until.store(now.plus(time).0, Ordering::Relaxed);
        self.ejection.errors.store(0, Ordering::Relaxed);
        self.pool.stats.ejected();
        self.stats.ejected();
        self.pool.tell(PoolChange::Ejected { address: self.address, time });
        self.pool.mark_dirty();
    }

    /// Ends an ejection whose time is over, and returns whether there was one.
    pub(super) fn end_ejection(&self, now: Millis) -> bool {
        let until = self.ejection.ends_at();
        if until.0 == 0 || until > now {
            return false;
        }
        self.ejection.errors.store(0, Ordering::Relaxed);
        self.ejection.returned.store(now.0, Ordering::Relaxed);
        // Before the next ejection can begin.
        self.stats.returned();
        self.ejection.until.store(0, Ordering::Relaxed);
        self.pool.give_back_ejection();
        self.warm_up_from(now);
        self.pool.tell(PoolChange::Returned(self.address));
        true
    }
}

impl Drop for EndpointState {
    fn drop(&mut self) {
        if self.ejection.ends_at().0 != 0 {
            self.pool.give_back_ejection();
        }
    }
}
