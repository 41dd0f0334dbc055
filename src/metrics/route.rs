//! What clients see of one route.

use std::sync::Arc;
use std::time::Duration;

use super::label::{CodeClass, MethodLabel};
use super::shard::{Counter, Counters, Distribution, Latencies, Sharded};

const CODES: usize = CodeClass::ALL.len();
const CELLS: usize = MethodLabel::ALL.len() * CODES;

/// RouteLabels name a route. All come from the configuration, never from a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteLabels {
    /// The pool, as `namespace/name`.
    pub pool: Arc<str>,
    /// The route: unique within its pool.
    pub route: Arc<str>,
}

/// RequestSample is one finished request.
#[derive(Clone, Copy, Debug)]
pub struct RequestSample {
    /// Method.
    pub method: MethodLabel,
    /// Status that the client got; 0 where it got none.
    pub status: u16,
    /// From the first byte of the request's head to the last of the answer.
    pub duration: Duration,
    /// Bytes of the request's body.
    pub received_bytes: u64,
    /// Bytes of the answer's body.
    pub sent_bytes: u64,
}

/// RouteStats counts the requests of one route.
#[derive(Debug)]
pub struct RouteStats {
    labels: RouteLabels,
    shards: Sharded<Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    requests: Counters<CELLS>,
    durations: Latencies,
    received: Counter,
    sent: Counter,
}

/// RouteTotals is what a route counted since it appeared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTotals {
    /// Finished requests.
    pub requests: u64,
    /// Of these, those answered with 500 to 599.
    pub server_errors: u64,
    /// Bytes of request bodies.
    pub received_bytes: u64,
    /// Bytes of answer bodies.
    pub sent_bytes: u64,
}

impl RouteStats {
    pub(super) fn new(labels: RouteLabels, workers: usize) -> Self {
        Self { labels, shards: Sharded::new(workers) }
    }

    /// Returns the labels.
    pub const fn labels(&self) -> &RouteLabels {
        &self.labels
    }

    /// Counts a finished request.
    #[inline]
    pub fn record(&self, worker: usize, sample: &RequestSample) {
        let shard = self.shards.of(worker);
        let code = CodeClass::of(sample.status);
        shard.requests.add(sample.method.index() * CODES + code.index(), 1);
        shard.durations.record(sample.duration);
        if sample.received_bytes > 0 {
            shard.received.add(sample.received_bytes);
        }
        shard.sent.add(sample.sent_bytes);
    }

    /// Returns what was counted so far.
    pub fn totals(&self) -> RouteTotals {
        let errors =
            MethodLabel::ALL.iter().map(|method| self.requests(*method, CodeClass::ServerError));
        RouteTotals {
            requests: self.shards.sum(|shard| shard.requests.sum()),
            server_errors: errors.sum(),
            received_bytes: self.shards.sum(|shard| shard.received.value()),
            sent_bytes: self.shards.sum(|shard| shard.sent.value()),
        }
    }

    /// Returns how long requests took.
    pub fn durations(&self) -> Distribution {
        Distribution::of(self.shards.iter().map(|shard| &shard.durations))
    }

    /// Returns the requests of one method and class.
    pub(super) fn requests(&self, method: MethodLabel, code: CodeClass) -> u64 {
        self.shards.sum(|shard| shard.requests.value(method.index() * CODES + code.index()))
    }
}
