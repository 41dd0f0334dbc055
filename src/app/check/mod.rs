//! `weir check`: the verdict that the cluster would give on manifests, CEL rules included.
//!
//! Files are judged together, so that one may name what another declares. What none of them
//! declares may still be in the cluster: such a reference is a warning, not a refusal.

mod command;
mod report;

#[cfg(test)]
mod tests;

pub(super) use command::run;
