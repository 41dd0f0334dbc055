//! `weir run --manifests` as its user sees it: the real program, real sockets, plain manifests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "a test that cannot go on has failed"
)]

mod balancing;
mod compose;
mod content;
mod declared;
mod demo;
mod ending;
mod example_tls;
mod examples;
mod exhaustion;
mod failure;
mod hashing;
mod health;
mod hostile_memory;
mod ingress;
mod ingress_terms;
mod places;
mod probe;
mod rig;
mod series;
mod shown;
mod system_authorities;
mod wrong;

#[path = "../support"]
#[allow(dead_code, reason = "other tests use the rest")]
mod support {
    pub mod authority;
    pub mod promtool;
}
