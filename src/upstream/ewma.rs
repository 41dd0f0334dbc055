//! Averages of latency.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::Millis;

/// Ewma averages latency: a peak counts at once, and is forgotten with time.
///
/// One word holds the value (`f32` microseconds, upper half) and when it was taken (lower half,
/// wrapping milliseconds), so that both change together and readers never wait. 0 is "never
/// measured".
#[derive(Debug, Default)]
pub(super) struct Ewma(AtomicU64);

/// Time in which a value falls to 37 percent.
const DECAY_MILLIS: f32 = 10_000.0;

impl Ewma {
    /// Takes a measurement into account.
    pub(super) fn observe(&self, latency: Duration, now: Millis) {
        // Never 0: that is "never measured".
        let sample = (latency.as_secs_f32() * 1e6).max(1.0);
        let change = |word: u64| {
            let (value, at) = unpack(word);
            let kept = decay(at, now);
            let next = if sample >= value { sample } else { value * kept + sample * (1.0 - kept) };
            Some(pack(next, now))
        };
        // The closure never refuses.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }

    /// Returns the average in microseconds as of now, or nothing before the first measurement.
    /// It falls while nothing is measured, so that a slow endpoint is tried again.
    pub(super) fn micros(&self, now: Millis) -> Option<f32> {
        let word = self.0.load(Ordering::Relaxed);
        let (value, at) = unpack(word);
        (word != 0).then(|| (value * decay(at, now)).max(1.0))
    }
}

/// Mean averages latency over the last requests, each of which counts an eighth: a peak says little,
/// and is forgotten with the next requests. Made of one word as [`Ewma`] is. When two threads
/// measure at once, one of the two counts.
#[derive(Debug, Default)]
pub(super) struct Mean(AtomicU64);

/// After this time without a measurement nothing is known. Much longer than answers take, and than
/// the turns that a slow endpoint leaves out.
const OLD_MILLIS: u32 = 600_000;

impl Mean {
    /// Takes a measurement into account.
    pub(super) fn observe(&self, latency: Duration, now: Millis) {
        let sample = (latency.as_secs_f32() * 1e6).max(1.0);
        let next = self.micros(now).map_or(sample, |mean| mean + (sample - mean) / 8.0);
        self.0.store(pack(next, now), Ordering::Relaxed);
    }

    /// Returns the average in microseconds, or nothing where none was measured lately.
    pub(super) fn micros(&self, now: Millis) -> Option<f32> {
        let word = self.0.load(Ordering::Relaxed);
        let (value, at) = unpack(word);
        (word != 0 && since(at, now) < OLD_MILLIS).then_some(value)
    }
}

fn pack(value: f32, at: Millis) -> u64 {
    (u64::from(value.to_bits()) << 32) | (at.0 & 0xffff_ffff)
}

fn unpack(word: u64) -> (f32, u32) {
    (f32::from_bits((word >> 32) as u32), (word & 0xffff_ffff) as u32)
}

fn decay(at: u32, now: Millis) -> f32 {
    (-(since(at, now) as f32) / DECAY_MILLIS).exp()
}

fn since(at: u32, now: Millis) -> u32 {
    let passed = (now.0 as u32).wrapping_sub(at);
    // Another thread may have written a slightly later moment.
    if passed > u32::MAX / 2 { 0 } else { passed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_counts_at_once_and_fades() {
        let ewma = Ewma::default();
        assert_eq!(ewma.micros(Millis(5)), None);
        ewma.observe(Duration::from_millis(1), Millis(10));
        ewma.observe(Duration::from_millis(100), Millis(20));
        assert_eq!(ewma.micros(Millis(20)), Some(100_000.0));
        ewma.observe(Duration::from_millis(1), Millis(30));
        let soon = ewma.micros(Millis(30)).unwrap();
        assert!(soon > 99_000.0 && soon < 100_000.0, "{soon}");
        let later = ewma.micros(Millis(10_030)).unwrap();
        assert!(later < soon * 0.4, "{later}");
    }

    #[test]
    fn survives_the_wrap_of_its_clock() {
        let ewma = Ewma::default();
        ewma.observe(Duration::from_millis(8), Millis(u64::from(u32::MAX) - 10));
        let after = ewma.micros(Millis(u64::from(u32::MAX) + 90)).unwrap();
        assert!(after > 7_900.0 && after < 8_000.0, "{after}");
    }

    #[test]
    fn a_mean_forgets_a_peak_with_the_next_requests() {
        let mean = Mean::default();
        assert_eq!(mean.micros(Millis(5)), None);
        for at in 0..8 {
            mean.observe(Duration::from_millis(1), Millis(10 + at));
        }
        mean.observe(Duration::from_millis(17), Millis(20));
        assert_eq!(mean.micros(Millis(20)), Some(3_000.0));
        for at in 0..20 {
            mean.observe(Duration::from_millis(1), Millis(21 + at));
        }
        assert!(mean.micros(Millis(40)).unwrap() < 1_200.0);
        assert_eq!(mean.micros(Millis(40 + u64::from(OLD_MILLIS))), None);
    }
}
