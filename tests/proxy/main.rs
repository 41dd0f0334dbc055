//! The data path over real sockets: clients, a proxy and fake endpoints.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on has failed"
)]

mod access_log;
mod announced;
mod backend_tls;
mod bodies;
mod bounds;
mod checks_over_tls;
mod client_certificates;
mod draining;
mod failure;
mod guards;
mod h2_endpoints;
mod hosts;
mod misdirected;
mod proxy_header;
mod redirect;
mod replay;
mod rig;
mod routing;
mod sessions;
mod slow;
mod strangers;
mod streams;
mod terms;
mod websocket_h2;

#[path = "../support"]
mod support {
    pub mod authority;
    pub mod client;
    pub mod endpoint;
    pub mod pool;
}
