//! Keeps retries a small part of all requests, so that they cannot become the load.

use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::Millis;

/// RetryBudget counts requests and retries of the last ten seconds.
///
/// Each second has one word of each kind: the second (upper half) and the count (lower half); a
/// word of another second counts as 0.
#[derive(Debug, Default)]
pub struct RetryBudget {
    requests: [AtomicU64; SECONDS],
    retries: [AtomicU64; SECONDS],
}

const SECONDS: usize = 10;

/// Retries in ten seconds that are always allowed: a pool with little traffic may retry too.
const ALWAYS: u64 = 10;

impl RetryBudget {
    /// Counts a request that is not a retry.
    pub fn count_request(&self, now: Millis) {
        add(&self.requests, now);
    }

    /// Takes a retry out of the budget, and returns whether there was one left.
    pub fn try_retry(&self, percent: u8, now: Millis) -> bool {
        let allowed = (sum(&self.requests, now) * u64::from(percent) / 100).max(ALWAYS);
        // Taken first and given back, so that threads cannot all see the last one.
        add(&self.retries, now);
        let left = percent > 0 && sum(&self.retries, now) <= allowed;
        if !left {
            take_back(&self.retries, now);
        }
        left
    }
}

fn second(now: Millis) -> u64 {
    (now.0 / 1000) & 0xffff_ffff
}

fn slot(words: &[AtomicU64; SECONDS], second: u64) -> Option<&AtomicU64> {
    words.get((second % SECONDS as u64) as usize)
}

fn add(words: &[AtomicU64; SECONDS], now: Millis) {
    let second = second(now);
    if let Some(word) = slot(words, second) {
        let change =
            |word: u64| Some(if word >> 32 == second { word + 1 } else { second << 32 | 1 });
        // The closure never refuses.
        let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }
}

fn take_back(words: &[AtomicU64; SECONDS], now: Millis) {
    let second = second(now);
    if let Some(word) = slot(words, second) {
        let change = |word: u64| (word >> 32 == second && word & 0xffff_ffff > 0).then(|| word - 1);
        // Refused when the second is over: then the count is gone anyhow.
        let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }
}

fn sum(words: &[AtomicU64; SECONDS], now: Millis) -> u64 {
    let present = second(now);
    words
        .iter()
        .map(|word| word.load(Ordering::Relaxed))
        .filter(|word| present.saturating_sub(word >> 32) < SECONDS as u64)
        .map(|word| word & 0xffff_ffff)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_its_percentage_of_ten_seconds() {
        let budget = RetryBudget::default();
        for request in 0..1_000 {
            budget.count_request(Millis(1 + request * 9));
        }
        let allowed = (0..1_000).filter(|_| budget.try_retry(20, Millis(9_500))).count();
        assert_eq!(allowed, 200);
        assert!(!budget.try_retry(20, Millis(9_999)));
        // Ten seconds later the requests are forgotten, and so are the retries.
        let later = (0..100).filter(|_| budget.try_retry(20, Millis(19_999))).count();
        assert_eq!(later as u64, ALWAYS);
    }

    #[test]
    fn little_traffic_may_retry_but_not_at_zero_percent() {
        let budget = RetryBudget::default();
        budget.count_request(Millis(1));
        let allowed = (0..100).filter(|_| budget.try_retry(20, Millis(2))).count();
        assert_eq!(allowed as u64, ALWAYS);
        assert!(!RetryBudget::default().try_retry(0, Millis(2)));
    }
}
