//! Objects from a Kubernetes API server.
//!
//! Every kind is watched by a task of its own; a lost watch is taken up again with a growing pause
//! and never empties anything: what vanished meanwhile is found by comparing lists. Secrets and
//! ConfigMaps are watched one by one, and only those that a pool refers to. A kind whose CRD is not there is
//! asked for again until it is. Some kinds may be missing or refused without stopping the rest.

mod absence;
mod client;
mod decode;
mod feed;
mod run;
mod singles;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod tests;

pub use client::client;
pub use run::{Options, run};
