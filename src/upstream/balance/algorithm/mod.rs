//! How one endpoint of a group is chosen: a file for each algorithm.
//!
//! Each gets a `Round`, and returns an index into the endpoints of the pool, or nothing when no
//! choice of the group can be used. None allocates.

mod hashed;
mod least_request;
mod peak_ewma;
mod random;
mod round;
mod round_robin;

pub(super) use hashed::{group_by_hash, hashed};
pub(super) use least_request::least_request;
pub(super) use peak_ewma::peak_ewma;
pub(super) use random::random;
pub(super) use round::Round;
pub(super) use round_robin::round_robin;
