//! Keeps selections in step with health, ejections and warm-up.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::clock::{self, Millis};
use super::{Pool, Pools};
use crate::model::PoolName;

/// Time between two looks for pools that nobody uses any more.
const FORGET_INTERVAL: Duration = Duration::from_secs(60);

/// Derives selections anew when health or ejections change, when ejections end, and in steps while
/// endpoints warm up. Goes on until it is dropped.
pub async fn run(pools: Arc<Pools>, mut dirty: mpsc::UnboundedReceiver<PoolName>) {
    let mut agenda = Agenda::default();
    let mut forget = tokio::time::interval(FORGET_INTERVAL);
    loop {
        let now = clock::now();
        for name in agenda.due(now) {
            if let Some(pool) = pools.newest(&name) {
                let again = pool.maintain(now);
                agenda.served(name, pool.endpoints.len(), again, now);
            } else {
                agenda.forget(&name);
            }
        }
        let wait = agenda.next().map_or(FORGET_INTERVAL, |at| at.since(clock::now()));
        tokio::select! {
            name = dirty.recv() => match name {
                Some(name) => agenda.ask(name, clock::now()),
                None => return,
            },
            () = tokio::time::sleep(wait) => {}
            _ = forget.tick() => {
                pools.forget_unused();
                agenda.keep(|name| pools.newest(name).is_some());
            }
        }
    }
}

impl Pool {
    /// Ends ejections whose time is over, derives the selection anew, and returns when it has to
    /// be done again: at the end of the next ejection, or at the next step of a warm-up.
    pub fn maintain(&self, now: Millis) -> Option<Millis> {
        for member in &self.endpoints {
            member.state.end_ejection(now);
        }
        self.refresh(now);
        let warm_up = self.model.slow_start.filter(|_| self.selection().counts().warming > 0);
        let step = warm_up.map(|window| now.plus(warm_up_step(window)));
        let ejections = self.endpoints.iter().map(|member| member.state.ejected_until());
        ejections.filter(|until| until.0 != 0).chain(step).min()
    }
}

/// Returns the time in which a warm-up grows by about one percent.
fn warm_up_step(window: Duration) -> Duration {
    (window / 90).clamp(Duration::from_millis(100), Duration::from_secs(1))
}

/// Agenda says which pools are due when.
///
/// A pool that asks again and again is served at intervals that grow with its size: until then,
/// `pick` looks at the endpoints themselves, so a late selection is less smooth but not wrong.
#[derive(Debug, Default)]
struct Agenda {
    due: BTreeSet<(Millis, PoolName)>,
    pools: HashMap<PoolName, Entry>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    due: Option<Millis>,
    not_before: Millis,
}

impl Agenda {
    /// Puts down a pool that asks for a new selection.
    fn ask(&mut self, name: PoolName, now: Millis) {
        let not_before = self.pools.get(&name).map_or(now, |entry| entry.not_before.max(now));
        self.put(name, not_before);
    }

    /// Takes the pools that are due.
    fn due(&mut self, now: Millis) -> Vec<PoolName> {
        let mut names = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, name)) = self.due.pop_first() else { break };
            if let Some(entry) = self.pools.get_mut(&name) {
                entry.due = None;
            }
            names.push(name);
        }
        names
    }

    /// Notes that a pool was served, and when it has to be again.
    fn served(&mut self, name: PoolName, endpoints: usize, again: Option<Millis>, now: Millis) {
        let hold_off = Duration::from_millis(5 + endpoints as u64 / 100);
        let not_before = now.plus(hold_off);
        self.pools.entry(name.clone()).or_default().not_before = not_before;
        if let Some(again) = again {
            self.put(name, again.max(not_before));
        }
    }

    fn forget(&mut self, name: &PoolName) {
        if let Some(Entry { due: Some(due), .. }) = self.pools.remove(name) {
            self.due.remove(&(due, name.clone()));
        }
    }

    /// Forgets pools that are not due and that nobody knows any more.
    fn keep(&mut self, is_known: impl Fn(&PoolName) -> bool) {
        self.pools.retain(|name, entry| entry.due.is_some() || is_known(name));
    }

    /// Returns when the next pool is due.
    fn next(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    fn put(&mut self, name: PoolName, at: Millis) {
        let entry = self.pools.entry(name.clone()).or_default();
        let at = match entry.due {
            Some(due) if due <= at => return,
            Some(due) => {
                self.due.remove(&(due, name.clone()));
                at
            }
            None => at,
        };
        entry.due = Some(at);
        self.due.insert((at, name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serves_early_askers_late_but_once() {
        let name = |name| PoolName::new("shop", name);
        let mut agenda = Agenda::default();
        agenda.ask(name("a"), Millis(10));
        agenda.ask(name("a"), Millis(10));
        assert_eq!(agenda.due(Millis(10)), [name("a")]);
        assert_eq!(agenda.due(Millis(10)), []);
        agenda.served(name("a"), 10_000, Some(Millis(5_000)), Millis(10));
        // It asks again at once, and waits for its hold-off.
        agenda.ask(name("a"), Millis(11));
        agenda.ask(name("b"), Millis(11));
        assert_eq!(agenda.due(Millis(11)), [name("b")]);
        assert_eq!(agenda.next(), Some(Millis(115)));
        assert_eq!(agenda.due(Millis(115)), [name("a")]);
        agenda.served(name("a"), 10_000, Some(Millis(5_000)), Millis(115));
        assert_eq!(agenda.next(), Some(Millis(5_000)));
        agenda.keep(|_| false);
        assert_eq!(agenda.pools.len(), 1, "only b was neither due nor known");
        agenda.forget(&name("a"));
        assert_eq!((agenda.next(), agenda.pools.len()), (None, 0));
    }
}
