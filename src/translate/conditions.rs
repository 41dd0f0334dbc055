//! What the status of a pool should say.

use crate::api::{
    ConditionReason as Reason, ConditionType as Type, ObjectKey, StatusUpdate, UpdatedCondition,
};

use super::pool::PoolResult;

/// Longest message; what is above is counted instead.
const MOST_PROBLEMS: usize = 20;

/// Returns the conditions of a pool.
pub(super) fn update(key: &ObjectKey, result: &PoolResult, lost: &[String]) -> StatusUpdate {
    let problems = &result.problems;
    let accepted = if !problems.spec.is_empty() {
        no(Type::Accepted, Reason::Invalid, &problems.spec)
    } else if !lost.is_empty() {
        no(Type::Accepted, Reason::RouteConflict, lost)
    } else {
        yes(Type::Accepted, Reason::Accepted, "the spec is valid")
    };
    let mut resolved = match problems.refs.first() {
        None => yes(Type::ResolvedRefs, Reason::ResolvedRefs, "all references are resolved"),
        Some((reason, _)) => {
            let messages: Vec<String> =
                problems.refs.iter().map(|(_, message)| message.clone()).collect();
            no(Type::ResolvedRefs, *reason, &messages)
        }
    };
    for note in problems.notes.iter().take(MOST_PROBLEMS) {
        resolved.message += &format!("; note: {note}");
    }
    let programmed = if result.pool.is_some() {
        yes(Type::Programmed, Reason::Programmed, "the pool is in the routing table")
    } else {
        let why = ["the pool is not in the routing table: see Accepted".to_owned()];
        no(Type::Programmed, Reason::Invalid, &why)
    };
    StatusUpdate {
        pool: key.clone(),
        generation: result.generation,
        conditions: vec![accepted, resolved, programmed],
        endpoints: None,
    }
}

/// Returns the conditions of a pool that could not be read.
pub(super) fn unreadable(key: &ObjectKey, generation: Option<i64>, why: &str) -> StatusUpdate {
    let message = [why.to_owned()];
    StatusUpdate {
        pool: key.clone(),
        generation,
        conditions: vec![
            no(Type::Accepted, Reason::Invalid, &message),
            no(Type::Programmed, Reason::Invalid, &message),
        ],
        endpoints: None,
    }
}

fn yes(kind: Type, reason: Reason, message: &str) -> UpdatedCondition {
    UpdatedCondition { kind, status: true, reason, message: message.into() }
}

fn no(kind: Type, reason: Reason, messages: &[String]) -> UpdatedCondition {
    let mut message = messages.iter().take(MOST_PROBLEMS).cloned().collect::<Vec<_>>().join("; ");
    if let Some(more) = messages.len().checked_sub(MOST_PROBLEMS).filter(|more| *more > 0) {
        message = format!("{message}; and {more} more");
    }
    UpdatedCondition { kind, status: false, reason, message }
}
