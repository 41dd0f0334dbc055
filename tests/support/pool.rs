//! A pool that declares nothing but its endpoints: what tests and benchmarks begin with. Unit tests
//! include this file too; there `weir` is the crate itself.

#![allow(dead_code, unreachable_pub, reason = "each program uses its own part")]

use std::net::SocketAddr;

use weir::model::{Backend, Endpoint, Limits, Pool, PoolName, Protocol, Readiness};

/// Returns an endpoint that is ready, and nowhere in particular.
pub fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { address, zone: None, region: None, readiness: Readiness::Ready }
}

/// Returns endpoints that are addresses of the declaration, in one group.
pub fn group(addresses: &[SocketAddr]) -> Backend {
    let mut endpoints: Vec<_> = addresses.iter().copied().map(endpoint).collect();
    endpoints.sort_by_key(|endpoint| endpoint.address);
    Backend {
        origin: "endpoint".into(),
        is_service: false,
        weight: 1,
        tier: 0,
        protocol: Protocol::Http1,
        endpoints,
    }
}

/// Returns a pool with these backends, and everything else as bare as it can be.
pub fn pool(name: PoolName, backends: Vec<Backend>) -> Pool {
    let bare = Pool { idle_timeout: None, limits: Limits::default(), ..Pool::new(name) };
    bare.with_backends(backends)
}
