//! One version of a pool, as a table holds it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

use super::admission::{Admission, Permit, Refusal};
use super::balance::Selection;
use super::clock::Millis;
use super::padded::Padded;
use super::{EndpointState, PoolState, Transport};
use crate::metrics::BackendStats;
use crate::model::{self, Protocol, Readiness, RegionName};

/// Pool is one version of a pool: what was declared, and the state that all versions share.
#[derive(Debug)]
pub struct Pool {
    /// What was declared.
    pub model: Arc<model::Pool>,
    /// All endpoints of all backends, in the order of the object.
    pub endpoints: Box<[Member]>,
    /// What all versions share.
    pub state: Arc<PoolState>,
    /// How connections to the endpoints are opened: the same as the version before, where it says
    /// the same.
    pub transport: Transport,
    /// What happened on each backend, in the order of the model.
    pub(super) backend_stats: Box<[Arc<BackendStats>]>,
    pub(super) selection: ArcSwap<Selection>,
    pub(super) cursors: Arc<[Cursor]>,
    pub(super) surroundings: Arc<Surroundings>,
}

/// Member is an endpoint in one version of a pool.
#[derive(Debug)]
pub struct Member {
    /// What all versions share.
    pub state: Arc<EndpointState>,
    /// Index of its backend in the model.
    pub backend: usize,
    /// What Kubernetes says of it.
    pub readiness: Readiness,
    /// Zone, where it is known.
    pub zone: Option<Arc<str>>,
    /// Region, where it is known.
    pub region: Option<RegionName>,
}

/// Surroundings say where this process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Zone, where it is known.
    pub zone: Option<Arc<str>>,
    /// Region, where it is known.
    pub region: Option<RegionName>,
}

/// Cursor is a place in a schedule, shared by all workers. It starts anywhere, so that replicas
/// and restarts do not all begin with the same endpoint.
pub(super) type Cursor = Padded<AtomicU64>;

impl Pool {
    /// Returns an endpoint by the index that `pick` returned.
    pub fn endpoint(&self, index: usize) -> Option<&Member> {
        self.endpoints.get(index)
    }

    /// Returns the backend that an endpoint belongs to.
    pub fn backend_of(&self, member: &Member) -> Option<&model::Backend> {
        self.model.backends.get(member.backend)
    }

    /// Returns what counts the tries on the backend of an endpoint, by the endpoint's index.
    pub fn backend_stats_of(&self, index: usize) -> Option<&BackendStats> {
        let member = self.endpoints.get(index)?;
        self.backend_stats.get(member.backend).map(|stats| &**stats)
    }

    /// Returns what the endpoint of an index speaks.
    pub fn protocol_of(&self, index: usize) -> Protocol {
        if !self.model.limits.shares_connections {
            return Protocol::Http1;
        }
        let backend = self.endpoint(index).and_then(|member| self.backend_of(member));
        backend.map_or(Protocol::Http1, |backend| self.model.protocol_of(backend))
    }

    /// Returns the present selection.
    pub fn selection(&self) -> Guard<Arc<Selection>> {
        self.selection.load()
    }

    /// Lets a request in, queues it, or refuses it.
    pub fn admit(&self) -> Admission {
        self.state.admit(&self.model.limits)
    }

    /// Waits until `attempt` finds an endpoint with room.
    ///
    /// # Errors
    /// Where there is no queue, the queue is full, or the time to wait has passed.
    ///
    /// # Cancel safety
    /// Dropping the future passes the turn on to the next.
    pub async fn wait_for_room<T>(
        &self,
        permit: &mut Permit,
        attempt: impl FnMut() -> Option<T>,
    ) -> Result<T, Refusal> {
        permit.wait_for_room(&self.state, &self.model.limits, attempt).await
    }

    /// Takes one request out of the rate limit, if there is one.
    ///
    /// # Errors
    /// Where nothing is left: the time until there is.
    pub fn try_rate(&self, client: IpAddr, now: Millis) -> Result<(), Duration> {
        match &self.model.rate_limit {
            Some(limit) => self.state.try_rate(limit, client, now),
            None => Ok(()),
        }
    }

    /// Counts a request for the budget of retries. Call it once per request, not per try.
    pub fn count_request(&self, now: Millis) {
        if self.model.retry.is_some() {
            self.state.retry_budget().count_request(now);
        }
    }

    /// Takes a retry out of the budget, and returns whether there was one left.
    pub fn try_retry(&self, now: Millis) -> bool {
        let retry = self.model.retry.as_ref();
        retry.is_some_and(|retry| self.state.retry_budget().try_retry(retry.budget_percent, now))
    }

    /// Returns the next position of a cursor; `look` does not move it.
    pub(super) fn advance(&self, cursor: usize, look: bool) -> u64 {
        let Some(cursor) = self.cursors.get(cursor).or_else(|| self.cursors.first()) else {
            return 0;
        };
        if look { cursor.load(Ordering::Relaxed) } else { cursor.fetch_add(1, Ordering::Relaxed) }
    }
}
