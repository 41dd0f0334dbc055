//! What the choice of an endpoint promises, proved with random pools on a virtual clock.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod admission;
mod compose;
mod geo;
mod hashing;
mod health;
mod limits;
mod load;
mod places;
mod sessions;
mod shares;
mod spill;
mod support;
