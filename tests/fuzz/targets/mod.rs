//! What is fuzzed: each target takes any bytes and panics where a promise does not hold.
//!
//! `cargo test --test fuzz` runs them on the kept inputs and on a few seeded changes of those; the
//! crate in `fuzz` runs the same functions under libFuzzer.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::option_option,
    clippy::unwrap_used,
    reason = "tests; each program uses its own part"
)]

pub mod answer;
pub mod certificate;
mod message;
mod oracle;
pub mod path;
pub mod proxy_header;
pub mod request;
pub mod request_body;
mod routes;
pub mod session;
#[path = "../../hostile/strict.rs"]
mod strict;
pub mod translate;

/// A target, by the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 8] = [
    ("request", request::run),
    ("request_body", request_body::run),
    ("answer", answer::run),
    ("translate", translate::run),
    ("proxy_header", proxy_header::run),
    ("session", session::run),
    ("path", path::run),
    ("certificate", certificate::run),
];
