//! Whether a request is sent again. Source: RFC 9110 §9.2.2.

use http::Method;

use super::attempt::{Failure, Sent};
use super::exchange::Unsent;
use super::forward::Forward;
use crate::metrics::Reason;
use crate::model::RetryCondition;
use crate::upstream::{EndpointState, clock};

/// What a pool that declares nothing retries, once or as often as `REFUSALS` and `RESETS` say: what
/// costs an endpoint nothing, and what is safe to send twice.
const DEFAULT: [RetryCondition; 2] = [RetryCondition::ConnectFailure, RetryCondition::Reset];
/// How often such a pool retries what was refused, while there are endpoints that refused nobody:
/// that costs no time, and while many pods end at once most may be gone before the table knows.
const REFUSALS: u32 = 14;
/// How often such a pool retries what was reset, while there are endpoints that reset nobody a
/// moment ago: the pods of a node end at once, and each may be met once before that is known.
const RESETS: u32 = 3;

/// Tries are those of one request so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    pub(super) all: u32,
    /// How often it was sent and reset.
    resets: u32,
    /// Those that were refused. Where the pool declares nothing, they are no tries of a request that was sent.
    refusals: u32,
}

impl Tries {
    /// Whether it was sent and reset.
    pub(super) fn were_reset(&self) -> bool {
        self.resets > 0
    }
}

/// Returns whether sending twice means the same as sending once.
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

/// Returns something where an answer with this status is tried again.
pub(super) fn of_answer(request: &Forward<'_>, sent: &Sent, tries: u32) -> Option<()> {
    let status = sent.status.as_u16();
    // The usual answer ends here.
    let retry = request.pool.model.retry.as_ref().filter(|_| status >= 400)?;
    let is_safe = sent.is_whole() && is_idempotent(&request.parts.method);
    let is_asked = retry.conditions.contains(&RetryCondition::Status(status));
    (is_safe && is_asked && tries <= retry.attempts && has_budget(request)).then_some(())
}

/// Returns what is to be sent again after a failure.
pub(super) fn of_failure(
    request: &Forward<'_>,
    failure: Failure,
    tries: &mut Tries,
) -> Option<Unsent> {
    let condition = failure.condition?;
    let is_reset = condition == RetryCondition::Reset;
    tries.resets += u32::from(is_reset) + u32::from(failure.is_repeated);
    tries.refusals += u32::from(failure.reason == Reason::ConnectFailed);
    let unsent = failure.unsent?;
    let is_safe = unsent.is_whole && (!unsent.is_begun || is_idempotent(&request.parts.method));
    let (attempts, conditions) = match &request.pool.model.retry {
        Some(retry) => (retry.attempts, retry.conditions.as_slice()),
        None if failure.reason == Reason::ConnectFailed
            && has_others(request, tries.resets > 0) =>
        {
            (REFUSALS, &DEFAULT[..])
        }
        None if is_reset && tries.resets <= RESETS && has_others(request, true) => {
            (REFUSALS, &DEFAULT[..])
        }
        None if is_reset && tries.resets > 1 => (0, &DEFAULT[..]),
        None if is_reset => (tries.refusals + 1, &DEFAULT[..]),
        None => (1, &DEFAULT[..]),
    };
    let is_meant = conditions.contains(&condition) && tries.all <= attempts;
    (is_safe && is_meant && has_budget(request)).then_some(unsent)
}

/// Returns whether there are endpoints that refused nobody a moment ago, nor `resets` anybody.
fn has_others(request: &Forward<'_>, resets: bool) -> bool {
    let now = clock::now();
    let is_other = |state: &EndpointState| {
        let failed = state.refused_lately(now) || resets && state.reset_lately(now);
        state.is_available(now) && !failed
    };
    let mut members = (0..).map_while(|index| request.pool.endpoint(index));
    members.any(|member| is_other(&member.state))
}

fn has_budget(request: &Forward<'_>) -> bool {
    let now = clock::now();
    if request.deadline.is_some_and(|deadline| deadline <= now) {
        return false;
    }
    if request.pool.model.retry.is_none() || request.pool.try_retry(now) {
        return true;
    }
    let worker = &request.client.worker;
    request.pool.state.stats.retry_budget_exhausted(worker.index);
    false
}
