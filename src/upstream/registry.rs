//! Gives each version of a pool the state of the version before.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::balance::Selection;
use super::clock::Millis;
use super::events::{PoolEvent, Signals};
use super::padded::Padded;
use super::pool::{Cursor, Member, Surroundings};
use super::{EndpointState, Health, Pool, PoolState, Transport};
use crate::metrics::Metrics;
use crate::model::{self, LocalityPreference, PoolName, Readiness};

/// Options are what the process says to all pools.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where this process runs.
    pub surroundings: Surroundings,
    /// Key of session tokens; the same on every replica. Empty is allowed: tokens then only keep
    /// clients from guessing by accident.
    pub session_key: Vec<u8>,
}

/// Pools knows the state of every pool that a table still uses.
///
/// It belongs to the control side; the data path never asks it.
#[derive(Debug)]
pub struct Pools {
    session_key: Vec<u8>,
    surroundings: Arc<Surroundings>,
    signals: Arc<Signals>,
    metrics: Arc<Metrics>,
    is_synced: AtomicBool,
    entries: Mutex<HashMap<PoolName, Entry>>,
}

/// Readers are the ends where the data path tells the control side.
#[derive(Debug)]
pub struct Readers {
    /// What happened, for logs, Events and status.
    pub events: mpsc::Receiver<PoolEvent>,
    /// Pools that need a new selection, for `upkeep::run`.
    pub dirty: mpsc::UnboundedReceiver<PoolName>,
}

#[derive(Debug, Default)]
struct Entry {
    state: Weak<PoolState>,
    pool: Weak<Pool>,
    endpoints: HashMap<SocketAddr, Weak<EndpointState>>,
}

impl Pools {
    /// Makes an empty registry, and the ends to read.
    pub fn new(options: Options, metrics: Arc<Metrics>) -> (Arc<Self>, Readers) {
        let (signals, events, dirty) = Signals::new();
        let pools = Self {
            session_key: options.session_key,
            surroundings: Arc::new(options.surroundings),
            signals: Arc::new(signals),
            metrics,
            is_synced: AtomicBool::new(false),
            entries: Mutex::default(),
        };
        (Arc::new(pools), Readers { events, dirty })
    }

    /// Says that the first full picture is complete: endpoints that appear from now on are new,
    /// and warm up.
    pub fn mark_synced(&self) {
        self.is_synced.store(true, Ordering::Relaxed);
    }

    /// Makes the run-time version of a pool, with the state of the version before.
    pub fn bind(&self, model: &Arc<model::Pool>, now: Millis) -> Arc<Pool> {
        let mut entries = self.entries.lock();
        let entry = entries.entry(model.name.clone()).or_default();
        let previous = entry.pool.upgrade();
        let state = entry.state.upgrade().unwrap_or_else(|| {
            let stats = self.metrics.pool(model.name.as_str());
            let signals = Arc::clone(&self.signals);
            Arc::new(PoolState::new(model.name.clone(), stats, signals, &self.session_key))
        });
        entry.state = Arc::downgrade(&state);
        let endpoints = self.members(model, &state, entry, previous.as_deref(), now);
        let ready = endpoints.iter().filter(|member| member.readiness == Readiness::Ready).count();
        state.configure(model, ready);
        let backend =
            |backend: &model::Backend| self.metrics.backend(state.stats.pool(), &backend.origin);
        let pool = Arc::new(Pool {
            model: Arc::clone(model),
            endpoints,
            backend_stats: model.backends.iter().map(backend).collect(),
            state,
            transport: transport(model, previous.as_deref()),
            selection: ArcSwap::default(),
            cursors: cursors(model, previous.as_deref()),
            surroundings: Arc::clone(&self.surroundings),
        });
        let selection = Selection::derive(&pool, now);
        let counts = selection.counts();
        let had_panic = previous.as_ref().is_some_and(|pool| pool.selection().counts().panic);
        pool.tell_panic(had_panic, counts.panic);
        pool.show(&selection);
        pool.show_places();
        if let Some(previous) = &previous {
            retire(previous, &pool);
        }
        pool.selection.store(Arc::new(selection));
        entry.pool = Arc::downgrade(&pool);
        if counts.warming + counts.ejected > 0 {
            // Upkeep has to watch it.
            pool.state.mark_dirty();
        }
        pool
    }

    fn members(
        &self,
        model: &model::Pool,
        state: &Arc<PoolState>,
        entry: &mut Entry,
        previous: Option<&Pool>,
        now: Millis,
    ) -> Box<[Member]> {
        let was_ready: HashSet<SocketAddr> = previous
            .iter()
            .flat_map(|pool| pool.endpoints.iter())
            .filter(|member| member.readiness == Readiness::Ready)
            .map(|member| member.state.address())
            .collect();
        let is_synced = self.is_synced.load(Ordering::Relaxed);
        let mut members =
            Vec::with_capacity(model.backends.iter().map(|b| b.endpoints.len()).sum());
        for (index, backend) in model.backends.iter().enumerate() {
            for endpoint in &backend.endpoints {
                let known = entry.endpoints.get(&endpoint.address).and_then(Weak::upgrade);
                let known = known.unwrap_or_else(|| {
                    let stats = self.metrics.endpoint(model.name.as_str(), endpoint.address);
                    let made = EndpointState::new(endpoint.address, Arc::clone(state), stats);
                    let made = Arc::new(made);
                    entry.endpoints.insert(endpoint.address, Arc::downgrade(&made));
                    made
                });
                known.restore();
                if model.health_check.is_none() && known.health() != Health::Unknown {
                    known.set_health(Health::Unknown, now);
                }
                let is_ready = endpoint.readiness == Readiness::Ready;
                if is_synced && is_ready && !was_ready.contains(&endpoint.address) {
                    known.warm_up_from(now);
                }
                members.push(Member {
                    state: known,
                    backend: index,
                    readiness: endpoint.readiness,
                    zone: endpoint.zone.clone(),
                    region: endpoint.region.clone(),
                });
            }
        }
        if entry.endpoints.len() > 2 * members.len() + 16 {
            entry.endpoints.retain(|_, state| state.strong_count() > 0);
        }
        members.into()
    }

    /// Returns the newest version of a pool, while a table holds it.
    pub fn newest(&self, name: &PoolName) -> Option<Arc<Pool>> {
        self.entries.lock().get(name)?.pool.upgrade()
    }

    /// Returns how many events were dropped because nobody read them in time.
    pub fn dropped_events(&self) -> u64 {
        self.signals.dropped()
    }

    /// Forgets pools that no table holds.
    pub fn forget_unused(&self) {
        self.entries
            .lock()
            .retain(|_, entry| entry.state.strong_count() > 0 || entry.pool.strong_count() > 0);
    }
}

/// Says to endpoints that are declared no more that nothing more is meant for them. They live until
/// their last request ends.
fn retire(previous: &Pool, pool: &Pool) {
    let stay: HashSet<SocketAddr> =
        pool.endpoints.iter().map(|member| member.state.address()).collect();
    for member in &previous.endpoints {
        if !stay.contains(&member.state.address()) {
            member.state.retire();
        }
    }
}

/// Keeps the transport where nothing of it was changed, so that connections and TLS sessions stay.
fn transport(model: &model::Pool, previous: Option<&Pool>) -> Transport {
    let is_kept = |pool: &&Pool| {
        (&pool.model.backend_tls, pool.model.proxy_protocol)
            == (&model.backend_tls, model.proxy_protocol)
    };
    previous.filter(is_kept).map_or_else(|| Transport::new(model), |pool| pool.transport.clone())
}

/// Keeps the cursors, so that a new version goes on where the old one was.
fn cursors(model: &model::Pool, previous: Option<&Pool>) -> Arc<[Cursor]> {
    let wanted = match &model.locality {
        Some(LocalityPreference::ClientRegion { regions, .. }) => 1 + regions.len(),
        _ => 1,
    };
    match previous {
        Some(previous) if previous.cursors.len() == wanted => Arc::clone(&previous.cursors),
        // Of the lower half: it can be counted up for ever.
        _ => (0..wanted).map(|_| Padded(AtomicU64::new(fastrand::u64(..1 << 48)))).collect(),
    }
}
