//! Hostile clients and hostile endpoints, byte by byte over real sockets.
//!
//! Each case is data: a name, its bytes, what must come of them, and where the rule is from. One
//! strict judge reads what an endpoint got with a parser of its own, so that no case passes by
//! accident: either the request was refused and no endpoint saw it, or exactly one request arrived
//! and means what the case says. After each, the connection and a new one still serve.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::too_many_lines, reason = "lists of cases are long")]

mod bench;
mod case;
mod client;
mod early;
mod h2;
mod judge;
mod recorder;
mod requests;
mod responses;
mod strict;
mod table;

#[path = "../proxy/rig.rs"]
#[allow(dead_code, reason = "the data path's tests use the rest")]
mod rig;

#[path = "../support"]
#[allow(dead_code, reason = "the rig names it")]
mod support {
    pub mod client;
    pub mod pool;
}
