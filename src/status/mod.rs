//! Writes what others decided into the status of pools and Ingresses, and tells what happened as Events.
//!
//! In a cluster only the holder of a lease writes, at a bounded rate, and only what differs from
//! what the object has. Standalone the same conditions go to the log. Nothing is decided here.
//!
//! May use api and metrics. `merge` and `lease` are pure; `writer`, `elect` and `notes` do the I/O.

mod elect;
mod ingress;
mod lease;
mod log;
mod merge;
mod notes;
mod publish;
mod writer;

pub use elect::{LeaseOptions, elect};
pub use ingress::{Inlets, run as run_ingresses};
pub use log::{Conditions, Problems, run as run_standalone};
pub use merge::{Desired, merge};
pub use notes::run as run_notes;
pub use publish::{Addresses, address, follow as follow_published};
pub use writer::run as run_writer;
