//! A pool that declares nothing but its endpoints: what tests and benchmarks begin with. Unit tests
//! include this file too; there `weir` is the crate itself.

#![allow(dead_code, unreachable_pub, reason = "each program uses its own part")]

use std::net::SocketAddr;
use std::time::Duration;

use weir::model::{Algorithm, Backend, Endpoint, Limits, Pool, PoolName, Readiness};

/// Returns an endpoint that is ready, and nowhere in particular.
pub fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { address, zone: None, region: None, readiness: Readiness::Ready }
}

/// Returns endpoints that are addresses of the declaration, in one group.
pub fn group(addresses: &[SocketAddr]) -> Backend {
    let mut endpoints: Vec<_> = addresses.iter().copied().map(endpoint).collect();
    endpoints.sort_by_key(|endpoint| endpoint.address);
    Backend { origin: "endpoint".into(), is_service: false, weight: 1, tier: 0, endpoints }
}

/// Returns a pool with these backends, and everything else as bare as it can be.
pub fn pool(name: PoolName, backends: Vec<Backend>) -> Pool {
    Pool {
        name,
        backends,
        algorithm: Algorithm::RoundRobin,
        hash_on: Vec::new(),
        slow_start: None,
        locality: None,
        persistence: None,
        health_check: None,
        outlier: None,
        panic_threshold: 0,
        retry: None,
        connect_timeout: Duration::from_secs(2),
        idle_timeout: None,
        keep_alive: Duration::from_secs(60),
        limits: Limits::default(),
        rate_limit: None,
        access: None,
        backend_tls: None,
        proxy_protocol: None,
    }
}
