//! The single loop from changed objects to a published table.
//!
//! In: batches of changes from a source. Out: a table by one swap, and what the status of pools
//! should say. Changes are gathered for a moment, so that a rollout of a hundred pods is a few
//! tables and not a hundred; the wait is bounded. Nothing is published before the first full sync,
//! and nothing when a change means nothing. A Secret that breaks keeps its last good certificate in
//! service until it is mended or deleted; only a process that saw it good knows it.

mod gather;
mod health;
mod last_good;
mod run;
mod verdicts;

#[cfg(test)]
mod tests;

pub use gather::{Gather, LONGEST_WAIT, QUIET};
pub use run::{News, Outlets, Reconciler, run};
