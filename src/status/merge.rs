//! What the status of a pool becomes.

use std::collections::BTreeMap;

use crate::api::backend_pool::{BackendPoolStatus, Condition, EndpointCounts};
use crate::api::{ConditionType, StatusUpdate, UpdatedCondition};

/// Longest message that the schema of a condition allows, in bytes.
const MESSAGE_BYTES: usize = 32_768;

/// Desired is what the status of one pool should say, gathered from all updates so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    conditions: BTreeMap<ConditionType, (Option<i64>, UpdatedCondition)>,
    generation: Option<i64>,
    endpoints: Option<EndpointCounts>,
}

/// Difference says what of an update is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Nothing.
    Nothing,
    /// Only numbers, which may wait.
    Counts,
    /// A condition.
    Conditions,
}

impl Desired {
    /// Takes an update in; parts that it lacks stay. Says what is new.
    pub fn apply(&mut self, update: StatusUpdate) -> Difference {
        let mut difference = Difference::Nothing;
        if update.endpoints.is_some() && update.endpoints != self.endpoints {
            self.endpoints = update.endpoints;
            difference = Difference::Counts;
        }
        // What is known only at run time (health) belongs to the newest spec that was seen.
        self.generation = update.generation.max(self.generation);
        for condition in update.conditions {
            let new = (update.generation, condition);
            let kind = new.1.kind;
            if self.conditions.get(&kind) != Some(&new) {
                self.conditions.insert(kind, new);
                difference = Difference::Conditions;
            }
        }
        difference
    }
}

/// Returns the status that an object should have, given what it has: the very same where nothing
/// differs. Times change only with the status of a condition; conditions of other writers stay.
/// Source: Kubernetes API conventions, metav1.Condition.
pub fn merge(current: &BackendPoolStatus, desired: &Desired, now: &str) -> BackendPoolStatus {
    let mut next = current.clone();
    for (generation, update) in desired.conditions.values() {
        let generation = generation.or(desired.generation);
        let existing = next.conditions.iter_mut().find(|c| c.kind == update.kind.as_str());
        match existing {
            Some(existing) => {
                let is_newer_known = existing.observed_generation > generation;
                if is_newer_known {
                    continue;
                }
                let written = written(update, generation, now);
                let since = std::mem::take(&mut existing.last_transition_time);
                let is_same = existing.status == written.status;
                *existing = written;
                if is_same {
                    existing.last_transition_time = since;
                }
            }
            None => next.conditions.push(written(update, generation, now)),
        }
    }
    if desired.endpoints.is_some() {
        next.endpoints.clone_from(&desired.endpoints);
    }
    next
}

fn written(update: &UpdatedCondition, generation: Option<i64>, now: &str) -> Condition {
    let end = update.message.floor_char_boundary(MESSAGE_BYTES);
    Condition {
        kind: update.kind.as_str().to_owned(),
        status: if update.status { "True" } else { "False" }.to_owned(),
        observed_generation: generation,
        last_transition_time: now.to_owned(),
        reason: update.reason.as_str().to_owned(),
        message: update.message.get(..end).unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ConditionReason, ObjectKey};

    fn condition(kind: ConditionType, status: bool, message: &str) -> UpdatedCondition {
        let reason = if status { ConditionReason::Accepted } else { ConditionReason::Invalid };
        UpdatedCondition { kind, status, reason, message: message.into() }
    }

    fn update(generation: Option<i64>, conditions: Vec<UpdatedCondition>) -> StatusUpdate {
        StatusUpdate { pool: ObjectKey::new("a", "b"), generation, conditions, endpoints: None }
    }

    fn counts(ready: i32) -> EndpointCounts {
        EndpointCounts { summary: format!("{ready}/3"), total: 3, ready, ..Default::default() }
    }

    #[test]
    fn times_change_only_with_the_status() {
        let mut desired = Desired::default();
        desired.apply(update(Some(1), vec![condition(ConditionType::Accepted, true, "fine")]));
        let first = merge(&BackendPoolStatus::default(), &desired, "t1");
        assert_eq!(first.conditions[0].last_transition_time, "t1");
        assert_eq!(first.conditions[0].observed_generation, Some(1));
        assert_eq!(merge(&first, &desired, "t2"), first, "nothing to write");

        desired.apply(update(Some(2), vec![condition(ConditionType::Accepted, true, "still")]));
        let second = merge(&first, &desired, "t2");
        assert_eq!(second.conditions[0].message, "still");
        assert_eq!(second.conditions[0].observed_generation, Some(2));
        assert_eq!(second.conditions[0].last_transition_time, "t1");

        desired.apply(update(Some(3), vec![condition(ConditionType::Accepted, false, "no")]));
        let third = merge(&second, &desired, "t3");
        assert_eq!(third.conditions[0].status, "False");
        assert_eq!(third.conditions[0].last_transition_time, "t3");
    }

    #[test]
    fn foreign_conditions_and_known_counts_stay() {
        let foreign = Condition {
            kind: "example.com/Audited".into(),
            status: "True".into(),
            observed_generation: None,
            last_transition_time: "t0".into(),
            reason: "Auditor".into(),
            message: String::new(),
        };
        let current =
            BackendPoolStatus { conditions: vec![foreign.clone()], endpoints: Some(counts(1)) };
        let mut desired = Desired::default();
        desired.apply(update(Some(1), vec![condition(ConditionType::Accepted, true, "")]));
        let next = merge(&current, &desired, "t1");
        assert_eq!(next.conditions.len(), 2);
        assert_eq!(next.conditions[0], foreign);
        assert_eq!(next.endpoints, current.endpoints);
    }

    #[test]
    fn what_is_late_does_not_overwrite_what_is_newer() {
        let mut newer = Desired::default();
        newer.apply(update(Some(5), vec![condition(ConditionType::Accepted, true, "new")]));
        let current = merge(&BackendPoolStatus::default(), &newer, "t1");
        let mut late = Desired::default();
        late.apply(update(Some(4), vec![condition(ConditionType::Accepted, false, "old")]));
        assert_eq!(merge(&current, &late, "t2"), current);
    }

    #[test]
    fn parts_come_apart_and_say_what_is_new() {
        let mut desired = Desired::default();
        let accepted = update(Some(7), vec![condition(ConditionType::Accepted, true, "")]);
        assert_eq!(desired.apply(accepted.clone()), Difference::Conditions);
        assert_eq!(desired.apply(accepted), Difference::Nothing);
        let mut health = update(None, vec![]);
        health.endpoints = Some(counts(2));
        assert_eq!(desired.apply(health.clone()), Difference::Counts);
        health.conditions = vec![condition(ConditionType::Healthy, true, "")];
        assert_eq!(desired.apply(health), Difference::Conditions);
        let next = merge(&BackendPoolStatus::default(), &desired, "t1");
        assert_eq!(next.conditions[1].kind, "Healthy");
        assert_eq!(next.conditions[1].observed_generation, Some(7), "belongs to the newest spec");
        assert_eq!(next.endpoints, Some(counts(2)));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let mut desired = Desired::default();
        let long = "ä".repeat(20_000);
        desired.apply(update(Some(1), vec![condition(ConditionType::Accepted, false, &long)]));
        let next = merge(&BackendPoolStatus::default(), &desired, "t");
        assert_eq!(next.conditions[0].message.len(), MESSAGE_BYTES);
    }
}
