//! Active checks: asks every endpoint of pools that declare it whether it works.
//!
//! One scheduler on the control side follows the published tables. An endpoint costs one entry in
//! a queue, not a task; few checks run at once. The result of a check goes through a pure
//! threshold machine, and only a change of verdict is written: to the endpoint's state, which
//! marks its pool for a new selection. The first result of an endpoint decides at once.
//!
//! May use model, table, upstream and metrics; never triggers a translation.

#[cfg(test)]
mod follow_tests;
mod grpc;
mod machine;
mod plan;
mod probe;
mod scheduler;
#[cfg(test)]
mod tests;

pub use machine::{Machine, Thresholds, Verdict};
pub use probe::{Failure, check};
pub use scheduler::{Options, run};
