//! Time to find the route of a request, by the number of routes.
//!
//! `cargo bench --bench match_route`. Each table is asked for an exact host, for one that is in
//! upper case, for a wildcard, and for a host that no route serves; and one host alone holds all
//! routes as path prefixes.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, Method};
use weir::api::{BackendPool, Objects};
use weir::metrics::Metrics;
use weir::model::{Hostname, Model, Origin, PathPattern, PoolName, Route, RouteId, RouteMatch};
use weir::table::{RequestHead, Table};
use weir::translate::{Options, translate};
use weir::upstream::{Millis, Pools};

/// Routes in one pool; one is the pool's own limit, but the table does not care.
fn table(routes: Vec<Route>, name: &PoolName) -> Table {
    let object: BackendPool = serde_json::from_value(serde_json::json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "metadata": { "namespace": name.namespace(), "name": name.name() },
        "spec": { "backends": [{ "endpoint": { "address": "10.0.0.1", "port": 80 } }] },
    }))
    .unwrap();
    let mut objects = Objects::default();
    let key = weir::api::ObjectKey::new(name.namespace(), name.name());
    objects.backend_pools.insert(key, Arc::new(object));
    let pools = translate(&objects, Options::default()).model.pools;
    let model = Model {
        pools,
        routes: BTreeMap::from([(Origin::pool(name), routes.into())]),
        certificates: BTreeMap::new(),
    };
    let metrics = Metrics::new(1);
    let (pools, _readers) = Pools::new(weir::upstream::Options::default(), Arc::clone(&metrics));
    Table::build(&model, &pools, &metrics, Millis(0))
}

fn route(pool: &PoolName, position: u32, host: &str, prefix: &str) -> Route {
    Route {
        id: RouteId {
            created: 0,
            object: Origin::pool(pool),
            position,
            // One name for all: the benchmark is about lookups, not about counters.
            name: "all".into(),
        },
        hostnames: vec![Hostname::parse(host).unwrap()],
        is_one_label: false,
        is_fallback: false,
        is_held: false,
        matches: vec![RouteMatch {
            path: PathPattern::Prefix(prefix.into()),
            method: None,
            headers: vec![],
            query: vec![],
            cookies: vec![],
        }],
        request_timeout: None,
        backend_request_timeout: None,
        https_redirect: None,
        client: None,
        pool: pool.clone(),
    }
}

fn benchmark(criterion: &mut Criterion) {
    let pool = PoolName::new("bench", "pool");
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", "bench".parse().unwrap());
    headers.insert("accept", "*/*".parse().unwrap());
    for count in [1_u32, 1_000, 100_000] {
        let hosts = (0..count).map(|i| route(&pool, i, &format!("h{i}.example.com"), "/"));
        let wildcard = route(&pool, count, "*.wild.example.com", "/");
        let by_host = table(hosts.chain([wildcard]).collect(), &pool);
        let prefixes = (0..count).map(|i| route(&pool, i, "one.example.com", &format!("/p{i}")));
        let by_path = table(prefixes.collect(), &pool);
        let middle = count / 2;
        let mut ask = |name: &str, table: &Table, host: &str, path: &str, found: bool| {
            let head = RequestHead {
                host: Some(host),
                path,
                query: None,
                method: &Method::GET,
                headers: &headers,
            };
            assert_eq!(table.find(&head, None).is_ok(), found);
            criterion.bench_function(&format!("match/{name}/{count}"), |bencher| {
                bencher.iter(|| table.find(black_box(&head), None).is_ok());
            });
        };
        ask("host", &by_host, &format!("h{middle}.example.com"), "/cart/items/7", true);
        ask("host_in_capitals", &by_host, &format!("H{middle}.Example.com:443"), "/cart", true);
        ask("wildcard", &by_host, "a.b.wild.example.com", "/cart/items/7", true);
        ask("unknown_host", &by_host, "nobody.test", "/cart/items/7", false);
        ask("path", &by_path, "one.example.com", &format!("/p{middle}/items/7"), true);
    }
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
