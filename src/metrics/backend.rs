//! What the endpoints of one backend did with their requests.

use std::sync::Arc;
use std::time::Duration;

use super::label::CodeClass;
use super::shard::{Counters, Distribution, Latencies, Sharded};

/// BackendStats counts the tries on the endpoints of one backend of a pool: of a Service, or of all
/// addresses that are written into the pool.
///
/// There are as many as backends are declared, and they stay while pods come and go: what compares
/// two versions of a service asks these and not those of endpoints.
#[derive(Debug)]
pub struct BackendStats {
    pool: Arc<str>,
    backend: Arc<str>,
    shards: Sharded<Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    tries: Counters<{ CodeClass::ALL.len() }>,
    first_byte: Latencies,
}

impl BackendStats {
    pub(super) fn new(pool: Arc<str>, backend: Arc<str>, workers: usize) -> Self {
        Self { pool, backend, shards: Sharded::new(workers) }
    }

    /// Counts a try that was answered, and the time from its begin to the head of the answer.
    #[inline]
    pub fn answered(&self, worker: usize, status: u16, took: Duration) {
        let shard = self.shards.of(worker);
        shard.tries.add(CodeClass::of(status).index(), 1);
        shard.first_byte.record(took);
    }

    /// Counts a try that brought no answer.
    #[inline]
    pub fn failed(&self, worker: usize) {
        self.shards.of(worker).tries.add(CodeClass::None.index(), 1);
    }

    /// Returns the pool and the backend.
    pub(super) fn labels(&self) -> [&str; 2] {
        [&self.pool, &self.backend]
    }

    pub(super) fn tries(&self, code: CodeClass) -> u64 {
        self.shards.sum(|shard| shard.tries.value(code.index()))
    }

    pub(super) fn first_bytes(&self) -> Distribution {
        Distribution::of(self.shards.iter().map(|shard| &shard.first_byte))
    }
}
