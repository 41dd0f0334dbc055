//! Cost of the whole and of one change: 10,000 pools with 100,000 endpoints, each declared by a
//! BackendPool, then each a port of a Service that an Ingress names. Every tenth BackendPool keeps its
//! sessions under one name, and every hundredth has a host with another such one.
//!
//! `cargo bench --bench reconcile_cost`. Prints how long it takes to translate everything and to
//! build the first table, how long one changed EndpointSlice, pool, Ingress or node takes until its table
//! is published, and how much memory each step holds (resident, from /proc).

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir::api::{Change, Kind, Object, ObjectKey, Objects};
use weir::metrics::Metrics;
use weir::table::{Table, TableHandle};
use weir::translate::{Options, Translator};
use weir::upstream::{Millis, Pools};

/// What all programs of this package use.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const POOLS: u32 = 10_000;
const ENDPOINTS: u32 = 10;
const NODES: u32 = 500;
const CHANGES: u32 = 1_000;

fn parse<T: serde::de::DeserializeOwned>(value: Value) -> Arc<T> {
    Arc::new(serde_json::from_value(value).unwrap())
}

fn pool(i: u32, weight: u32) -> Change {
    let mut routes = vec![json!({ "hostnames": [format!("p{i}.example.com")] })];
    if i.is_multiple_of(100) {
        let (host, path) = (format!("shared{}.example.com", i / 200), format!("/{i}"));
        routes.push(json!({ "hostnames": [host], "matches": [{ "path": { "value": path } }] }));
    }
    let mut spec = json!({
        "routes": routes,
        "backends": [{ "service": { "name": format!("s{i}"), "port": 80 }, "weight": weight }],
    });
    if i.is_multiple_of(10) {
        spec["sessionPersistence"] = json!({ "sessionName": "sid" });
    }
    let object = parse(json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "metadata": { "namespace": "bench", "name": format!("p{i}"),
            "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": spec,
    }));
    change(Kind::BackendPool, "bench", format!("p{i}"), Object::BackendPool(object))
}

fn ingress(i: u32, path: &str) -> Change {
    let name = format!("i{i}");
    let service = json!({ "name": format!("s{i}"), "port": { "number": 80 } });
    let object = parse(json!({
        "metadata": { "namespace": "bench", "name": name,
            "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": { "ingressClassName": "weir", "rules": [{ "host": format!("i{i}.example.com"),
            "http": { "paths": [{ "path": path, "pathType": "Prefix",
                "backend": { "service": service } }] } }] },
    }));
    change(Kind::Ingress, "bench", name, Object::Ingress(object))
}

fn settings(i: u32, connect: &str) -> Change {
    let object = parse(json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "metadata": { "namespace": "bench", "name": format!("p{i}") },
        "spec": { "timeouts": { "connect": connect },
            "targetRefs": [{ "kind": "Service", "name": format!("s{i}") }] },
    }));
    change(Kind::BackendPool, "bench", format!("p{i}"), Object::BackendPool(object))
}

fn service(i: u32) -> Change {
    let name = format!("s{i}");
    let metadata = json!({ "namespace": "bench", "name": name });
    let object = parse(json!({ "metadata": metadata, "spec": { "ports": [{ "port": 80 }] } }));
    change(Kind::Service, "bench", name, Object::Service(object))
}

fn slice(i: u32, ready: bool) -> Change {
    let endpoints: Vec<_> = (0..ENDPOINTS)
        .map(|place| {
            let n = i * ENDPOINTS + place;
            let [_, second, third, last] = n.to_be_bytes();
            json!({
                "addresses": [format!("10.{second}.{third}.{last}")],
                "conditions": { "ready": place > 0 || ready },
                "nodeName": format!("n{}", n % NODES),
                "zone": format!("z{}", n % 3),
            })
        })
        .collect();
    let object = parse(json!({
        "metadata": { "namespace": "bench", "name": format!("s{i}-1"),
            "labels": { "kubernetes.io/service-name": format!("s{i}") } },
        "addressType": "IPv4", "ports": [{ "port": 8080 }], "endpoints": endpoints,
    }));
    change(Kind::EndpointSlice, "bench", format!("s{i}-1"), Object::EndpointSlice(object))
}

fn node(i: u32, region: &str) -> Change {
    let labels = json!({
        "topology.kubernetes.io/zone": format!("z{}", i % 3),
        "topology.kubernetes.io/region": region,
    });
    let object = parse(json!({ "metadata": { "name": format!("n{i}"), "labels": labels } }));
    change(Kind::Node, "", format!("n{i}"), Object::Node(object))
}

fn change(kind: Kind, namespace: &str, name: String, object: Object) -> Change {
    Change { kind, key: ObjectKey::new(namespace, name), object: Some(object) }
}

fn resident_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

struct World {
    objects: Objects,
    translator: Translator,
    pools: Arc<Pools>,
    metrics: Arc<Metrics>,
    handle: TableHandle,
}

impl World {
    /// What `reconcile` does with one batch, without its waiting.
    fn publish(&mut self, change: Change) -> Duration {
        let started = Instant::now();
        assert!(self.objects.apply(change.clone()));
        let step = self.translator.apply(&self.objects, &[change]);
        assert!(!step.changed.is_empty());
        let model = self.translator.model();
        let table = self.handle.load_full();
        let next = table.next(model, &step.changed, &self.pools, &self.metrics, Millis(1));
        self.handle.publish(next);
        started.elapsed()
    }

    fn measure(&mut self, name: &str, count: u32, make: impl Fn(u32) -> Change) {
        let mut times: Vec<_> = (0..count).map(|i| self.publish(make(i))).collect();
        times.sort_unstable();
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
        println!(
            "{name:<28} p50 {:>9.1?}  p99 {:>9.1?}  max {:>9.1?}  ({} MiB)",
            at(0.5),
            at(0.99),
            at(1.0),
            resident_mib()
        );
    }
}

fn world(declare: impl Fn(u32) -> Change) -> World {
    let mut objects = Objects::default();
    for i in 0..POOLS {
        for change in [declare(i), service(i), slice(i, true)] {
            objects.apply(change);
        }
    }
    for i in 0..NODES {
        objects.apply(node(i, "eu"));
    }
    println!("{:<28} {} MiB", "objects", resident_mib());
    let started = Instant::now();
    let mut translator = Translator::new(Options::default());
    translator.restart(&objects);
    println!("{:<28} {:.1?}  ({} MiB)", "translate", started.elapsed(), resident_mib());
    let metrics = Metrics::new(2);
    let (pools, _readers) = Pools::new(weir::upstream::Options::default(), Arc::clone(&metrics));
    let started = Instant::now();
    let table = Table::build(translator.model(), &pools, &metrics, Millis(0));
    println!("{:<28} {:.1?}  ({} MiB)", "first table", started.elapsed(), resident_mib());
    World { objects, translator, pools, metrics, handle: TableHandle::new(table) }
}

fn main() {
    println!("{POOLS} pools, {} endpoints, {NODES} nodes", POOLS * ENDPOINTS);
    println!("{:<28} {} MiB", "empty", resident_mib());
    let spread = |i: u32| i * 7 % POOLS;
    let mut pools = world(|i| pool(i, 1));
    pools.measure("one EndpointSlice", CHANGES, |i| slice(spread(i), false));
    pools.measure("one pool's weight", CHANGES, |i| pool(spread(i), 2));
    pools.measure("one new pool", CHANGES, |i| pool(POOLS + i, 1));
    pools.measure("one node's region", 20, |i| node(i, "us"));
    drop(pools);
    println!("\nthe same by Ingresses");
    let mut ingresses = world(|i| ingress(i, "/"));
    ingresses.measure("one EndpointSlice", CHANGES, |i| slice(spread(i), false));
    ingresses.measure("one Ingress's path", CHANGES, |i| ingress(spread(i), "/a"));
    ingresses.measure("one new Ingress", CHANGES, |i| ingress(POOLS + i, "/"));
    ingresses.measure("settings for one Service", CHANGES, |i| settings(spread(i), "3s"));
    ingresses.measure("one node's region", 20, |i| node(i, "us"));
}
