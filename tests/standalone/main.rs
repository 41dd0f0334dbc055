//! `weir run --manifests` as its user sees it: the real program, real sockets, plain manifests.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]
#![allow(clippy::string_slice, clippy::unwrap_used, clippy::disallowed_types, reason = "a test")]

mod balancing;
mod content;
mod failure;
mod rig;
mod wrong;
