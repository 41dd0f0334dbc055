//! The wheel itself: no clock, no task.

use std::task::Waker;
use std::time::Duration;

use crate::upstream::Millis;

/// Length of a tick in milliseconds.
pub(super) const TICK: u64 = 10;
/// Ticks of a turn; later deadlines are looked at once a turn.
const BUCKETS: u64 = 1024;
const NEVER: u64 = u64::MAX;

/// Wheel holds deadlines in ticks.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    slots: Vec<Slot>,
    free: Vec<u32>,
    buckets: Vec<Vec<u32>>,
    /// The last tick that was dealt with.
    tick: u64,
    /// Slots that stand in a bucket.
    standing: usize,
}

#[derive(Debug)]
struct Slot {
    deadline: u64,
    /// The tick of the bucket that it stands in, or never.
    stands: u64,
    is_due: bool,
    waker: Option<Waker>,
}

/// Returns the first tick that is not before a moment.
pub(super) fn tick_after(moment: Millis) -> u64 {
    moment.0.div_ceil(TICK)
}

impl Wheel {
    /// Takes a slot without a deadline.
    pub(super) fn insert(&mut self) -> u32 {
        if let Some(key) = self.free.pop() {
            return key;
        }
        let key = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot { deadline: NEVER, stands: NEVER, is_due: false, waker: None });
        key
    }

    /// Gives a slot back. It may still stand in a bucket, for whoever takes it next.
    pub(super) fn remove(&mut self, key: u32) {
        if let Some(slot) = self.slots.get_mut(key as usize) {
            (slot.deadline, slot.is_due, slot.waker) = (NEVER, false, None);
            self.free.push(key);
        }
    }

    /// Sets a deadline, or none. Returns the tick at which it has to be looked at, where that is
    /// earlier than before.
    pub(super) fn set(&mut self, key: u32, deadline: Option<Millis>) -> Option<u64> {
        let tick = self.tick;
        let slot = self.slots.get_mut(key as usize)?;
        slot.is_due = false;
        slot.deadline = deadline.map_or(NEVER, |at| tick_after(at).max(tick + 1));
        if slot.deadline >= slot.stands {
            return None;
        }
        let at = slot.deadline.min(tick + BUCKETS - 1);
        self.stand(key, at);
        Some(at)
    }

    /// Returns whether the deadline has come; otherwise the waker is called when it does.
    pub(super) fn poll(&mut self, key: u32, waker: &Waker) -> bool {
        let Some(slot) = self.slots.get_mut(key as usize) else { return false };
        if !slot.is_due && !slot.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            slot.waker = Some(waker.clone());
        }
        slot.is_due
    }

    fn stand(&mut self, key: u32, at: u64) {
        if self.buckets.is_empty() {
            self.buckets.resize_with(BUCKETS as usize, Vec::new);
        }
        let index = (at % BUCKETS) as usize;
        if let (Some(slot), Some(bucket)) =
            (self.slots.get_mut(key as usize), self.buckets.get_mut(index))
        {
            self.standing += usize::from(slot.stands == NEVER);
            slot.stands = at;
            bucket.push(key);
        }
    }

    /// Deals with all ticks up to now; returns who is to be woken.
    pub(super) fn advance(&mut self, now: Millis, due: &mut Vec<Waker>) {
        let now = now.0 / TICK;
        if self.standing == 0 || now <= self.tick {
            self.tick = self.tick.max(now);
            return;
        }
        // After a long pause one turn sees every bucket.
        let first = (self.tick + 1).max(now.saturating_sub(BUCKETS - 1));
        self.tick = now;
        for tick in first..=now {
            self.visit(tick, now, due);
        }
    }

    fn visit(&mut self, tick: u64, now: u64, due: &mut Vec<Waker>) {
        let Some(bucket) = self.buckets.get_mut((tick % BUCKETS) as usize) else { return };
        let mut keys = std::mem::take(bucket);
        for key in keys.drain(..) {
            let Some(slot) = self.slots.get_mut(key as usize) else { continue };
            // It may have moved to an earlier bucket, which was dealt with, or stand here for the
            // next turn.
            if slot.stands > now {
                if slot.stands != NEVER && slot.stands % BUCKETS == tick % BUCKETS {
                    self.buckets
                        .get_mut((tick % BUCKETS) as usize)
                        .into_iter()
                        .for_each(|b| b.push(key));
                }
                continue;
            }
            slot.stands = NEVER;
            self.standing -= 1;
            if slot.deadline <= now {
                (slot.deadline, slot.is_due) = (NEVER, true);
                due.extend(slot.waker.take());
            } else if slot.deadline != NEVER {
                let at = slot.deadline.min(now + BUCKETS - 1);
                self.stand(key, at);
            }
        }
        // Keeps the memory of the bucket, unless something was put there meanwhile.
        if let Some(bucket) = self.buckets.get_mut((tick % BUCKETS) as usize)
            && bucket.is_empty()
        {
            *bucket = keys;
        }
    }

    /// Returns how long nothing has to be looked at, or nothing when there is nothing at all.
    pub(super) fn pause(&self, now: Millis) -> Option<Duration> {
        if self.standing == 0 {
            return None;
        }
        let next = (self.tick + 1..=self.tick + BUCKETS)
            .find(|tick| {
                self.buckets.get((tick % BUCKETS) as usize).is_some_and(|keys| !keys.is_empty())
            })
            .unwrap_or(self.tick + 1);
        Some(Duration::from_millis((next * TICK).saturating_sub(now.0)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn advance(wheel: &mut Wheel, now: u64) -> usize {
        let mut due = Vec::new();
        wheel.advance(Millis(now), &mut due);
        due.len()
    }

    #[test]
    fn wakes_once_at_the_deadline_and_not_before() {
        let mut wheel = Wheel::default();
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let key = wheel.insert();
        wheel.set(key, Some(Millis(105)));
        assert!(!wheel.poll(key, &waker));
        assert_eq!(advance(&mut wheel, 104), 0);
        assert_eq!(wheel.pause(Millis(104)), Some(Duration::from_millis(6)));
        assert_eq!(advance(&mut wheel, 110), 1);
        assert!(wheel.poll(key, &waker));
        assert_eq!(advance(&mut wheel, 100_000), 0);
        assert_eq!(wheel.pause(Millis(100_000)), None);
    }

    #[test]
    fn a_freed_slot_does_not_wake_its_next_owner() {
        let mut wheel = Wheel::default();
        let key = wheel.insert();
        wheel.set(key, Some(Millis(50)));
        wheel.remove(key);
        let again = wheel.insert();
        assert_eq!(key, again);
        assert!(!wheel.poll(again, Waker::noop()));
        wheel.set(again, Some(Millis(500)));
        assert_eq!(advance(&mut wheel, 60), 0);
        assert!(!wheel.poll(again, Waker::noop()));
        assert_eq!(advance(&mut wheel, 500), 1);
    }

    proptest! {
        /// Against a list of deadlines: never early, and at most one tick late.
        #[test]
        fn agrees_with_a_list(
            steps in prop::collection::vec((0usize..8, 0u64..40_000, 0u64..3_000), 1..80)
        ) {
            let mut wheel = Wheel::default();
            let keys: Vec<u32> = (0..8).map(|_| wheel.insert()).collect();
            let mut oracle = [None; 8];
            let mut now = 0;
            for (which, deadline, pass) in steps {
                wheel.set(keys[which], Some(Millis(now + deadline)));
                oracle[which] = Some(now + deadline);
                now += pass;
                advance(&mut wheel, now);
                for index in 0..8 {
                    let is_due = wheel.poll(keys[index], Waker::noop());
                    match oracle[index] {
                        Some(at) if is_due => {
                            prop_assert!(at <= now);
                            oracle[index] = None;
                            wheel.set(keys[index], None);
                        }
                        // At once is the next tick.
                        Some(at) => prop_assert!(at + 2 * TICK > now || at / TICK + 1 >= now / TICK),
                        None => prop_assert!(!is_due),
                    }
                }
            }
        }
    }
}
