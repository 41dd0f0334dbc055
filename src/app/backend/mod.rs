//! `weir backend`: one simulated backend, HTTP/1.1 and h2c on one port.
//!
//! Every path answers with the backend's name and what it was asked, in JSON; some paths do more:
//! `/healthz`, `/status/503`, `/slow?ms=500`, `/bytes/1000`, `/sse`, `/ws`. Its delays and errors
//! come from a random source that starts from its name, so that two runs are alike.

mod answer;
mod server;
mod websocket;

#[cfg(test)]
mod tests;

pub use server::{Backend, BackendOptions, Spawned, run, spawn};
