//! The loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Gather, health};
use crate::api::{Change, Kind, ObjectKey, Objects, StatusUpdate};
use crate::metrics::{CertificateExpiry, Metrics, ReconcileResult};
use crate::model::{Changed, PoolName};
use crate::source::Batch;
use crate::table::TableHandle;
use crate::translate::{Options, Translator};
use crate::upstream::{Pools, clock};

/// How often the health of pools may change their status.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);

/// Reconciler turns changed objects into published tables.
#[derive(Debug)]
pub struct Reconciler {
    objects: Objects,
    translator: Translator,
    table: TableHandle,
    pools: Arc<Pools>,
    metrics: Arc<Metrics>,
    is_synced: bool,
    waiting: Vec<Change>,
    told: BTreeMap<ObjectKey, StatusUpdate>,
}

impl Reconciler {
    /// Makes a reconciler that has seen nothing and publishes to `table`.
    pub fn new(
        options: Options,
        table: TableHandle,
        pools: Arc<Pools>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            objects: Objects::default(),
            translator: Translator::new(options),
            table,
            pools,
            metrics,
            is_synced: false,
            waiting: Vec::new(),
            told: BTreeMap::new(),
        }
    }

    /// Returns whether a table was published.
    pub fn has_published(&self) -> bool {
        self.table.load().generation() > 0
    }

    /// Takes a batch in; returns whether something waits to be published.
    pub fn take(&mut self, batch: Batch) -> bool {
        for change in batch.changes {
            if self.objects.apply(change.clone()) {
                self.waiting.push(change);
            }
        }
        let is_first = batch.synced && !self.is_synced;
        self.is_synced |= batch.synced;
        self.metrics.control().set_pending_changes(self.waiting.len());
        self.is_synced && (is_first || !self.waiting.is_empty())
    }

    /// Translates what waits, publishes a table where it means something, and returns what the
    /// status of pools should newly say.
    pub fn publish(&mut self) -> Vec<StatusUpdate> {
        let started = Instant::now();
        let changes = std::mem::take(&mut self.waiting);
        let step = self.translator.apply(&self.objects, &changes);
        let is_first = !self.has_published();
        let result = if step.changed.is_empty() && !is_first {
            ReconcileResult::Unchanged
        } else {
            self.swap(&step.changed);
            ReconcileResult::Published
        };
        if is_first {
            self.pools.mark_synced();
        }
        self.pools.forget_unused();
        let control = self.metrics.control();
        control.reconciled(result, started.elapsed(), SystemTime::now());
        control.set_pending_changes(0);
        self.count_objects();
        // An object made anew has an empty status, whatever was told of the one before.
        let is_deletion = |change: &&Change| change.object.is_none();
        let pools = changes.iter().filter(|change| change.kind == Kind::BackendPool);
        let made_anew = pools.filter(is_deletion).map(|change| change.key.clone()).collect();
        self.updates(step.judged, &made_anew)
    }

    fn swap(&self, changed: &Changed) {
        let model = self.translator.model();
        let next = self.table.load().next(model, changed, &self.pools, &self.metrics, clock::now());
        let generation = next.generation();
        self.table.publish(next);
        let control = self.metrics.control();
        control.set_generation(generation);
        if !changed.certificates.is_empty() {
            let certificates = model.certificates.values().flat_map(|list| list.iter());
            let expiries = certificates.map(|certificate| CertificateExpiry {
                certificate: certificate.origin.to_string(),
                not_after: certificate.not_after,
            });
            control.set_certificates(expiries.collect());
        }
        tracing::debug!(
            generation,
            pools = changed.pools.len(),
            routes = changed.routes.len(),
            certificates = changed.certificates.len(),
            "published a table"
        );
    }

    fn count_objects(&self) {
        let control = self.metrics.control();
        let refused = |kind| self.objects.invalid.keys().filter(|(k, _)| *k == kind).count() as u64;
        for (kind, count) in [
            (Kind::BackendPool, self.objects.backend_pools.len()),
            (Kind::EndpointSlice, self.objects.endpoint_slices.len()),
            (Kind::Node, self.objects.nodes.len()),
            (Kind::ReferenceGrant, self.objects.reference_grants.len()),
            (Kind::Secret, self.objects.secrets.len()),
            (Kind::Service, self.objects.services.len()),
        ] {
            control.set_objects(kind.as_str(), count as u64, refused(kind));
        }
    }

    /// Returns the updates of these pools that say something new.
    fn updates(
        &mut self,
        judged: BTreeSet<ObjectKey>,
        made_anew: &BTreeSet<ObjectKey>,
    ) -> Vec<StatusUpdate> {
        let mut new = Vec::new();
        for key in judged {
            match self.update_of(&key) {
                None => {
                    if self.told.remove(&key).is_some() {
                        // Without conditions and endpoints: the pool is gone.
                        new.push(gone(key));
                    }
                }
                Some(update) => {
                    if made_anew.contains(&key) || self.told.get(&key) != Some(&update) {
                        self.told.insert(key, update.clone());
                        new.push(update);
                    }
                }
            }
        }
        new
    }

    /// Returns what the status of pools should newly say because of their endpoints' health.
    pub fn health_updates(&mut self) -> Vec<StatusUpdate> {
        let keys = self.told.keys().cloned().collect();
        self.updates(keys, &BTreeSet::new())
    }

    fn update_of(&self, key: &ObjectKey) -> Option<StatusUpdate> {
        let mut update = self.translator.update_of(&self.objects, key)?;
        let name = PoolName::new(&key.namespace, &key.name);
        if let Some(pool) = self.table.load().pool_named(&name) {
            let (endpoints, healthy) = health::judge(pool.selection().counts());
            update.endpoints = Some(endpoints);
            update.conditions.push(healthy);
        }
        Some(update)
    }
}

/// Reconciles until the source ends.
///
/// `updates` gets what the status of pools should say; `secrets` says which Secrets are needed.
pub async fn run(
    mut reconciler: Reconciler,
    mut batches: mpsc::Receiver<Batch>,
    updates: mpsc::Sender<StatusUpdate>,
    secrets: watch::Sender<BTreeSet<ObjectKey>>,
) {
    let mut gather = Gather::default();
    let mut health = tokio::time::interval(HEALTH_INTERVAL);
    health.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let due = gather.due();
        let new = tokio::select! {
            batch = batches.recv() => {
                let Some(batch) = batch else { return };
                if reconciler.take(batch) {
                    gather.note(Instant::now());
                }
                continue;
            }
            () = until(due), if due.is_some() => {
                gather.clear();
                let is_first = !reconciler.has_published();
                let new = reconciler.publish();
                let wanted = reconciler.translator.secrets();
                secrets.send_if_modified(|before| {
                    let is_new = is_first || *before != wanted;
                    *before = wanted;
                    is_new
                });
                new
            }
            _ = health.tick() => reconciler.health_updates(),
        };
        for update in new {
            if updates.send(update).await.is_err() {
                return;
            }
        }
    }
}

fn gone(pool: ObjectKey) -> StatusUpdate {
    StatusUpdate { pool, generation: None, conditions: Vec::new(), endpoints: None }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
