//! gRPC through Weir, with a real client and a real server of it: tonic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "a test that cannot go on has failed"
)]

mod calls;
mod many;
mod refused;
mod service;

#[allow(dead_code, reason = "each program of tests uses its own part")]
#[path = "../standalone/rig.rs"]
mod rig;

use std::net::SocketAddr;

/// Manifests of a pool that leads to these endpoints of gRPC.
fn manifests(addresses: &[SocketAddr], more: &str) -> String {
    let backends: String = addresses
        .iter()
        .map(|to| {
            format!("    - {{ endpoint: {{ address: {}, port: {} }} }}\n", to.ip(), to.port())
        })
        .collect();
    format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: talk, namespace: test }}\n\
         spec:\n  backendProtocol: HTTP2\n  backends:\n{backends}{more}"
    )
}
