//! One choice inside one group.

use std::sync::atomic::Ordering;

use crate::upstream::EndpointState;
use crate::upstream::balance::group::Choice;
use crate::upstream::balance::pick::Filter;
use crate::upstream::balance::selection::Table;

/// Round is one choice inside one group.
pub(in crate::upstream::balance) struct Round<'a> {
    /// What can be chosen.
    pub choices: &'a [Choice],
    /// What was laid out for it.
    pub table: &'a Table,
    /// How many turns the group had before.
    pub position: u64,
    /// What the request can use.
    pub filter: &'a Filter<'a>,
    /// Whether this only looks, and moves no cursor.
    pub look: bool,
}

impl<'a> Round<'a> {
    /// Returns a choice, if the request can use it.
    pub(super) fn usable(&self, at: usize) -> Option<&'a Choice> {
        self.choices.get(at).filter(|choice| self.filter.takes(choice.index as usize))
    }

    /// Returns the next position of the cursor for turns that were passed on; while only looking,
    /// the one so far ahead of it.
    pub(super) fn passed_on(&self, ahead: u64) -> u64 {
        let cursor = &self.table.passed_on;
        if self.look {
            cursor.load(Ordering::Relaxed).wrapping_add(ahead)
        } else {
            cursor.fetch_add(1, Ordering::Relaxed)
        }
    }

    /// Returns the state of a choice.
    pub(super) fn state(&self, choice: &Choice) -> Option<&'a EndpointState> {
        Some(&*self.filter.pool.endpoint(choice.index as usize)?.state)
    }

    /// Returns the first usable choice from a place on.
    pub(super) fn first_usable_from(&self, at: usize) -> Option<usize> {
        let count = self.choices.len();
        let start = at % count.max(1);
        let found = (start..count).chain(0..start).find_map(|at| self.usable(at));
        found.map(|choice| choice.index as usize)
    }
}
