//! Conditions and notes in the log, for those who run without a cluster.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::api::{
    ConditionType, EventKind, EventNote, IngressProblem, IngressUpdate, Kind, ObjectKey, ObjectRef,
    StatusUpdate, UpdatedCondition,
};

/// Most pools whose conditions are remembered; beyond it the memory starts anew, and conditions
/// are logged once more.
const POOLS_REMEMBERED: usize = 100_000;

/// Conditions remembers what was logged, so that only changes are.
#[derive(Debug, Default)]
pub struct Conditions {
    logged: HashMap<ObjectKey, BTreeMap<ConditionType, UpdatedCondition>>,
}

impl Conditions {
    /// Returns the conditions of an update that say something new. That all is well is news only
    /// where it was not before, or when a pool is first accepted.
    pub fn news(&mut self, update: &StatusUpdate) -> Vec<UpdatedCondition> {
        if self.logged.len() >= POOLS_REMEMBERED {
            self.logged.clear();
        }
        let logged = self.logged.entry(update.pool.clone()).or_default();
        let mut news = Vec::new();
        for condition in &update.conditions {
            let before = logged.insert(condition.kind, condition.clone());
            let is_news = match (&before, condition.status) {
                (Some(before), _) => {
                    // What is accepted may come with another warning.
                    let tells = !condition.status || condition.kind == ConditionType::Accepted;
                    (before.status, before.reason) != (condition.status, condition.reason)
                        || (tells && before.message != condition.message)
                }
                (None, is_well) => !is_well || condition.kind == ConditionType::Accepted,
            };
            if is_news {
                news.push(condition.clone());
            }
        }
        news
    }
}

/// Problems remembers what was said of Ingresses, so that only news is.
#[derive(Debug, Default)]
pub struct Problems {
    said: HashMap<ObjectKey, Vec<IngressProblem>>,
}

impl Problems {
    /// Returns what is newly wrong with an Ingress, as notes.
    pub fn news(&mut self, update: &IngressUpdate) -> Vec<EventNote> {
        let before = if update.problems.is_empty() {
            self.said.remove(&update.ingress)
        } else {
            self.said.insert(update.ingress.clone(), update.problems.clone())
        };
        let before = before.unwrap_or_default();
        let new = update.problems.iter().filter(|problem| !before.contains(problem));
        new.map(|problem| note(&update.ingress, problem)).collect()
    }

    /// Returns everything that is wrong now.
    pub fn all(&self) -> Vec<EventNote> {
        let all = self.said.iter();
        all.flat_map(|(key, problems)| problems.iter().map(|problem| note(key, problem))).collect()
    }
}

fn note(ingress: &ObjectKey, problem: &IngressProblem) -> EventNote {
    EventNote {
        object: ObjectRef::new(Kind::Ingress, ingress.clone()),
        kind: EventKind::Problem(problem.reason),
        message: problem.message.clone(),
    }
}

/// Logs updates and notes until all senders are gone.
pub async fn run(
    mut updates: mpsc::Receiver<StatusUpdate>,
    mut ingresses: mpsc::Receiver<IngressUpdate>,
    mut notes: mpsc::Receiver<EventNote>,
) {
    let (mut conditions, mut problems) = (Conditions::default(), Problems::default());
    loop {
        tokio::select! {
            Some(update) = updates.recv() => {
                for condition in conditions.news(&update) {
                    log_condition(&update.pool, &condition);
                }
            }
            Some(update) = ingresses.recv() => {
                for note in problems.news(&update) {
                    log_note(&note);
                }
            }
            Some(note) = notes.recv() => log_note(&note),
            else => return,
        }
    }
}

fn log_condition(pool: &ObjectKey, condition: &UpdatedCondition) {
    let (kind, reason) = (condition.kind.as_str(), condition.reason.as_str());
    let message = &condition.message;
    if condition.status {
        info!(%pool, reason, "{kind}: {message}");
    } else {
        warn!(%pool, reason, "not {kind}: {message}");
    }
}

/// Logs a note by its weight.
pub(super) fn log_note(note: &EventNote) {
    let (object, reason, message) = (&note.object, note.kind.as_str(), &note.message);
    if note.kind.is_warning() {
        warn!(%object, reason, "{message}");
    } else {
        info!(%object, reason, "{message}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ConditionReason;

    fn update(
        kind: ConditionType,
        status: bool,
        reason: ConditionReason,
        message: &str,
    ) -> StatusUpdate {
        let condition = UpdatedCondition { kind, status, reason, message: message.into() };
        let pool = ObjectKey::new("shop", "web");
        StatusUpdate { pool, generation: None, conditions: vec![condition], endpoints: None }
    }

    #[test]
    fn only_news_is_logged() {
        use ConditionReason as Reason;
        use ConditionType as Type;
        let mut conditions = Conditions::default();
        let mut says = |kind, status, reason, message| {
            !conditions.news(&update(kind, status, reason, message)).is_empty()
        };
        assert!(says(Type::Accepted, true, Reason::Accepted, "1 route"));
        assert!(!says(Type::ResolvedRefs, true, Reason::ResolvedRefs, ""), "as expected");
        assert!(!says(Type::Accepted, true, Reason::Accepted, "1 route"));
        assert!(says(Type::Accepted, true, Reason::Accepted, "1 route; warning: alike"));
        assert!(says(Type::Accepted, false, Reason::Invalid, "weight"));
        assert!(!says(Type::Accepted, false, Reason::Invalid, "weight"));
        assert!(says(Type::Accepted, false, Reason::Invalid, "port"), "another mistake");
        assert!(says(Type::Accepted, true, Reason::Accepted, "2 routes"), "well again");
        assert!(says(Type::Healthy, false, Reason::NoEndpoints, ""));
        assert!(says(Type::Healthy, true, Reason::Degraded, "1 of 2"));
        assert!(says(Type::Healthy, true, Reason::AllHealthy, ""));
    }
}
