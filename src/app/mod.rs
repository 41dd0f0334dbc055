//! Wiring: builds the parts, starts them, ends them; and the commands of the one binary.
//!
//! May import everything; nobody imports it but `main`.

pub mod backend;
mod check;
mod dispatch;
mod logging;

pub use dispatch::main;
