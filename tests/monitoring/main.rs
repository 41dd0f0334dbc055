//! What Prometheus and Grafana get from the chart: rules that fire when they should, and panels
//! that show something, asked of a real Prometheus that scrapes a real Weir.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod live;
mod picture;
mod prometheus;
#[path = "../standalone/rig.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod rig;
mod rules;
mod traffic;
