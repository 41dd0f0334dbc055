//! What declared objects are refused for, in few words.

use std::collections::BTreeMap;

use crate::api::{ConditionReason, ConditionType, IngressUpdate, ObjectKey, StatusUpdate};
use crate::source::Refused;

/// Most objects that are told; the others are counted.
const MOST_TOLD: usize = 5;
/// Most characters of what is told of one.
const MOST_CHARACTERS: usize = 400;

/// Verdicts remembers of which pools and Ingresses some is refused, and the reason.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    pools: BTreeMap<ObjectKey, String>,
    ingresses: BTreeMap<ObjectKey, String>,
}

impl Verdicts {
    /// Notes what a pool's conditions say. What the source refuses itself is left to it.
    pub(super) fn note_pool(&mut self, update: &StatusUpdate, is_of_source: bool) {
        let mut conditions = update.conditions.iter();
        let wrong = conditions.find(|one| one.kind == ConditionType::Accepted && !one.status);
        let message = wrong.filter(|_| !is_of_source).map(|one| {
            short(&format!("BackendPool {}: {}: {}", update.pool, one.reason.as_str(), one.message))
        });
        set(&mut self.pools, &update.pool, message);
    }

    /// Notes what is wrong with an Ingress itself; what it names may still come.
    pub(super) fn note_ingress(&mut self, update: &IngressUpdate) {
        use ConditionReason::{Invalid, RouteConflict};
        let problems = update.problems.iter().filter(|_| update.is_ours);
        let wrong = problems.filter(|one| matches!(one.reason, Invalid | RouteConflict));
        let wrong: Vec<String> =
            wrong.map(|one| format!("{}: {}", one.reason.as_str(), one.message)).collect();
        let message = (!wrong.is_empty())
            .then(|| short(&format!("Ingress {}: {}", update.ingress, wrong.join("; "))));
        set(&mut self.ingresses, &update.ingress, message);
    }

    /// Forgets a pool that is gone.
    pub(super) fn forget_pool(&mut self, key: &ObjectKey) {
        self.pools.remove(key);
    }

    /// Forgets an Ingress that is gone.
    pub(super) fn forget_ingress(&mut self, key: &ObjectKey) {
        self.ingresses.remove(key);
    }

    /// Returns of how many objects some is refused, and what is wrong with the first of them.
    pub(super) fn summary(&self) -> Refused {
        let all = self.pools.values().chain(self.ingresses.values());
        Refused {
            count: self.pools.len() + self.ingresses.len(),
            first: all.take(MOST_TOLD).cloned().collect(),
        }
    }
}

fn set(all: &mut BTreeMap<ObjectKey, String>, key: &ObjectKey, message: Option<String>) {
    match message {
        Some(message) => drop(all.insert(key.clone(), message)),
        None => drop(all.remove(key)),
    }
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_CHARACTERS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{IngressProblem, UpdatedCondition};

    fn update(name: &str, status: bool, message: &str) -> StatusUpdate {
        let reason = if status { ConditionReason::Accepted } else { ConditionReason::Invalid };
        let accepted = UpdatedCondition {
            kind: ConditionType::Accepted,
            status,
            reason,
            message: message.to_owned(),
        };
        StatusUpdate {
            pool: ObjectKey::new("shop", name),
            generation: None,
            conditions: vec![accepted],
            endpoints: None,
        }
    }

    #[test]
    fn what_is_mended_or_gone_is_not_told_any_more() {
        let mut verdicts = Verdicts::default();
        verdicts.note_pool(&update("a", false, "spec: wrong"), false);
        verdicts.note_pool(&update("b", true, "the spec is valid"), false);
        verdicts.note_pool(&update("c", false, "spec: wrong"), true);
        let summary = verdicts.summary();
        assert_eq!(
            (summary.count, summary.first),
            (1, vec!["BackendPool shop/a: Invalid: spec: wrong".into()])
        );
        verdicts.note_pool(&update("a", true, "the spec is valid"), false);
        assert_eq!(verdicts.summary(), Refused::default());
        verdicts.note_pool(&update("a", false, "spec: wrong"), false);
        verdicts.forget_pool(&ObjectKey::new("shop", "a"));
        assert_eq!(verdicts.summary(), Refused::default());
    }

    #[test]
    fn few_are_told_in_few_words_and_all_are_counted() {
        let mut verdicts = Verdicts::default();
        for number in 0..1_000 {
            verdicts.note_pool(&update(&number.to_string(), false, &"long ".repeat(1_000)), false);
        }
        let summary = verdicts.summary();
        assert_eq!((summary.count, summary.first.len()), (1_000, MOST_TOLD));
        assert!(summary.first.iter().all(|one| one.chars().count() == MOST_CHARACTERS + 1));
    }

    #[test]
    fn of_an_ingress_is_told_what_is_wrong_with_itself() {
        let mut verdicts = Verdicts::default();
        let problem = |reason, message: &str| IngressProblem { reason, message: message.into() };
        let mut web = IngressUpdate {
            ingress: ObjectKey::new("shop", "web"),
            is_ours: true,
            problems: vec![
                problem(ConditionReason::BackendNotFound, "there is no Service"),
                problem(ConditionReason::Invalid, "spec: wrong"),
            ],
        };
        verdicts.note_ingress(&web);
        assert_eq!(verdicts.summary().first, ["Ingress shop/web: Invalid: spec: wrong"]);
        web.is_ours = false;
        verdicts.note_ingress(&web);
        assert_eq!(verdicts.summary().count, 0);
    }
}
