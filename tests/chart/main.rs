//! The chart lints, refuses wrong values, and renders what is kept in `tests/golden/chart`; and a
//! real API server takes all of it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

#[path = "../support/apiserver.rs"]
mod apiserver;
mod cases;
#[path = "../support/helm.rs"]
mod helm;
#[path = "../support/kept.rs"]
mod kept;
mod kind;
mod pods;
mod release;
mod releases;
mod render;
mod rights;
mod schemas;
mod server;
mod values;
