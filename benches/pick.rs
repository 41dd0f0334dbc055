//! Time to choose an endpoint, by algorithm and number of endpoints.
//!
//! `cargo bench --bench pick`. `idle`: nothing is in flight. `busy`: every endpoint works on one
//! request, which is the worst case of LeastRequest. `derive`: making the selection anew.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use weir::metrics::Metrics;
use weir::model::{
    Algorithm, Backend, HashKey, Persistence, PersistenceKind, Pool as Model, PoolName, Protocol,
};
use weir::upstream::balance::{RequestFacts, Selection, Tried, pick};
use weir::upstream::{Millis, Options, Pool, Pools};

#[path = "../tests/support/pool.rs"]
mod support;

const NOW: Millis = Millis(1_000_000);

const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RoundRobin,
    Algorithm::LeastRequest,
    Algorithm::PeakEwma,
    Algorithm::Random,
    Algorithm::RingHash,
    Algorithm::Maglev,
];

fn model(algorithm: Algorithm, endpoints: u32) -> Model {
    let endpoint = |number| support::endpoint((Ipv4Addr::from(0x0a00_0000 + number), 8080).into());
    let backend = Backend {
        origin: "shop/shop:80".into(),
        is_service: true,
        weight: 1,
        tier: 0,
        protocol: Protocol::Http1,
        endpoints: (0..endpoints).map(endpoint).collect(),
    };
    Model {
        algorithm,
        hash_on: vec![HashKey::ClientAddress],
        ..support::pool(PoolName::new("shop", "shop"), vec![backend])
    }
}

fn bind(model: Model) -> (Arc<Pools>, Arc<Pool>) {
    let (pools, _readers) = Pools::new(Options::default(), Metrics::new(1));
    let pool = pools.bind(&Arc::new(model), NOW);
    (pools, pool)
}

fn facts(headers: &http::HeaderMap, client: u32) -> RequestFacts<'_> {
    let client = IpAddr::V4(Ipv4Addr::from(client));
    RequestFacts { client, path: "/", query: None, headers, geo: None }
}

fn measure(criterion: &mut Criterion, name: &str, pool: &Pool, size: &str) {
    let headers = http::HeaderMap::new();
    let mut random = fastrand::Rng::with_seed(1);
    let mut client = 0_u32;
    criterion.benchmark_group("pick").bench_function(BenchmarkId::new(name, size), |bencher| {
        bencher.iter(|| {
            client = client.wrapping_add(1);
            let request = facts(&headers, client);
            black_box(pick(pool, &request, &Tried::default(), NOW, &mut random, None))
        });
    });
}

fn picks(criterion: &mut Criterion) {
    for endpoints in [3, 100, 10_000] {
        for algorithm in ALGORITHMS {
            let (_pools, pool) = bind(model(algorithm, endpoints));
            measure(criterion, &format!("{algorithm:?}/idle"), &pool, &endpoints.to_string());
            if matches!(algorithm, Algorithm::LeastRequest | Algorithm::PeakEwma) {
                let held: Vec<_> = pool.endpoints.iter().map(|m| m.state.begin()).collect();
                measure(criterion, &format!("{algorithm:?}/busy"), &pool, &endpoints.to_string());
                drop(held);
            }
        }
    }
}

fn sessions(criterion: &mut Criterion) {
    let mut model = model(Algorithm::RoundRobin, 100);
    let kind = PersistenceKind::Cookie("weir".into());
    model.persistence = Some(Persistence { kind, absolute_timeout: None });
    let (_pools, pool) = bind(model);
    let mut headers = http::HeaderMap::new();
    let mut random = fastrand::Rng::with_seed(1);
    let first = pick(&pool, &facts(&headers, 1), &Tried::default(), NOW, &mut random, None);
    let token = first.unwrap().session.unwrap();
    headers.insert("cookie", format!("weir={}", token.as_str()).parse().unwrap());
    criterion.benchmark_group("pick").bench_function("session", |bencher| {
        bencher.iter(|| {
            black_box(pick(&pool, &facts(&headers, 1), &Tried::default(), NOW, &mut random, None))
        });
    });
}

fn derives(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("derive");
    group.sample_size(10);
    for endpoints in [3, 100, 10_000] {
        for algorithm in [Algorithm::RoundRobin, Algorithm::RingHash, Algorithm::Maglev] {
            let (_pools, pool) = bind(model(algorithm, endpoints));
            let id = BenchmarkId::new(format!("{algorithm:?}"), endpoints);
            group.bench_function(id, |bencher| {
                bencher.iter(|| black_box(Selection::derive(&pool, NOW)));
            });
        }
    }
}

fn guards(criterion: &mut Criterion) {
    let (_pools, pool) = bind(model(Algorithm::RoundRobin, 3));
    let Some(member) = pool.endpoint(0) else { return };
    criterion.bench_function("begin and end", |bencher| {
        bencher.iter(|| black_box(member.state.begin()));
    });
    criterion.bench_function("admit without bounds", |bencher| {
        bencher.iter(|| black_box(pool.admit()));
    });
}

criterion_group!(benches, picks, sessions, guards, derives);
criterion_main!(benches);
