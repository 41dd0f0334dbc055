//! How far a client is behind the least rate, while somebody waits for it.
//!
//! A client owes while Weir waits for its bytes, or for it to take ours. What it owes grows with the
//! time and falls with every byte; at `timeout` it is too slow. So silence ends after `timeout`, and
//! one byte now and then does not help. Whoever owes nothing may be silent for ever.

use std::time::Duration;

use crate::upstream::Millis;

/// Progress is the least that a client must do while it owes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How far a client may be behind. Default is 30 s.
    pub timeout: Duration,
    /// Bytes in a second; at 0 any byte is enough. Default is 240.
    pub rate: u32,
}

impl Default for Progress {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), rate: 240 }
    }
}

/// Pace is what one client owes in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// Since when it owes; 0 while it does not.
    since: Millis,
    /// Milliseconds that it was behind before.
    behind: u64,
}

impl Pace {
    /// Takes note that the client owes from now on, where it did not. Returns whether that is new.
    pub(super) fn begin(&mut self, now: Millis) -> bool {
        let is_new = !self.is_owing();
        if is_new {
            self.since = now;
        }
        is_new
    }

    pub(super) fn is_owing(&self) -> bool {
        self.since.0 > 0
    }

    /// Takes note of bytes: the client does not owe any more.
    pub(super) fn moved(&mut self, now: Millis, bytes: usize, progress: Progress) {
        let waited = if self.is_owing() { now.0.saturating_sub(self.since.0) } else { 0 };
        self.since = Millis(0);
        let worth = match progress.rate {
            0 => u64::MAX,
            rate => (bytes as u64).saturating_mul(1000) / u64::from(rate),
        };
        self.behind = self.behind.saturating_add(waited).saturating_sub(worth);
    }

    /// Forgets what was owed: all that there was has moved.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// When the client is too slow, if nothing moves until then.
    pub(super) fn deadline(&self, progress: Progress) -> Option<Millis> {
        let left = progress.timeout.saturating_sub(Duration::from_millis(self.behind));
        self.is_owing().then(|| self.since.plus(left))
    }

    /// Whether the client is too slow now.
    pub(super) fn is_over(&self, now: Millis, progress: Progress) -> bool {
        self.deadline(progress).is_some_and(|deadline| deadline <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRESS: Progress = Progress { timeout: Duration::from_secs(30), rate: 100 };

    #[test]
    fn silence_ends_after_the_time() {
        let mut pace = Pace::default();
        assert_eq!(pace.deadline(PROGRESS), None, "nothing is owed yet");
        assert!(pace.begin(Millis(1000)) && !pace.begin(Millis(9000)));
        assert_eq!(pace.deadline(PROGRESS), Some(Millis(31_000)));
        assert!(!pace.is_over(Millis(30_999), PROGRESS) && pace.is_over(Millis(31_000), PROGRESS));
    }

    #[test]
    fn a_byte_now_and_then_ends_little_later() {
        let (mut pace, mut now) = (Pace::default(), 1);
        while !pace.is_over(Millis(now), PROGRESS) {
            pace.begin(Millis(now));
            now += 5000;
            if pace.is_over(Millis(now), PROGRESS) {
                break;
            }
            pace.moved(Millis(now), 1, PROGRESS);
            assert!(now < 40_000);
        }
        assert!(now > 30_000);
    }

    #[test]
    fn the_least_rate_lasts_and_banks_nothing() {
        let (mut pace, mut now) = (Pace::default(), 1);
        for _ in 0..10_000 {
            pace.begin(Millis(now));
            now += 20_000;
            assert!(!pace.is_over(Millis(now), PROGRESS));
            pace.moved(Millis(now), 2000, PROGRESS);
        }
        pace.moved(Millis(now), 1 << 40, PROGRESS);
        pace.begin(Millis(now));
        assert!(pace.is_over(Millis(now + 30_000), PROGRESS), "what was fast is forgotten");
    }

    #[test]
    fn without_a_rate_any_byte_is_enough() {
        let any = Progress { rate: 0, ..PROGRESS };
        let mut pace = Pace::default();
        pace.begin(Millis(1));
        pace.moved(Millis(29_000), 1, any);
        pace.begin(Millis(29_000));
        assert_eq!(pace.deadline(any), Some(Millis(59_000)));
    }
}
