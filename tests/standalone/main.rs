//! `weir run --manifests` as its user sees it: the real program, real sockets, plain manifests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on has failed"
)]

mod balancing;
mod content;
mod failure;
mod probe;
mod rig;
mod wrong;
