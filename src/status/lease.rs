//! Who leads: the decision, without clock or client.
//!
//! Time is only ever the reader's own: a holder counts as gone when its record has not changed for
//! a whole lease since *this* process saw it change, so that clocks of different machines need not
//! agree. Every write names the version it is based on, so that two can never both succeed.

use std::time::Duration;

use tokio::time::Instant;

/// Record is what the lease object says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; empty after a release.
    pub holder: String,
    /// When it was renewed last, as the holder wrote it. Only compared, never read as a time.
    pub renewed: String,
}

/// Step is what to do with the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write it: it is ours, free, or its holder is gone.
    Take,
    /// Look again after this time.
    Wait(Duration),
}

/// Observer watches a lease and decides about it.
#[derive(Debug)]
pub struct Observer {
    identity: String,
    duration: Duration,
    poll: Duration,
    seen: Option<(Record, Instant)>,
}

impl Observer {
    /// Makes an observer that has seen nothing.
    pub fn new(identity: String, duration: Duration, poll: Duration) -> Self {
        Self { identity, duration, poll, seen: None }
    }

    /// Takes in what the lease says now, and decides.
    pub fn decide(&mut self, record: Record, now: Instant) -> Step {
        if record.holder.is_empty() || record.holder == self.identity {
            self.seen = None;
            return Step::Take;
        }
        let since = match &self.seen {
            Some((seen, since)) if *seen == record => *since,
            _ => now,
        };
        self.seen = Some((record, since));
        let left = (since + self.duration).saturating_duration_since(now);
        if left.is_zero() { Step::Take } else { Step::Wait(left.min(self.poll)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(15);
    const POLL: Duration = Duration::from_secs(2);

    fn record(holder: &str, renewed: &str) -> Record {
        Record { holder: holder.into(), renewed: renewed.into() }
    }

    #[test]
    fn free_and_own_leases_are_taken() {
        let mut me = Observer::new("me".into(), LEASE, POLL);
        let now = Instant::now();
        assert_eq!(me.decide(record("", ""), now), Step::Take);
        assert_eq!(me.decide(record("me", "1970"), now), Step::Take, "also after a restart");
    }

    #[test]
    fn a_holder_that_renews_is_left_alone() {
        let mut me = Observer::new("me".into(), LEASE, POLL);
        let mut now = Instant::now();
        for renewal in 0..100 {
            let step = me.decide(record("other", &renewal.to_string()), now);
            assert_eq!(step, Step::Wait(POLL));
            now += Duration::from_secs(14);
        }
    }

    #[test]
    fn a_stopped_holder_is_replaced_within_twenty_seconds() {
        // Whatever its clock says: the record may lie in the future or the past.
        for written in ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
            let mut me = Observer::new("me".into(), LEASE, POLL);
            let stopped = Instant::now();
            // The last renewal is seen as late as polling allows.
            let mut now = stopped + POLL;
            let taken = loop {
                match me.decide(record("other", written), now) {
                    Step::Take => break now,
                    Step::Wait(time) => now += time,
                }
            };
            let took = taken - stopped;
            assert!(took >= LEASE && took < Duration::from_secs(20), "{took:?}");
        }
    }
}
