//! Makes the checks that the plan asks for, a bounded number at once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::debug;

use super::machine::Verdict;
use super::plan::{Due, IDLE, Plan};
use super::probe::{Failure, check};
use crate::metrics::{Metrics, ProbeResult};
use crate::model::{HealthCheck, PoolName};
use crate::table::{Table, TableHandle};
use crate::upstream::{EndpointState, Health, Pool, Transport, clock};

/// Options bound what checks cost.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Checks that run at once. Default is 256.
    pub concurrency: usize,
    /// How often a new table is looked for. Default is 100 ms.
    pub follow_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { concurrency: 256, follow_interval: Duration::from_millis(100) }
    }
}

/// Checks the endpoints of the table that serves, for ever.
///
/// # Cancel safety
/// Dropping the future ends all checks; what they said so far stays.
pub async fn run(table: TableHandle, metrics: Arc<Metrics>, options: Options) {
    let mut scheduler = Scheduler::new(metrics, options.concurrency);
    let mut follow = interval(options.follow_interval);
    follow.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let wakes_at = scheduler.wakes_at();
        tokio::select! {
            _ = follow.tick() => scheduler.follow(&table.load_full(), Instant::now()),
            Some(done) = scheduler.running.join_next() => if let Ok(done) = done {
                scheduler.finish(done, Instant::now());
            },
            () = sleep_until(wakes_at), if scheduler.has_room() => {}
        }
        scheduler.start_due(Instant::now());
    }
}

struct Scheduler {
    plan: Plan<PoolName, SocketAddr>,
    followed: HashMap<PoolName, Followed>,
    generation: Option<u64>,
    running: JoinSet<Done>,
    concurrency: usize,
    metrics: Arc<Metrics>,
}

/// Followed is what is checked of one pool.
struct Followed {
    version: Weak<Pool>,
    check: Arc<HealthCheck>,
    transport: Transport,
    endpoints: HashMap<SocketAddr, Arc<EndpointState>>,
}

/// Done is a check that has ended.
struct Done {
    id: u64,
    pool: PoolName,
    took: Duration,
    result: Result<(), Failure>,
}

impl Scheduler {
    fn new(metrics: Arc<Metrics>, concurrency: usize) -> Self {
        Self {
            plan: Plan::new(fastrand::u64(..)),
            followed: HashMap::new(),
            generation: None,
            running: JoinSet::new(),
            concurrency: concurrency.max(1),
            metrics,
        }
    }

    fn has_room(&self) -> bool {
        self.running.len() < self.concurrency
    }

    fn wakes_at(&self) -> Instant {
        self.plan.wakes_at().unwrap_or_else(|| Instant::now() + IDLE)
    }

    /// Makes the plan that of a table. Pools whose version is known cost one comparison.
    fn follow(&mut self, table: &Table, now: Instant) {
        if self.generation.replace(table.generation()) == Some(table.generation()) {
            return;
        }
        let mut before = std::mem::take(&mut self.followed);
        for pool in table.pools() {
            let Some(declared) = &pool.model.health_check else { continue };
            let name = pool.state.name().clone();
            let known = before.remove(&name);
            let followed = match known {
                Some(known) if known.version.as_ptr() == Arc::as_ptr(pool) => known,
                known => self.follow_pool(pool, declared, known, now),
            };
            self.followed.insert(name, followed);
        }
        for (name, gone) in before {
            self.plan.remove(&name);
            // Checks were withdrawn, or the pool is gone: nothing is known any more.
            for endpoint in gone.endpoints.values() {
                endpoint.set_health(Health::Unknown, clock::now());
            }
        }
        debug!(endpoints = self.plan.len(), "health checks follow the table");
    }

    fn follow_pool(
        &mut self,
        pool: &Arc<Pool>,
        declared: &HealthCheck,
        known: Option<Followed>,
        now: Instant,
    ) -> Followed {
        let check = match known {
            Some(known) if *known.check == *declared => known.check,
            _ => Arc::new(declared.clone()),
        };
        let endpoints: HashMap<_, _> =
            pool.endpoints.iter().map(|m| (m.state.address(), Arc::clone(&m.state))).collect();
        self.plan.set(pool.state.name(), &check, endpoints.keys().copied(), now);
        let transport = pool.transport.clone();
        Followed { version: Arc::downgrade(pool), check, transport, endpoints }
    }

    fn start_due(&mut self, now: Instant) {
        while self.has_room() {
            let Some(Due { id, group, target, check: declared }) = self.plan.next_due(now) else {
                return;
            };
            let mut address = target;
            address.set_port(declared.port.unwrap_or_else(|| target.port()));
            let Some(followed) = self.followed.get(&group) else { continue };
            let transport = followed.transport.clone();
            self.running.spawn(async move {
                let began = Instant::now();
                let result = check(address, &transport, &declared.probe, declared.timeout).await;
                Done { id, pool: group, took: began.elapsed(), result }
            });
        }
    }

    fn finish(&mut self, done: Done, now: Instant) {
        let Done { id, pool, took, result } = done;
        let passed = result.is_ok();
        self.metrics.control().probe_took(took);
        self.metrics.pool(pool.as_str()).probed(match &result {
            Ok(()) => ProbeResult::Success,
            Err(Failure::Timeout(_)) => ProbeResult::Timeout,
            Err(Failure::Connect(_) | Failure::Tls(_) | Failure::Protocol(_)) => {
                ProbeResult::Unreachable
            }
            Err(_) => ProbeResult::Unexpected,
        });
        let Some((address, verdict)) = self.plan.finish(id, passed, now) else { return };
        let known = self.followed.get(&pool).and_then(|pool| pool.endpoints.get(&address));
        let Some(endpoint) = known else { return };
        if let Err(failure) = &result {
            debug!(%pool, %address, reason = failure.as_str(), "check failed: {failure}");
        }
        let health = match verdict {
            Verdict::Unknown => Health::Unknown,
            Verdict::Healthy => Health::Healthy,
            Verdict::Unhealthy => Health::Unhealthy,
        };
        // Said again every time: a new version of the pool may have forgotten it in between.
        endpoint.set_health(health, clock::now());
    }
}
