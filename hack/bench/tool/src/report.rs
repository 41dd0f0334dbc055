//! What a load saw.

use std::time::Duration;

use serde_json::json;

/// Report collects the answers of one connection or of all.
#[derive(Default)]
pub struct Report {
    /// How long each answer took from when it was due, in nanoseconds.
    pub latencies: Vec<u64>,
    pub answered: u64,
    pub errors: u64,
    pub first_error: Option<String>,
}

impl Report {
    /// Adds an answer; its latency counts when it was due late enough.
    pub fn add(&mut self, latency: Option<Duration>) {
        self.answered += 1;
        self.latencies.extend(latency.map(|latency| latency.as_nanos() as u64));
    }

    /// Adds a failure.
    pub fn fail(&mut self, error: &anyhow::Error) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| format!("{error:#}"));
    }

    /// Adds what another one collected.
    pub fn merge(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.answered += other.answered;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
    }

    /// Returns it as one line of JSON; latencies in milliseconds.
    pub fn line(mut self, length: Duration, unsent: u64) -> String {
        self.latencies.sort_unstable();
        let at = |share| percentile(&self.latencies, share).map(|nanos| nanos as f64 / 1e6);
        let value = json!({
            "requests": self.answered,
            "errors": self.errors,
            "unsent": unsent,
            "first_error": self.first_error,
            "seconds": length.as_secs_f64(),
            "rps": self.answered as f64 / length.as_secs_f64().max(1e-9),
            "p50": at(0.5), "p99": at(0.99), "p99.9": at(0.999), "max": at(1.0),
        });
        value.to_string()
    }
}

/// Returns the least value that at least this share of them does not exceed.
pub fn percentile(sorted: &[u64], share: f64) -> Option<u64> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}
