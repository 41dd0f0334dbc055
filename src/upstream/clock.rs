//! Time on the data path: one number, cheap to read and to compare.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Millis is a moment: milliseconds since the process started, never going back. 0 is before
/// every moment that `now` returns, so that atomics can hold it as "none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Millis(pub u64);

impl Millis {
    /// Returns the moment that is `duration` later.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// Returns the time since an earlier moment, or nothing of it when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns this moment in seconds since 1970, by the wall clock as it was at the start.
    pub fn unix_seconds(self) -> u64 {
        start().1 + self.0 / 1000
    }
}

thread_local! {
    static RECENT: Cell<Millis> = const { Cell::new(Millis(0)) };
}

/// Returns the present moment.
pub fn now() -> Millis {
    read().1
}

/// Reads the clock: as exactly as it goes, and as the data path counts.
pub fn read() -> (Instant, Millis) {
    let moment = Instant::now();
    let millis = at(moment);
    RECENT.set(millis);
    (moment, millis)
}

/// Returns the moment that this thread read last. For what follows a read at once, or a turn later:
/// a request reads the clock six times as it is.
pub fn recent() -> Millis {
    let recent = RECENT.get();
    if recent == Millis(0) { now() } else { recent }
}

/// Returns a moment that was read already: reading the clock costs more than anything done with it.
pub fn at(moment: Instant) -> Millis {
    Millis(whole_millis(moment.saturating_duration_since(start().0)).saturating_add(1))
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn start() -> &'static (Instant, u64) {
    static START: OnceLock<(Instant, u64)> = OnceLock::new();
    START.get_or_init(|| {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (Instant::now(), wall.as_secs())
    })
}
