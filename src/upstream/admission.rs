//! How many requests a pool bears at once, and who waits for how long.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::PoolState;
use crate::metrics::Reason;
use crate::model::Limits;

/// Admission is the answer to a request that wants into a pool.
#[derive(Debug)]
pub enum Admission {
    /// It may go on.
    Admitted(Permit),
    /// It has a place in the queue: `wait` for it.
    Queued(Waiting),
    /// It may not.
    Refused(Refusal),
}

/// Refusal says why a request may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The pool is full and has no queue.
    #[error("the pool is full")]
    PoolFull,
    /// So is the queue.
    #[error("the queue of the pool is full")]
    QueueFull,
    /// The time to wait has passed.
    #[error("waited too long for room in the pool")]
    QueueTimeout,
}

impl Refusal {
    /// Returns the reason for metrics, logs and the answer.
    pub const fn reason(self) -> Reason {
        match self {
            Self::PoolFull => Reason::PoolFull,
            Self::QueueFull => Reason::QueueFull,
            Self::QueueTimeout => Reason::QueueTimeout,
        }
    }
}

/// Permit is a place in a pool. It ends when it is dropped: keep it as long as the request uses
/// an endpoint, body and tunnel included.
#[derive(Debug, Default)]
#[must_use]
pub struct Permit {
    // Nothing for a pool without bounds: such a request touches no shared word.
    counted_in: Option<Arc<PoolState>>,
    // Where it stood in the queue, to stand there again.
    ticket: Option<u64>,
    deadline: Option<Instant>,
}

impl Permit {
    /// Waits until `attempt` finds an endpoint with room, for a request that found every endpoint
    /// full. It keeps the place in the queue that it had before.
    ///
    /// # Errors
    /// Where there is no queue, the queue is full, or the time to wait has passed.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the queue and passes the turn on to the next.
    pub async fn wait_for_room<T>(
        &mut self,
        state: &Arc<PoolState>,
        limits: &Limits,
        mut attempt: impl FnMut() -> Option<T>,
    ) -> Result<T, Refusal> {
        let mut place = Place::take(state, limits, self.ticket)?;
        self.ticket = Some(place.ticket);
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + limits.queue_timeout);
        let turn = poll_fn(|context| place.poll_turn(context, &mut attempt));
        tokio::time::timeout_at(deadline, turn).await.map_err(|_| Refusal::QueueTimeout)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(state) = &self.counted_in {
            state.admitted().fetch_sub(1, Ordering::SeqCst);
            state.queue().call_next();
        }
    }
}

/// Waiting is a place in the queue of a pool.
#[derive(Debug)]
#[must_use]
pub struct Waiting {
    place: Place,
    most: Option<u32>,
    queue_timeout: Duration,
}

impl Waiting {
    /// Waits for its turn: first come, first served.
    ///
    /// # Errors
    /// Where the time to wait has passed.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the queue and passes the turn on to the next.
    pub async fn wait(mut self) -> Result<Permit, Refusal> {
        let deadline = Instant::now() + self.queue_timeout;
        let ticket = self.place.ticket;
        let state = Arc::clone(&self.place.state);
        let mut attempt = || {
            let counted_in = match self.most {
                Some(most) => Some(try_count(&state, most)?),
                None => None,
            };
            Some(Permit { counted_in, ticket: Some(ticket), deadline: Some(deadline) })
        };
        let turn = poll_fn(|context| self.place.poll_turn(context, &mut attempt));
        tokio::time::timeout_at(deadline, turn).await.map_err(|_| Refusal::QueueTimeout)
    }
}

/// Lets a request in, queues it, or refuses it.
pub(super) fn admit(state: &Arc<PoolState>, limits: &Limits) -> Admission {
    let most = limits.most_requests();
    if most.is_none() && limits.most_requests_per_endpoint().is_none() {
        return Admission::Admitted(Permit::default());
    }
    // Nobody passes those who wait.
    if state.queue().is_empty() {
        let Some(most) = most else { return Admission::Admitted(Permit::default()) };
        if let Some(state) = try_count(state, most) {
            return Admission::Admitted(Permit { counted_in: Some(state), ..Permit::default() });
        }
    }
    match Place::take(state, limits, None) {
        Ok(place) => {
            Admission::Queued(Waiting { place, most, queue_timeout: limits.queue_timeout })
        }
        Err(refusal) => Admission::Refused(refusal),
    }
}

fn try_count(state: &Arc<PoolState>, most: u32) -> Option<Arc<PoolState>> {
    let more = |count: u32| (count < most).then(|| count + 1);
    // SeqCst against `Place::take`: either the one who leaves sees the one who waits, or the one
    // who waits sees the place that became free.
    state.admitted().fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
    Some(Arc::clone(state))
}

/// Queue holds those who wait, in the order of their tickets. Whoever frees something calls the
/// next; whoever is called tries, and calls the one behind when it succeeds.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: AtomicU32,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    next_ticket: u64,
    places: BTreeMap<u64, Standing>,
}

#[derive(Debug)]
struct Standing {
    called: bool,
    waker: Option<Waker>,
}

impl Queue {
    /// Returns how many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.load(Ordering::SeqCst) as usize
    }

    /// Returns whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls the first who was not called yet.
    pub(super) fn call_next(&self) {
        if !self.is_empty() {
            let waker = self.line.lock().call_next();
            wake(waker);
        }
    }

    /// Calls everybody: bounds or endpoints have changed.
    pub(super) fn call_all(&self) {
        if !self.is_empty() {
            let wakers: Vec<_> = {
                let mut line = self.line.lock();
                line.places.values_mut().filter_map(Standing::call).collect()
            };
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl Line {
    fn call_next(&mut self) -> Option<Waker> {
        self.places.values_mut().find(|standing| !standing.called).and_then(Standing::call)
    }
}

impl Standing {
    fn call(&mut self) -> Option<Waker> {
        self.called = true;
        self.waker.take()
    }
}

// Never under the lock: a waker may run foreign code.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Place is a standing in the queue; dropping it leaves.
#[derive(Debug)]
struct Place {
    state: Arc<PoolState>,
    ticket: u64,
    used: bool,
}

impl Place {
    fn take(state: &Arc<PoolState>, limits: &Limits, kept: Option<u64>) -> Result<Self, Refusal> {
        if limits.max_pending == 0 {
            return Err(Refusal::PoolFull);
        }
        let mut line = state.queue().line.lock();
        if kept.is_none() && line.places.len() >= limits.max_pending as usize {
            return Err(Refusal::QueueFull);
        }
        let ticket = kept.unwrap_or(line.next_ticket);
        line.next_ticket = line.next_ticket.max(ticket + 1);
        // The first in line tries at once, in case room came before it stood here. Anybody else
        // is called by the one in front.
        let called = line.places.first_key_value().is_none_or(|(first, _)| *first > ticket);
        line.places.insert(ticket, Standing { called, waker: None });
        state.queue().waiting.fetch_add(1, Ordering::SeqCst);
        Ok(Self { state: Arc::clone(state), ticket, used: false })
    }

    fn poll_turn<T>(
        &mut self,
        context: &Context<'_>,
        attempt: &mut impl FnMut() -> Option<T>,
    ) -> Poll<T> {
        let called = {
            let mut line = self.state.queue().line.lock();
            let Some(standing) = line.places.get_mut(&self.ticket) else { return Poll::Pending };
            standing.waker = Some(context.waker().clone());
            std::mem::take(&mut standing.called)
        };
        if called {
            // Against whoever frees: it frees, then looks who waits; we wait, then look what is free.
            fence(Ordering::SeqCst);
            // Outside the lock: the attempt may drop guards, which call the next. A call that
            // comes meanwhile wakes us again.
            if let Some(gained) = attempt() {
                self.used = true;
                return Poll::Ready(gained);
            }
        }
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let waker = {
            let mut line = self.state.queue().line.lock();
            let called = line.places.remove(&self.ticket).is_some_and(|standing| standing.called);
            self.state.queue().waiting.fetch_sub(1, Ordering::SeqCst);
            // Whether it used its turn or not, there may be room for one more.
            if called || self.used { line.call_next() } else { None }
        };
        wake(waker);
    }
}
