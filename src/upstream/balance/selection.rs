//! The immutable view that `pick` reads.

use std::sync::Arc;

use serde::Serialize;

use crate::model::Readiness;
use crate::upstream::clock::Millis;
use crate::upstream::{Health, Pool};

/// Selection is the immutable view of a pool that `pick` reads.
#[derive(Debug, Default, PartialEq)]
pub struct Selection {
    counts: Counts,
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
        let mut counts = Counts::default();
        for member in &pool.endpoints {
            if member.readiness == Readiness::Terminating {
                counts.terminating += 1;
                continue;
            }
            counts.total += 1;
            let is_unhealthy = member.state.health() == Health::Unhealthy;
            let is_ejected = member.state.is_ejected(now);
            counts.unhealthy += usize::from(is_unhealthy);
            counts.ejected += usize::from(is_ejected);
            counts.ready += usize::from(!is_unhealthy && !is_ejected);
        }
        Self { counts }
    }

    /// Returns how the endpoints are.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

impl Pool {
    /// Derives the selection anew, and returns whether it changed.
    pub fn refresh(&self, now: Millis) -> bool {
        self.state.clear_dirty();
        let next = Selection::derive(self, now);
        let has_changed = **self.selection() != next;
        if has_changed {
            self.selection.store(Arc::new(next));
        }
        has_changed
    }
}
