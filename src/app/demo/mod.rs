//! `weir demo`: Weir in front of simulated backends, curl lines to try, and where requests go.
//!
//! The same wiring as `weir run --manifests`, on a copy of `manifests/examples/demo` in a directory
//! of its own. On a terminal a table is redrawn in place; elsewhere there are plain lines.

mod ask;
mod paint;
mod run;
mod screen;
mod strategy;
mod traffic;

#[cfg(test)]
mod tests;

pub(super) use run::run;
