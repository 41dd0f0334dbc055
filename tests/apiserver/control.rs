//! The control side of Weir in this process: source, reconcile and table, with what they tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use kube::Client;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use weir::api::{IngressUpdate, Kind, Object, ObjectKey, StatusUpdate, UpdatedCondition};
use weir::metrics::Metrics;
use weir::model::PoolName;
use weir::reconcile::{self, Outlets, Reconciler};
use weir::source::{Batch, State, kubernetes};
use weir::table::{RequestHead, TableHandle};
use weir::translate;
use weir::upstream::{self, Pools};

use crate::rig::within;

/// How often a condition is looked at that nothing announces.
const LOOK: Duration = Duration::from_millis(5);

/// Control is a running control side. It ends when this is dropped.
pub struct Control {
    table: TableHandle,
    state: watch::Receiver<State>,
    told: Arc<Mutex<Told>>,
    tasks: Vec<JoinHandle<()>>,
    metrics: Arc<Metrics>,
    _readers: upstream::Readers,
}

#[derive(Default)]
struct Told {
    objects: BTreeMap<(Kind, ObjectKey), Object>,
    conditions: BTreeMap<ObjectKey, Vec<UpdatedCondition>>,
    ingresses: BTreeMap<ObjectKey, IngressUpdate>,
}

impl Drop for Control {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Control {
    /// Starts to watch with the rights of a client.
    pub fn start(client: Client, options: kubernetes::Options) -> Self {
        let metrics = Metrics::new(1);
        let (pools, readers) = Pools::new(upstream::Options::default(), Arc::clone(&metrics));
        let table = TableHandle::default();
        let told = Arc::new(Mutex::new(Told::default()));
        let (from_source, tapped) = mpsc::channel(16);
        let (to_reconcile, batches) = mpsc::channel(16);
        let (updates, updated) = mpsc::channel(16);
        let (ingresses, ingresses_updated) = mpsc::channel(16);
        let (notes, _) = mpsc::channel(1);
        let (singles, wanted) = watch::channel(BTreeSet::new());
        let (names, _) = watch::channel(BTreeSet::new());
        let (refused, _) = watch::channel(weir::source::Refused::default());
        let (state, state_seen) = watch::channel(State::default());
        let reconciler = Reconciler::new(
            translate::Options::default(),
            table.clone(),
            pools,
            Arc::clone(&metrics),
        );
        let outlets = Outlets { pools: updates, ingresses, notes, singles, names, refused };
        let tasks = vec![
            tokio::spawn(kubernetes::run(
                client,
                options,
                from_source,
                wanted,
                state,
                Arc::clone(&metrics),
            )),
            tokio::spawn(tap(tapped, to_reconcile, Arc::clone(&told))),
            tokio::spawn(reconcile::run(reconciler, batches, outlets)),
            tokio::spawn(note(updated, Arc::clone(&told))),
            tokio::spawn(note_ingresses(ingresses_updated, Arc::clone(&told))),
        ];
        Self { table, state: state_seen, told, tasks, metrics, _readers: readers }
    }

    /// Returns the number of the table that serves.
    pub fn generation(&self) -> u64 {
        self.table.load().generation()
    }

    /// Returns how often the watch of a kind failed.
    pub fn failures(&self, kind: Kind) -> u64 {
        let series = format!("weir_source_errors_total{{kind=\"{kind}\"}} ");
        let text = self.metrics.encode();
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Returns the addresses of a pool in the table.
    pub fn endpoints(&self, namespace: &str, name: &str) -> Option<BTreeSet<String>> {
        let table = self.table.load();
        let pool = table.pool_named(&PoolName::new(namespace, name))?;
        Some(pool.endpoints.iter().map(|member| member.state.address().to_string()).collect())
    }

    /// Returns the pool that a GET leads to.
    pub fn find(&self, host: &str, path: &str) -> Option<String> {
        let headers = HeaderMap::new();
        let head = RequestHead {
            host: Some(host),
            path,
            query: None,
            method: &Method::GET,
            headers: &headers,
        };
        let table = self.table.load();
        let route = table.find(&head, None).ok()?;
        table.pool(route).map(|pool| pool.model.name.to_string())
    }

    /// Returns the Secrets whose certificates the table has.
    pub fn certificates(&self) -> BTreeSet<String> {
        self.table.load().certificates().iter().map(|c| c.origin.to_string()).collect()
    }

    /// Returns the objects of a kind in a namespace that the source has told and not taken back.
    pub fn told(&self, kind: Kind, namespace: &str) -> BTreeSet<String> {
        let told = self.told.lock();
        let keys = told.objects.keys().filter(|(k, key)| *k == kind && key.namespace == namespace);
        keys.map(|(_, key)| key.name.clone()).collect()
    }

    /// Returns whether the source has told an object as one that cannot be read.
    pub fn is_invalid(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        let key = (kind, ObjectKey::new(namespace, name));
        matches!(self.told.lock().objects.get(&key), Some(Object::Invalid(_)))
    }

    /// Returns what the status of a pool should say.
    pub fn conditions(&self, namespace: &str, name: &str) -> Vec<UpdatedCondition> {
        let key = ObjectKey::new(namespace, name);
        self.told.lock().conditions.get(&key).cloned().unwrap_or_default()
    }

    /// Returns what is said of an Ingress.
    pub fn ingress(&self, namespace: &str, name: &str) -> Option<IngressUpdate> {
        self.told.lock().ingresses.get(&ObjectKey::new(namespace, name)).cloned()
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let look = async {
            let mut ticks = tokio::time::interval(LOOK);
            while !holds(self) {
                ticks.tick().await;
            }
        };
        within(what, look).await;
    }

    /// Waits until the source says something of itself.
    pub async fn until_state(&self, what: &str, holds: impl FnMut(&State) -> bool) -> State {
        let mut state = self.state.clone();
        within(what, state.wait_for(holds)).await.expect("the source runs").clone()
    }

    /// Watches that a pool is in every table from now on.
    pub fn guard(&self, namespace: &str, name: &str) -> Guard {
        let (table, name) = (self.table.clone(), PoolName::new(namespace, name));
        let (end, mut ended) = watch::channel(());
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(1));
            loop {
                let table = table.load_full();
                if table.pool_named(&name).is_none_or(|pool| pool.endpoints.is_empty()) {
                    return Err(table.generation());
                }
                tokio::select! {
                    _ = ticks.tick() => {}
                    _ = ended.changed() => return Ok(()),
                }
            }
        });
        Guard { end, task }
    }
}

/// Guard watches that a pool is never missing or empty.
pub struct Guard {
    end: watch::Sender<()>,
    task: JoinHandle<Result<(), u64>>,
}

impl Guard {
    /// Ends the watch.
    pub async fn was_always_there(self) {
        let _ = self.end.send(());
        let seen = self.task.await.expect("the guard runs");
        seen.unwrap_or_else(|generation| panic!("table {generation} lost the pool"));
    }
}

async fn tap(mut from: mpsc::Receiver<Batch>, to: mpsc::Sender<Batch>, told: Arc<Mutex<Told>>) {
    while let Some(batch) = from.recv().await {
        for change in &batch.changes {
            let key = (change.kind, change.key.clone());
            let mut told = told.lock();
            match &change.object {
                Some(object) => told.objects.insert(key, object.clone()),
                None => told.objects.remove(&key),
            };
        }
        if to.send(batch).await.is_err() {
            return;
        }
    }
}

async fn note(mut from: mpsc::Receiver<StatusUpdate>, told: Arc<Mutex<Told>>) {
    while let Some(update) = from.recv().await {
        told.lock().conditions.insert(update.pool, update.conditions);
    }
}

async fn note_ingresses(mut from: mpsc::Receiver<IngressUpdate>, told: Arc<Mutex<Told>>) {
    while let Some(update) = from.recv().await {
        told.lock().ingresses.insert(update.ingress.clone(), update);
    }
}
