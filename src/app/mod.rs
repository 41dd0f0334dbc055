//! Wiring: builds the parts, starts them, ends them; and the commands of the one binary.
//!
//! May import everything; nobody imports it but `main`.

pub mod backend;
mod check;
mod cluster;
mod demo;
mod dispatch;
mod events;
mod explain;
mod logging;
pub mod run;

pub use dispatch::main;
