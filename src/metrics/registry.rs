//! The one place that knows everything that is counted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use prometheus::{Registry, TextEncoder};

use super::backend::BackendStats;
use super::collect::Scrape;
use super::control::Control;
use super::endpoint::{EndpointSeries, EndpointStats};
use super::listener::ListenerStats;
use super::pool::PoolStats;
use super::route::{RouteLabels, RouteStats};
use super::shard::Counter;

/// Endpoints that have series of their own, where nobody says otherwise.
pub const DEFAULT_ENDPOINT_LIMIT: usize = 2_000;

/// Metrics hands out what is counted into, and writes it all down.
///
/// It holds routes, pools and endpoints weakly: what nobody counts into any more disappears.
#[derive(Debug)]
pub struct Metrics {
    workers: usize,
    endpoint_limit: usize,
    own_endpoints: Arc<AtomicUsize>,
    routes: Mutex<Living<RouteLabels, RouteStats>>,
    pools: Mutex<Living<Arc<str>, PoolStats>>,
    backends: Mutex<Living<PoolAndBackend, BackendStats>>,
    endpoints: Mutex<Endpoints>,
    listeners: Mutex<BTreeMap<&'static str, Arc<ListenerStats>>>,
    control: Control,
    folded: Counter,
    registry: Registry,
}

type PoolAndBackend = (Arc<str>, Arc<str>);

#[derive(Debug, Default)]
struct Endpoints {
    stats: Living<(Arc<str>, SocketAddr), EndpointStats>,
    others: Living<Arc<str>, EndpointSeries>,
}

impl Metrics {
    /// Makes metrics for a number of workers.
    pub fn new(workers: usize) -> Arc<Self> {
        Self::with_endpoint_limit(workers, DEFAULT_ENDPOINT_LIMIT)
    }

    /// Counts every panic of this process from now on, wherever it is caught. Call it once.
    pub fn count_panics(self: &Arc<Self>) {
        let counted = Arc::clone(self);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            counted.control.panicked();
            before(panic);
        }));
    }

    /// Makes metrics in which at most `limit` endpoints have series of their own.
    pub fn with_endpoint_limit(workers: usize, limit: usize) -> Arc<Self> {
        Arc::new_cyclic(|metrics| Self {
            workers,
            endpoint_limit: limit,
            own_endpoints: Arc::default(),
            routes: Mutex::default(),
            pools: Mutex::default(),
            backends: Mutex::default(),
            endpoints: Mutex::default(),
            listeners: Mutex::default(),
            control: Control::default(),
            folded: Counter::default(),
            registry: registry_of(metrics),
        })
    }

    /// Returns the counters of a route, the same for the same labels.
    pub fn route(&self, labels: RouteLabels) -> Arc<RouteStats> {
        let make = |labels: &RouteLabels| RouteStats::new(labels.clone(), self.workers);
        self.routes.lock().find_or_insert(labels, make)
    }

    /// Returns the counters of a route that somebody counts into already.
    pub fn known_route(&self, labels: &RouteLabels) -> Option<Arc<RouteStats>> {
        self.routes.lock().entries.get(labels).and_then(Weak::upgrade)
    }

    /// Returns the counters of a pool (`namespace/name`), the same for the same name.
    pub fn pool(&self, pool: &str) -> Arc<PoolStats> {
        let make = |pool: &Arc<str>| PoolStats::new(Arc::clone(pool), self.workers);
        self.pools.lock().find_or_insert(pool.into(), make)
    }

    /// Returns the counters of a backend of a pool, the same for the same two.
    pub fn backend(&self, pool: &Arc<str>, backend: &Arc<str>) -> Arc<BackendStats> {
        let key = (Arc::clone(pool), Arc::clone(backend));
        self.backends.lock().find_or_insert(key, |(pool, backend)| {
            BackendStats::new(Arc::clone(pool), Arc::clone(backend), self.workers)
        })
    }

    /// Returns the counters of an endpoint of a pool, the same for the same two.
    pub fn endpoint(&self, pool: &str, address: SocketAddr) -> Arc<EndpointStats> {
        let mut endpoints = self.endpoints.lock();
        let Endpoints { stats, others } = &mut *endpoints;
        stats.find_or_insert((pool.into(), address), |(pool, address)| {
            let of = Arc::clone(pool);
            if self.own_endpoints.load(Relaxed) < self.endpoint_limit {
                let own = Arc::clone(&self.own_endpoints);
                let series = EndpointSeries::own(of, *address, self.workers);
                return EndpointStats::own(*address, series, own);
            }
            self.folded.add(1);
            let shared = others.find_or_insert(of, |pool| {
                EndpointSeries::shared(Arc::clone(pool), "other".into(), self.workers)
            });
            EndpointStats::folded(*address, shared)
        })
    }

    /// Returns the counters of a listener, which last as long as the process.
    pub fn listener(&self, name: &'static str) -> Arc<ListenerStats> {
        let mut listeners = self.listeners.lock();
        let make = || Arc::new(ListenerStats::new(name, self.workers));
        Arc::clone(listeners.entry(name).or_insert_with(make))
    }

    /// Returns the counters of the control side.
    pub const fn control(&self) -> &Control {
        &self.control
    }

    /// Returns the number of workers.
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// Returns all metrics in the text format of Prometheus.
    pub fn encode(&self) -> String {
        let encoded = TextEncoder::new().encode_to_string(&self.registry.gather());
        encoded.unwrap_or_else(|error| {
            tracing::error!(%error, "the metrics cannot be written");
            String::new()
        })
    }

    pub(super) fn living_routes(&self) -> Vec<Arc<RouteStats>> {
        self.routes.lock().all()
    }

    pub(super) fn living_pools(&self) -> Vec<Arc<PoolStats>> {
        self.pools.lock().all()
    }

    pub(super) fn living_backends(&self) -> Vec<Arc<BackendStats>> {
        self.backends.lock().all()
    }

    /// Returns each set of endpoint series once, folded ones after the others.
    pub(super) fn living_endpoints(&self) -> Vec<Arc<EndpointSeries>> {
        let mut endpoints = self.endpoints.lock();
        let own = endpoints.stats.all();
        let mut series: Vec<_> = own
            .iter()
            .filter(|stats| !stats.is_folded())
            .map(|stats| Arc::clone(stats.series()))
            .collect();
        series.extend(endpoints.others.all());
        series
    }

    pub(super) fn all_listeners(&self) -> Vec<Arc<ListenerStats>> {
        self.listeners.lock().values().cloned().collect()
    }

    pub(super) fn folded(&self) -> u64 {
        self.folded.value()
    }
}

fn registry_of(metrics: &Weak<Metrics>) -> Registry {
    let registry = Registry::new();
    let scrape = Scrape::new(Weak::clone(metrics));
    if let Err(error) = scrape.and_then(|scrape| registry.register(Box::new(scrape))) {
        tracing::error!(%error, "the metrics cannot be registered");
    }
    registry
}

/// Living finds values by key for as long as somebody else holds them.
#[derive(Debug)]
struct Living<K, V> {
    entries: BTreeMap<K, Weak<V>>,
    prune_at: usize,
}

impl<K, V> Default for Living<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), prune_at: 64 }
    }
}

impl<K: Ord, V> Living<K, V> {
    fn find_or_insert(&mut self, key: K, make: impl FnOnce(&K) -> V) -> Arc<V> {
        if let Some(found) = self.entries.get(&key).and_then(Weak::upgrade) {
            return found;
        }
        if self.entries.len() >= self.prune_at {
            self.prune();
        }
        let value = Arc::new(make(&key));
        self.entries.insert(key, Arc::downgrade(&value));
        value
    }

    fn prune(&mut self) {
        self.entries.retain(|_, value| value.strong_count() > 0);
        self.prune_at = 64 + 2 * self.entries.len();
    }

    fn all(&mut self) -> Vec<Arc<V>> {
        self.prune();
        self.entries.values().filter_map(Weak::upgrade).collect()
    }
}
