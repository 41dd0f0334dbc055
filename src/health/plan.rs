//! Who is checked when: one queue for all endpoints, without tasks, clock or sockets.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::machine::{Machine, Thresholds, Verdict};
use crate::model::HealthCheck;

/// Plan knows when each target is checked next, and what its results so far say.
///
/// `K` names a group of targets (a pool), `T` one target in it (an endpoint).
#[derive(Debug)]
pub(super) struct Plan<K, T> {
    groups: HashMap<K, HashMap<T, u64>>,
    targets: HashMap<u64, Target<K, T>>,
    /// When each target is next; entries of removed targets are skipped when their time comes.
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    next_id: u64,
    /// When the next new target may be checked first.
    next_start: Option<Instant>,
    random: fastrand::Rng,
}

/// Time between the first checks of two new targets: a new endpoint is judged soon, and many do
/// not start at once.
const BETWEEN_STARTS: Duration = Duration::from_millis(1);

#[derive(Debug)]
struct Target<K, T> {
    group: K,
    target: T,
    check: Arc<HealthCheck>,
    machine: Machine,
}

/// Due is a check that is to be made now.
#[derive(Debug)]
pub(super) struct Due<K, T> {
    /// Names the target for `finish`.
    pub(super) id: u64,
    /// The group.
    pub(super) group: K,
    /// The target.
    pub(super) target: T,
    /// What is asked.
    pub(super) check: Arc<HealthCheck>,
}

impl<K: Clone + Eq + Hash, T: Clone + Eq + Hash> Plan<K, T> {
    /// Makes an empty plan.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            groups: HashMap::new(),
            targets: HashMap::new(),
            queue: BinaryHeap::new(),
            next_id: 0,
            next_start: None,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Returns how many targets there are.
    pub(super) fn len(&self) -> usize {
        self.targets.len()
    }

    /// Makes `targets` the ones of a group. Those that stay keep their results and their time;
    /// new ones start one after another, so that many do not start at once.
    pub(super) fn set(
        &mut self,
        group: &K,
        check: &Arc<HealthCheck>,
        targets: impl IntoIterator<Item = T>,
        now: Instant,
    ) {
        let mut before = self.groups.remove(group).unwrap_or_default();
        let mut after = HashMap::with_capacity(before.len());
        for target in targets {
            if after.contains_key(&target) {
                continue;
            }
            let id = match before.remove(&target) {
                Some(id) => self.keep(id, check, now),
                None => self.add(group, &target, check, now),
            };
            after.insert(target, id);
        }
        for id in before.into_values() {
            self.targets.remove(&id);
        }
        if !after.is_empty() {
            self.groups.insert(group.clone(), after);
        }
    }

    /// Removes a group; returns its targets.
    pub(super) fn remove(&mut self, group: &K) -> Vec<T> {
        let targets = self.groups.remove(group).unwrap_or_default();
        targets
            .into_iter()
            .inspect(|(_, id)| drop(self.targets.remove(id)))
            .map(|(t, _)| t)
            .collect()
    }

    /// Returns the next check whose time has come.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<Due<K, T>> {
        loop {
            let Reverse((at, id)) = *self.queue.peek()?;
            if at > now {
                return None;
            }
            self.queue.pop();
            if let Some(target) = self.targets.get(&id) {
                let check = Arc::clone(&target.check);
                return Some(Due {
                    id,
                    group: target.group.clone(),
                    target: target.target.clone(),
                    check,
                });
            }
        }
    }

    /// Returns when the next check is due.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the result of a check and plans the next one; returns the target and its verdict.
    /// Results of removed targets count no more.
    pub(super) fn finish(&mut self, id: u64, passed: bool, now: Instant) -> Option<(T, Verdict)> {
        let target = self.targets.get_mut(&id)?;
        let check = &target.check;
        let thresholds =
            Thresholds { healthy: check.healthy_threshold, unhealthy: check.unhealthy_threshold };
        target.machine.observe(passed, thresholds);
        let moved = check.interval.mul_f64(0.9 + 0.2 * self.random.f64());
        self.queue.push(Reverse((now + moved, id)));
        Some((target.target.clone(), target.machine.verdict()))
    }

    fn add(&mut self, group: &K, target: &T, check: &Arc<HealthCheck>, now: Instant) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let at = self.first_start(check.interval, now);
        self.queue.push(Reverse((at, id)));
        let (group, target, check) = (group.clone(), target.clone(), Arc::clone(check));
        self.targets.insert(id, Target { group, target, check, machine: Machine::default() });
        id
    }

    /// Returns when a new target is checked first: in turn, or anywhere within its interval when
    /// more wait than fit into that.
    fn first_start(&mut self, interval: Duration, now: Instant) -> Instant {
        let turn = self.next_start.map_or(now, |next| next.max(now));
        if turn.duration_since(now) >= interval {
            return now + interval.mul_f64(self.random.f64());
        }
        self.next_start = Some(turn + BETWEEN_STARTS);
        turn
    }

    /// Keeps a target; a check that has become more frequent does not wait for its old time.
    fn keep(&mut self, id: u64, check: &Arc<HealthCheck>, now: Instant) -> u64 {
        let Some(known) = self.targets.get_mut(&id) else { return id };
        if known.check.interval <= check.interval {
            known.check = Arc::clone(check);
            return id;
        }
        let (group, target) = (known.group.clone(), known.target.clone());
        let machine = std::mem::take(&mut known.machine);
        self.targets.remove(&id);
        let new = self.add(&group, &target, check, now);
        if let Some(added) = self.targets.get_mut(&new) {
            added.machine = machine;
        }
        new
    }
}

/// How long to sleep when nothing is planned.
pub(super) const IDLE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Probe;

    fn check(interval_ms: u64) -> Arc<HealthCheck> {
        Arc::new(HealthCheck {
            probe: Probe::Tcp,
            port: None,
            interval: Duration::from_millis(interval_ms),
            timeout: Duration::from_millis(100),
            unhealthy_threshold: 2,
            healthy_threshold: 2,
        })
    }

    fn drain(plan: &mut Plan<&'static str, u32>, now: Instant) -> Vec<Due<&'static str, u32>> {
        std::iter::from_fn(|| plan.next_due(now)).collect()
    }

    #[test]
    fn ten_thousand_do_not_start_at_once() {
        let start = Instant::now();
        let mut plan = Plan::new(1);
        plan.set(&"pool", &check(1000), 0..10_000, start);
        for tenth in 1..=10 {
            let due = drain(&mut plan, start + Duration::from_millis(100 * tenth)).len();
            assert!((800..1200).contains(&due), "{due} in tenth {tenth}");
        }
        assert_eq!(plan.wakes_at(), None);
    }

    #[test]
    fn a_few_new_ones_are_checked_soon() {
        let start = Instant::now();
        let mut plan = Plan::new(5);
        for group in ["one", "two"] {
            plan.set(&group, &check(60_000), 0..5, start);
        }
        assert_eq!(drain(&mut plan, start).len(), 1);
        assert_eq!(drain(&mut plan, start + Duration::from_millis(9)).len(), 9);
    }

    #[test]
    fn next_check_is_an_interval_later_give_or_take_a_tenth() {
        let start = Instant::now();
        let mut plan = Plan::new(2);
        plan.set(&"pool", &check(1000), 0..200, start);
        let now = start + Duration::from_secs(1);
        for due in drain(&mut plan, now) {
            plan.finish(due.id, true, now);
        }
        assert!(drain(&mut plan, now + Duration::from_millis(899)).is_empty());
        let early = drain(&mut plan, now + Duration::from_millis(1000)).len();
        assert!((50..150).contains(&early), "{early}");
        assert_eq!(early + drain(&mut plan, now + Duration::from_millis(1101)).len(), 200);
    }

    #[test]
    fn a_change_of_the_pool_forgets_nothing() {
        let start = Instant::now();
        let mut plan = Plan::new(3);
        plan.set(&"pool", &check(1000), [1, 2], start);
        let now = start + Duration::from_secs(1);
        for due in drain(&mut plan, now) {
            assert_eq!(plan.finish(due.id, true, now), Some((due.target, Verdict::Healthy)));
        }
        // Endpoint 2 goes, 3 comes, and checks become more frequent.
        plan.set(&"pool", &check(500), [1, 3], now);
        let now = now + Duration::from_millis(500);
        for due in drain(&mut plan, now) {
            let verdict = plan.finish(due.id, false, now);
            match due.target {
                1 => assert_eq!(verdict, Some((1, Verdict::Healthy)), "one failure is not enough"),
                3 => assert_eq!(verdict, Some((3, Verdict::Unhealthy))),
                other => panic!("{other} was removed"),
            }
        }
        assert_eq!(plan.len(), 2);
        assert_eq!(plan.remove(&"pool").len(), 2);
        assert!(drain(&mut plan, now + Duration::from_secs(9)).is_empty());
    }

    #[test]
    fn a_result_that_comes_after_removal_counts_no_more() {
        let start = Instant::now();
        let mut plan = Plan::new(4);
        plan.set(&"pool", &check(1000), [1], start);
        let now = start + Duration::from_secs(1);
        let due = plan.next_due(now).unwrap();
        plan.remove(&"pool");
        assert_eq!(plan.finish(due.id, false, now), None);
        assert_eq!(plan.wakes_at(), None);
    }
}
