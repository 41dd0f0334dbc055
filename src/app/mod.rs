//! Wiring: builds the parts, starts them, ends them; and the commands of the one binary.
//!
//! May import everything; nobody imports it but `main`.

pub mod backend;
mod check;
mod cluster;
mod control_side;
mod data_side;
mod demo;
mod dispatch;
pub mod events;
mod explain;
mod follow;
mod logging;
mod memory;
mod print;
mod probe;
pub mod run;
mod surroundings;

pub use dispatch::main;
