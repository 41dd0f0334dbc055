//! What the endpoints of a pool mean for its status.

use crate::api::backend_pool::EndpointCounts;
use crate::api::{ConditionReason, ConditionType, UpdatedCondition};
use crate::upstream::balance::Counts;

/// Adds the counts of two pools.
pub(super) fn sum(one: Counts, other: Counts) -> Counts {
    Counts {
        total: one.total + other.total,
        ready: one.ready + other.ready,
        unhealthy: one.unhealthy + other.unhealthy,
        ejected: one.ejected + other.ejected,
        warming: one.warming + other.warming,
        terminating: one.terminating + other.terminating,
        panic: one.panic || other.panic,
    }
}

/// Returns the counted endpoints, and the condition Healthy.
pub(super) fn judge(counts: Counts) -> (EndpointCounts, UpdatedCondition) {
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let endpoints = EndpointCounts {
        summary: format!("{}/{}", counts.ready, counts.total),
        total: number(counts.total),
        ready: number(counts.ready),
        unhealthy: number(counts.unhealthy),
        ejected: number(counts.ejected),
        warming: number(counts.warming),
    };
    let detail = format!(
        "{} of {} endpoints take traffic ({} unhealthy, {} ejected)",
        counts.ready, counts.total, counts.unhealthy, counts.ejected
    );
    let (status, reason) = if counts.panic {
        (false, ConditionReason::Panic)
    } else if counts.ready == 0 {
        (false, ConditionReason::NoEndpoints)
    } else if counts.ready < counts.total {
        (true, ConditionReason::Degraded)
    } else {
        (true, ConditionReason::AllHealthy)
    };
    let message = match reason {
        ConditionReason::Panic => format!("{detail}: below the panic threshold, health is ignored"),
        ConditionReason::NoEndpoints if counts.total == 0 => "there is no endpoint".to_owned(),
        _ => detail,
    };
    (endpoints, UpdatedCondition { kind: ConditionType::Healthy, status, reason, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_and_the_condition_say_how_a_pool_is() {
        let counts = |ready, total, panic| Counts { ready, total, panic, ..Counts::default() };
        let cases = [
            (counts(3, 3, false), "3/3", true, ConditionReason::AllHealthy),
            (counts(2, 3, false), "2/3", true, ConditionReason::Degraded),
            (counts(0, 3, false), "0/3", false, ConditionReason::NoEndpoints),
            (counts(1, 3, true), "1/3", false, ConditionReason::Panic),
            (counts(0, 0, false), "0/0", false, ConditionReason::NoEndpoints),
        ];
        for (counts, summary, status, reason) in cases {
            let (endpoints, condition) = judge(counts);
            assert_eq!(endpoints.summary, summary);
            assert_eq!((condition.status, condition.reason), (status, reason));
        }
    }
}
