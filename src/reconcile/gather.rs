//! How long changes are gathered.

use std::time::Duration;

use tokio::time::Instant;

/// Time without another change after which gathered changes are used.
pub const QUIET: Duration = Duration::from_millis(20);
/// Longest time that a change waits for others.
pub const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Gather says when gathered changes are due: after a quiet moment, and never later than
/// [`LONGEST_WAIT`] after the first of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gather {
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Gather {
    /// Notes a change.
    pub fn note(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// Returns when the gathered changes are due; nothing where there are none.
    pub fn due(&self) -> Option<Instant> {
        let (first, last) = (self.first?, self.last?);
        Some((last + QUIET).min(first + LONGEST_WAIT))
    }

    /// Forgets what was gathered.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_change_never_waits_longer_than_the_bound(gaps in prop::collection::vec(0u64..60, 1..50)) {
            let start = Instant::now();
            let (mut gather, mut now, mut oldest) = (Gather::default(), start, None);
            for gap in gaps {
                now += Duration::from_millis(gap);
                if gather.due().is_some_and(|due| due <= now) {
                    gather.clear();
                    oldest = None;
                }
                gather.note(now);
                let oldest = *oldest.get_or_insert(now);
                let due = gather.due().unwrap();
                prop_assert!(due >= now.min(oldest + LONGEST_WAIT));
                prop_assert!(due <= oldest + LONGEST_WAIT);
                prop_assert!(due <= now + QUIET);
            }
        }
    }

    #[test]
    fn nothing_is_due_without_a_change() {
        let mut gather = Gather::default();
        assert_eq!(gather.due(), None);
        gather.note(Instant::now());
        gather.clear();
        assert_eq!(gather.due(), None);
    }
}
