//! The field's own protocol suites, run against the real program: h2spec, sslyze, slowhttptest, and
//! what Autobahn asks of WebSockets.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

mod certificates;
mod clients;
mod h2spec;
mod resumption;
#[path = "../standalone/rig.rs"]
#[allow(dead_code, clippy::string_slice, reason = "each test binary uses its own part")]
mod rig;
mod slowhttptest;
mod sslyze;
mod tools;
mod websocket;
mod websocket_cases;
mod websocket_h2;
