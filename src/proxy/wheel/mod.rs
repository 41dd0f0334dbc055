//! Deadlines of one worker: a coarse timer wheel, and the timers that stand in it.
//!
//! Almost every deadline is moved or dropped long before it comes, so that moving one later is one
//! store, and dropping one is as cheap. Deadlines come up to a tick and a half late, never early.

mod machine;
mod timer;

pub(crate) use timer::{HyperTimer, Timer, run, sleep};
