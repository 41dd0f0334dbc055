//! Time to translate all pools, and to bring one change into the table, by the number of pools.
//!
//! `cargo bench --bench translate`. Each pool has a route, a Service and an EndpointSlice of ten
//! endpoints. `one_slice` is an endpoint that becomes ready or stops being so, `one_pool` a changed
//! weight: from the object to the published table, without the debounce. What 10,000 pools hold in
//! memory is said by `reconcile_cost`.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use weir::api::{Change, Kind, Object, ObjectKey, Objects};
use weir::metrics::Metrics;
use weir::table::{Table, TableHandle};
use weir::translate::{Options, Translator, translate};
use weir::upstream::{Millis, Pools};

fn change<T: serde::de::DeserializeOwned>(
    kind: Kind,
    name: &str,
    wrap: impl Fn(Arc<T>) -> Object,
    mut value: Value,
) -> Change {
    value["metadata"]["namespace"] = json!("bench");
    value["metadata"]["name"] = json!(name);
    let object = wrap(Arc::new(serde_json::from_value(value).unwrap()));
    Change { kind, key: ObjectKey::new("bench", name), object: Some(object) }
}

fn pool(i: u32, weight: u32) -> Change {
    let backend = json!({ "service": { "name": format!("s{i}"), "port": 80 }, "weight": weight });
    let value = json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "spec": { "routes": [{ "hostnames": [format!("p{i}.example.com")] }], "backends": [backend] },
    });
    change(Kind::BackendPool, &format!("p{i}"), Object::BackendPool, value)
}

fn service(i: u32) -> Change {
    let value = json!({ "spec": { "ports": [{ "port": 80 }] } });
    change(Kind::Service, &format!("s{i}"), Object::Service, value)
}

fn slice(i: u32, is_ready: bool) -> Change {
    let [_, second, third, fourth] = i.to_be_bytes();
    let endpoint = |place: u8| {
        let address = format!("10.{}.{third}.{fourth}", u32::from(second) * 16 + u32::from(place));
        json!({ "addresses": [address], "conditions": { "ready": place > 0 || is_ready } })
    };
    let value = json!({
        "metadata": { "labels": { "kubernetes.io/service-name": format!("s{i}") } },
        "addressType": "IPv4", "ports": [{ "port": 8080 }],
        "endpoints": (0..10).map(endpoint).collect::<Vec<_>>(),
    });
    change(Kind::EndpointSlice, &format!("s{i}-1"), Object::EndpointSlice, value)
}

struct World {
    objects: Objects,
    translator: Translator,
    pools: Arc<Pools>,
    metrics: Arc<Metrics>,
    handle: TableHandle,
}

impl World {
    fn new(objects: Objects) -> Self {
        let mut translator = Translator::new(Options::default());
        translator.restart(&objects);
        let metrics = Metrics::new(1);
        let options = weir::upstream::Options::default();
        let (pools, _readers) = Pools::new(options, Arc::clone(&metrics));
        let table = Table::build(translator.model(), &pools, &metrics, Millis(0));
        Self { objects, translator, pools, metrics, handle: TableHandle::new(table) }
    }

    fn publish(&mut self, change: Change) {
        self.objects.apply(change.clone());
        let step = self.translator.apply(&self.objects, &[change]);
        assert!(!step.changed.is_empty());
        let model = self.translator.model();
        let table = self.handle.load_full();
        let next = table.next(model, &step.changed, &self.pools, &self.metrics, Millis(1));
        self.handle.publish(next);
    }
}

fn benchmark(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("translate");
    group.sample_size(10);
    for count in [100_u32, 1_000, 10_000] {
        let mut objects = Objects::default();
        for change in (0..count).flat_map(|i| [pool(i, 1), service(i), slice(i, true)]) {
            objects.apply(change);
        }
        group.bench_function(format!("all/{count}"), |bencher| {
            bencher.iter(|| black_box(translate(&objects, Options::default())));
        });
        let mut world = World::new(objects);
        let mut turn = 0_u32;
        // Every pool by turns, and each time the other way round.
        let mut next = move || {
            let now = turn;
            turn += 1;
            (now * 7 % count, now / count % 2 == 1)
        };
        group.bench_function(format!("one_slice/{count}"), |bencher| {
            let make = || {
                let (i, is_ready) = next();
                slice(i, is_ready)
            };
            bencher.iter_batched(make, |change| world.publish(change), BatchSize::PerIteration);
        });
        let mut weight = 1;
        group.bench_function(format!("one_pool/{count}"), |bencher| {
            let make = || {
                weight = weight % 100 + 1;
                pool(count / 2, weight)
            };
            bencher.iter_batched(make, |change| world.publish(change), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
