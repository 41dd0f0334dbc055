//! Conditions and notes in the log, for those who run without a cluster.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::api::{ConditionType, EventNote, ObjectKey, StatusUpdate, UpdatedCondition};

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
                    (before.status, before.reason) != (condition.status, condition.reason)
                        || (!condition.status && before.message != condition.message)
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

/// Logs updates and notes until both senders are gone.
pub async fn run(mut updates: mpsc::Receiver<StatusUpdate>, mut notes: mpsc::Receiver<EventNote>) {
    let mut conditions = Conditions::default();
    loop {
        tokio::select! {
            Some(update) = updates.recv() => {
                for condition in conditions.news(&update) {
                    log_condition(&update.pool, &condition);
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
    let (pool, reason, message) = (&note.pool, note.kind.as_str(), &note.message);
    if note.kind.is_warning() {
        warn!(%pool, reason, "{message}");
    } else {
        info!(%pool, reason, "{message}");
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
        assert!(!says(Type::Accepted, true, Reason::Accepted, "2 routes"));
        assert!(says(Type::Accepted, false, Reason::Invalid, "weight"));
        assert!(!says(Type::Accepted, false, Reason::Invalid, "weight"));
        assert!(says(Type::Accepted, false, Reason::Invalid, "port"), "another mistake");
        assert!(says(Type::Accepted, true, Reason::Accepted, "2 routes"), "well again");
        assert!(says(Type::Healthy, false, Reason::NoEndpoints, ""));
        assert!(says(Type::Healthy, true, Reason::Degraded, "1 of 2"));
        assert!(says(Type::Healthy, true, Reason::AllHealthy, ""));
    }
}
