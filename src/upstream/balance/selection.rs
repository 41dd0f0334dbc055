//! The immutable view that `pick` reads.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::group::{Group, Outline};
use super::maglev::Maglev;
use super::outline::outline;
use super::ring_hash::Ring;
use super::schedule::{RankedSchedule, Schedule};
use crate::model::Algorithm;
use crate::upstream::Pool;
use crate::upstream::clock::Millis;
use crate::upstream::events::PoolChange;

/// Selection is the immutable view of a pool that `pick` reads.
#[derive(Debug, Default)]
pub struct Selection {
    pub(super) outline: Outline,
    pub(super) tables: Box<[Table]>,
    pub(super) plans: Box<[Plan]>,
    /// Endpoint by what session tokens call it.
    pub(super) sessions: HashMap<u64, u32>,
}

/// Table is what the algorithm needs of one group.
#[derive(Debug)]
pub(super) struct Table {
    /// Turns of the choices.
    pub schedule: Schedule,
    /// Turns that were taken for others.
    pub passed_on: AtomicU64,
    /// Where hashes lead.
    pub hashing: Hashing,
    /// Name of the group for hashing: the same in every process.
    pub key: u64,
    /// Average weight.
    pub mean_weight: f32,
}

/// Hashing leads from hashes to choices.
#[derive(Debug)]
pub(super) enum Hashing {
    None,
    Ring(Ring),
    Maglev(Maglev),
}

/// Plan is the order and the turns of groups.
#[derive(Debug)]
pub(super) struct Plan {
    /// Groups with load, most preferred first.
    pub groups: Box<[u32]>,
    /// Turns of them; nothing for a single one.
    pub schedule: Option<RankedSchedule>,
}

/// Counts say how the endpoints of a pool are. An endpoint of two backends counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All that are not ending.
    pub total: usize,
    /// Those of them that take traffic: neither unhealthy nor ejected.
    pub ready: usize,
    /// Those whose active checks fail.
    pub unhealthy: usize,
    /// Those ejected for a time.
    pub ejected: usize,
    /// Those of the ready that do not have their whole share yet.
    pub warming: usize,
    /// Those that are ending but still serve.
    pub terminating: usize,
    /// Whether so few are available that health is ignored.
    pub panic: bool,
}

impl Selection {
    /// Derives the view from what was declared and what is known now.
    pub fn derive(pool: &Pool, now: Millis) -> Self {
        Self::build(pool, outline(pool, now))
    }

    fn build(pool: &Pool, outline: Outline) -> Self {
        let tables = outline.groups.iter().map(|group| Table::build(pool, group)).collect();
        let plans = outline
            .plans
            .iter()
            .map(|plan| {
                let weights: Vec<u64> = plan.turns.iter().map(|(_, weight)| *weight).collect();
                Plan {
                    groups: plan.turns.iter().map(|(group, _)| *group as u32).collect(),
                    schedule: (weights.len() > 1).then(|| RankedSchedule::smooth(&weights)),
                }
            })
            .collect();
        let sessions = match &pool.model.persistence {
            Some(_) => super::session::identities(pool),
            None => HashMap::new(),
        };
        Self { outline, tables, plans, sessions }
    }

    /// Returns how the endpoints are.
    pub fn counts(&self) -> Counts {
        self.outline.counts
    }
}

impl Table {
    fn build(pool: &Pool, group: &Group) -> Self {
        let weights: Vec<u64> = group.choices.iter().map(|choice| choice.weight).collect();
        let hashed = || {
            let hash = |index: u32| pool.endpoint(index as usize).map_or(0, |m| m.state.hash);
            group
                .choices
                .iter()
                .map(|choice| (hash(choice.index), choice.weight))
                .collect::<Vec<_>>()
        };
        let name = format!("{} {} {:?}", group.tier, group.origin, group.locality);
        let total: u64 = weights.iter().sum();
        Self {
            schedule: Schedule::smooth(&weights),
            passed_on: AtomicU64::new(0),
            hashing: match pool.model.algorithm {
                Algorithm::RingHash => Hashing::Ring(Ring::build(&hashed())),
                Algorithm::Maglev => Hashing::Maglev(Maglev::build(&hashed())),
                _ => Hashing::None,
            },
            key: xxh3_64(name.as_bytes()),
            mean_weight: total as f32 / weights.len().max(1) as f32,
        }
    }
}

impl Pool {
    /// Derives the selection anew, and returns whether it changed. Says so when panic begins or
    /// ends.
    pub fn refresh(&self, now: Millis) -> bool {
        self.state.clear_dirty();
        let next = outline(self, now);
        let previous = self.selection();
        if previous.outline == next {
            return false;
        }
        self.tell_panic(previous.outline.counts.panic, next.counts.panic);
        let next = Arc::new(Selection::build(self, next));
        self.selection.store(Arc::clone(&next));
        // What is shown holds already.
        self.show(&next);
        // What came back may have room for those who wait.
        self.state.queue().call_all();
        true
    }

    pub(in crate::upstream) fn tell_panic(&self, was: bool, is: bool) {
        match (was, is) {
            (false, true) => self.state.tell(PoolChange::PanicEntered),
            (true, false) => self.state.tell(PoolChange::PanicLeft),
            _ => {}
        }
    }
}
