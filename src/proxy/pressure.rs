//! How much of the memory that the process may use is in use.

use std::sync::atomic::{AtomicU8, Ordering};

/// Percent from which connections end with their next answer.
const HIGH: u64 = 85;
/// Percent from which requests are refused.
const FULL: u64 = 92;

/// Level says how much memory is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Enough is left.
    #[default]
    Normal,
    /// Little is left: connections end with their next answer.
    High,
    /// So little is left that requests are refused.
    Full,
}

impl Level {
    /// Returns the level of this use of a limit; without one it is normal.
    pub fn of(used: u64, limit: u64) -> Self {
        let is_above = |percent: u64| {
            limit > 0 && u128::from(used) * 100 >= u128::from(limit) * u128::from(percent)
        };
        if is_above(FULL) {
            Self::Full
        } else if is_above(HIGH) {
            Self::High
        } else {
            Self::Normal
        }
    }
}

/// Pressure is the level that holds now. The control side sets it, workers read it.
#[derive(Debug, Default)]
pub struct Pressure(AtomicU8);

impl Pressure {
    /// Sets the level; returns the one before.
    pub fn set(&self, level: Level) -> Level {
        Self::level(self.0.swap(level as u8, Ordering::Relaxed))
    }

    /// Whether connections are to end with their next answer.
    pub(super) fn is_high(&self) -> bool {
        Self::level(self.0.load(Ordering::Relaxed)) >= Level::High
    }

    /// Whether requests are refused.
    pub(super) fn is_full(&self) -> bool {
        Self::level(self.0.load(Ordering::Relaxed)) == Level::Full
    }

    fn level(number: u8) -> Level {
        match number {
            0 => Level::Normal,
            1 => Level::High,
            _ => Level::Full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_parts_of_the_limit() {
        for (used, limit, expected) in [
            (84, 100, Level::Normal),
            (85, 100, Level::High),
            (91, 100, Level::High),
            (92, 100, Level::Full),
            (u64::MAX, u64::MAX, Level::Full),
            (u64::MAX, 0, Level::Normal),
        ] {
            let pressure = Pressure::default();
            assert_eq!(pressure.set(Level::of(used, limit)), Level::Normal);
            assert_eq!(pressure.is_high(), expected >= Level::High, "{used} of {limit}");
            assert_eq!(pressure.is_full(), expected == Level::Full, "{used} of {limit}");
            assert_eq!(pressure.set(Level::Normal), expected);
        }
    }
}
