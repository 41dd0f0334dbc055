//! Pools in one line, and a client that picks from them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use weir::metrics::Metrics;
use weir::model::{Algorithm, Backend, Endpoint, Pool as Model, PoolName, Protocol, RegionName};
use weir::upstream::balance::{NoEndpoint, Pick, PickTrace, RequestFacts, Tried, pick};
use weir::upstream::{Millis, Options, Pool, Pools, Readers, Surroundings};

#[path = "../support/pool.rs"]
mod pool;

/// A moment at which nothing is left of the start.
pub const NOON: Millis = Millis(100_000_000);

pub const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RoundRobin,
    Algorithm::LeastRequest,
    Algorithm::PeakEwma,
    Algorithm::Random,
    Algorithm::RingHash,
    Algorithm::Maglev,
];

pub fn address(number: u32) -> SocketAddr {
    (Ipv4Addr::from(0x0a00_0000 + number), 8080).into()
}

pub fn endpoint(number: u32) -> Endpoint {
    pool::endpoint(address(number))
}

pub fn zoned(number: u32, zone: &str, region: &str) -> Endpoint {
    let region = Some(RegionName(region.into()));
    Endpoint { zone: Some(zone.into()), region, ..endpoint(number) }
}

pub fn service(name: &str, weight: u32, endpoints: impl IntoIterator<Item = Endpoint>) -> Backend {
    let endpoints = endpoints.into_iter().collect();
    Backend {
        origin: name.into(),
        is_service: true,
        weight,
        tier: 0,
        protocol: Protocol::Http1,
        endpoints,
    }
}

/// Static endpoints, numbered from 0, with these weights.
pub fn statics(weights: &[u32]) -> Vec<Backend> {
    let backend = |(number, weight): (usize, &u32)| Backend {
        origin: "endpoint".into(),
        is_service: false,
        weight: *weight,
        tier: 0,
        protocol: Protocol::Http1,
        endpoints: vec![endpoint(number as u32)],
    };
    weights.iter().enumerate().map(backend).collect()
}

pub fn model(backends: Vec<Backend>) -> Model {
    Model {
        hash_on: vec![weir::model::HashKey::ClientAddress],
        ..pool::pool(PoolName::new("shop", "shop"), backends)
    }
}

/// Bench is a registry, and a client with a seed.
pub struct Bench {
    pub pools: Arc<Pools>,
    pub readers: Readers,
    pub random: fastrand::Rng,
    pub headers: http::HeaderMap,
    pub client: IpAddr,
    pub tried: Tried,
}

pub fn bench() -> Bench {
    bench_at(Surroundings::default())
}

pub fn bench_at(surroundings: Surroundings) -> Bench {
    let options = Options { surroundings, session_key: Vec::new() };
    let (pools, readers) = Pools::new(options, Metrics::new(1));
    Bench {
        pools,
        readers,
        random: fastrand::Rng::with_seed(7),
        headers: http::HeaderMap::new(),
        client: Ipv4Addr::new(192, 0, 2, 1).into(),
        tried: Tried::default(),
    }
}

impl Bench {
    pub fn bind(&self, model: Model, now: Millis) -> Arc<Pool> {
        self.pools.bind(&Arc::new(model), now)
    }

    pub fn pick(&mut self, pool: &Pool, now: Millis) -> Result<Pick, NoEndpoint> {
        let request = RequestFacts {
            client: self.client,
            path: "/",
            query: None,
            headers: &self.headers,
            geo: None,
        };
        pick(pool, &request, &self.tried, now, &mut self.random, None)
    }

    pub fn index(&mut self, pool: &Pool, now: Millis) -> usize {
        self.pick(pool, now).expect("an endpoint").index
    }

    pub fn trace(&mut self, pool: &Pool, now: Millis) -> PickTrace {
        let request = RequestFacts {
            client: self.client,
            path: "/",
            query: None,
            headers: &self.headers,
            geo: None,
        };
        let mut trace = PickTrace::default();
        let _ = pick(pool, &request, &self.tried, now, &mut self.random, Some(&mut trace));
        trace
    }

    /// Picks so often, and counts.
    pub fn counts(&mut self, pool: &Pool, times: usize) -> BTreeMap<usize, usize> {
        let mut counts = BTreeMap::new();
        for _ in 0..times {
            *counts.entry(self.index(pool, NOON)).or_default() += 1;
        }
        counts
    }
}

/// The client with this number; each hashes differently.
pub fn client(number: u32) -> IpAddr {
    Ipv4Addr::from(0xc633_6400_u32.wrapping_add(number)).into()
}
