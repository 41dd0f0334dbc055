//! What the status of a pool should say.

use crate::api::{
    ConditionReason as Reason, ConditionType as Type, IngressProblem, ObjectKey, StatusUpdate,
    UpdatedCondition,
};

use super::claims::field_of;
use super::pool::PoolResult;
use super::problems::Problems;
use crate::model::Route;

/// Most problems in a message; those above are counted instead.
const MOST_PROBLEMS: usize = 20;

/// Applied is where settings count.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Ports that have some of them.
    pub(super) ports: usize,
    /// What more specific settings say instead.
    pub(super) replaced: Vec<String>,
}

/// Lost is what others have of what an object claims.
#[derive(Debug, Default)]
pub(super) struct Lost {
    pub(super) claims: Vec<String>,
    /// What becomes of the rest, in words; empty for settings.
    pub(super) rest: &'static str,
}

/// Returns the conditions of a pool. `lost` is what others have of what it claims, `applied` where
/// its settings count, `warnings` what must be known of it.
pub(super) fn update(
    key: &ObjectKey,
    result: &PoolResult,
    lost: &Lost,
    applied: &Applied,
    warnings: &[String],
) -> StatusUpdate {
    let problems = &result.problems;
    let conflict = if result.is_settings { Reason::Conflicted } else { Reason::RouteConflict };
    let accepted = if !problems.spec.is_empty() {
        no(Type::Accepted, Reason::Invalid, &problems.spec)
    } else if !lost.claims.is_empty() {
        let mut accepted = no(Type::Accepted, conflict, &lost.claims);
        accepted.message += lost.rest;
        accepted
    } else {
        yes(Type::Accepted, Reason::Accepted, &valid(warnings))
    };
    let mut resolved = match problems.refs.first() {
        None => yes(Type::ResolvedRefs, Reason::ResolvedRefs, "all references are resolved"),
        Some(first) => {
            let messages: Vec<String> =
                problems.refs.iter().map(|one| one.message.clone()).collect();
            no(Type::ResolvedRefs, first.reason, &messages)
        }
    };
    for note in problems.notes.iter().take(MOST_PROBLEMS) {
        resolved.message += &format!("; note: {note}");
    }
    let programmed = if result.is_settings && problems.spec.is_empty() {
        of_settings(applied)
    } else if result.is_held {
        let why = ["requests of its routes get 503 until it is mended: see Accepted".to_owned()];
        no(Type::Programmed, Reason::Invalid, &why)
    } else if result.pool.is_some() {
        let message = format!("the pool is in the routing table{}", held(&result.routes));
        yes(Type::Programmed, Reason::Programmed, &message)
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

/// Says which routes are held.
fn held(routes: &[Route]) -> String {
    let held = routes.iter().filter(|route| route.is_held).map(|route| field_of(&route.id));
    let fields: Vec<String> = held.take(MOST_PROBLEMS).collect();
    if fields.is_empty() {
        return String::new();
    }
    format!("; requests of {} get 503 until that is mended: see Accepted", fields.join(", "))
}

/// Says that a spec is valid, and what one must know of it.
fn valid(warnings: &[String]) -> String {
    let mut message = "the spec is valid".to_owned();
    for warning in warnings.iter().take(MOST_PROBLEMS) {
        message += &format!("; warning: {warning}");
    }
    if let Some(more) = warnings.len().checked_sub(MOST_PROBLEMS).filter(|more| *more > 0) {
        message += &format!("; and {more} more");
    }
    message
}

/// Returns whether settings count. Source: GEP-713, policies that are overridden.
fn of_settings(Applied { ports, replaced }: &Applied) -> UpdatedCondition {
    let count = if *ports == 1 { "1 port" } else { &format!("{ports} ports") };
    let instead = first(replaced);
    match (ports, replaced.is_empty()) {
        (0, true) => {
            let why = ["no Ingress leads to a port of a Service that has its settings".to_owned()];
            no(Type::Programmed, Reason::Unused, &why)
        }
        (0, false) => no(Type::Programmed, Reason::Overridden, replaced),
        (_, true) => {
            let text = format!("its settings are those of {count}");
            yes(Type::Programmed, Reason::Programmed, &text)
        }
        (_, false) => {
            let text = format!("its settings are those of {count}, but not {instead}");
            yes(Type::Programmed, Reason::PartiallyOverridden, &text)
        }
    }
}

/// Returns what is wrong with an Ingress, with the ports of Services that it names, and with its
/// claims.
pub(super) fn of_ingress<'a>(
    own: &Problems,
    services: impl Iterator<Item = &'a Problems>,
    lost: &[String],
) -> Vec<IngressProblem> {
    let problem = |reason, message: &String| IngressProblem { reason, message: message.clone() };
    let spec = own.spec.iter().map(|message| problem(Reason::Invalid, message));
    let lost = lost.iter().map(|message| problem(Reason::RouteConflict, message));
    let refs = own.refs.iter().chain(services.flat_map(|service| &service.refs));
    let refs = refs.map(|one| problem(one.reason, &one.message));
    spec.chain(refs).chain(lost).take(MOST_PROBLEMS).collect()
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
    UpdatedCondition { kind, status: false, reason, message: first(messages) }
}

/// Returns the first messages as one, and how many more there are.
fn first(messages: &[String]) -> String {
    let message = messages.iter().take(MOST_PROBLEMS).cloned().collect::<Vec<_>>().join("; ");
    match messages.len().checked_sub(MOST_PROBLEMS).filter(|more| *more > 0) {
        Some(more) => format!("{message}; and {more} more"),
        None => message,
    }
}
