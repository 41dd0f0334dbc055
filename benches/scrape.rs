//! Cost of a scrape: 10,000 pools with 100,000 endpoints.
//!
//! `cargo bench --bench scrape`. For pools that are idle and pools that all count, with the usual
//! limit of endpoints and without one: how long `/metrics` takes to write, how long its text is,
//! and how long a worker that counts all the while was held up at most.

#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weir::metrics::{
    DEFAULT_ENDPOINT_LIMIT, EndpointStats, MethodLabel, Metrics, PoolStats, RequestSample,
    RouteLabels, RouteStats,
};

/// What all programs of this package use.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const POOLS: u32 = 10_000;
const ENDPOINTS: u32 = 10;
const SCRAPES: usize = 20;

struct World {
    metrics: Arc<Metrics>,
    routes: Vec<Arc<RouteStats>>,
    pools: Vec<Arc<PoolStats>>,
    endpoints: Vec<Arc<EndpointStats>>,
}

fn world(limit: usize) -> World {
    let metrics = Metrics::with_endpoint_limit(2, limit);
    let mut world = World { metrics, routes: Vec::new(), pools: Vec::new(), endpoints: Vec::new() };
    for pool in 0..POOLS {
        let name = format!("namespace-{}/pool-{pool}", pool % 100);
        let labels = RouteLabels { pool: name.as_str().into(), route: "0".into() };
        world.routes.push(world.metrics.route(labels));
        world.pools.push(world.metrics.pool(&name));
        for endpoint in 0..ENDPOINTS {
            let ip = Ipv4Addr::from(0x0a00_0000 + pool * ENDPOINTS + endpoint);
            world.endpoints.push(world.metrics.endpoint(&name, SocketAddr::from((ip, 8080))));
        }
    }
    world
}

impl World {
    fn count_everywhere(&self) {
        for (route, pool) in self.routes.iter().zip(&self.pools) {
            count(route, pool);
        }
        for endpoint in &self.endpoints {
            endpoint.connection_opened(0, Duration::from_millis(1));
            endpoint.answered(0, 200);
        }
    }

    fn measure(&self, name: &str) {
        let is_over = AtomicBool::new(false);
        let (mut times, mut length) = (Vec::new(), 0);
        let longest = std::thread::scope(|scope| {
            let worker = scope.spawn(|| self.work(&is_over));
            for _ in 0..SCRAPES {
                let started = Instant::now();
                length = self.metrics.encode().len();
                times.push(started.elapsed());
            }
            is_over.store(true, Ordering::Relaxed);
            worker.join().unwrap_or_default()
        });
        times.sort_unstable();
        let (median, slowest) = (times.get(SCRAPES / 2), times.last());
        let at = |time: Option<&Duration>| time.copied().unwrap_or_default();
        println!(
            "{name:<32} p50 {:>8.1?}  max {:>8.1?}  {:>6.1} MiB  worker held up {longest:.1?}",
            at(median),
            at(slowest),
            length as f64 / f64::from(1 << 20),
        );
    }

    /// Counts as a worker does; returns the longest time between two requests.
    fn work(&self, is_over: &AtomicBool) -> Duration {
        let mut longest = Duration::ZERO;
        while !is_over.load(Ordering::Relaxed) {
            for (route, pool) in self.routes.iter().zip(&self.pools).take(1) {
                let started = Instant::now();
                count(route, pool);
                longest = longest.max(started.elapsed());
            }
        }
        longest
    }
}

fn count(route: &RouteStats, pool: &PoolStats) {
    pool.request_begun(0);
    route.record(
        0,
        &RequestSample {
            method: MethodLabel::of("GET"),
            status: 200,
            duration: Duration::from_millis(3),
            received_bytes: 10,
            sent_bytes: 20,
        },
    );
    pool.request_ended(0);
}

fn main() {
    println!("{POOLS} pools, {} endpoints", POOLS * ENDPOINTS);
    for (limit, text) in
        [(DEFAULT_ENDPOINT_LIMIT, "the usual endpoint limit"), (usize::MAX, "no endpoint limit")]
    {
        let world = world(limit);
        world.measure(&format!("idle, {text}"));
        world.count_everywhere();
        world.measure(&format!("all, {text}"));
    }
}
