//! Hostile requests over HTTP/1.1.

mod chunks;
mod fields;
mod framing;
mod hops;
mod hosts;
mod limits;
pub mod run;
mod sequences;
mod targets;
