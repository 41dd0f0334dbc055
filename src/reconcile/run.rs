//! The loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::verdicts::Verdicts;
use super::{Gather, health, last_good};
use crate::api::{
    Change, EventNote, IngressUpdate, Kind, ObjectKey, ObjectRef, Objects, StatusUpdate,
};
use crate::metrics::{CertificateExpiry, Metrics, ReconcileResult};
use crate::model::{BackendTls, Changed, PoolName};
use crate::source::{Batch, Refused};
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
    notes: Vec<EventNote>,
    told: BTreeMap<ObjectKey, StatusUpdate>,
    told_ingresses: BTreeMap<ObjectKey, IngressUpdate>,
    verdicts: Verdicts,
    /// Whether the source tells itself what it refuses: a directory does.
    is_source_strict: bool,
    /// Certificates that pools show to their endpoints.
    shown: BTreeMap<PoolName, CertificateExpiry>,
}

/// News is what is newly to be said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// Of pools.
    pub pools: Vec<StatusUpdate>,
    /// Of Ingresses: those of ours, and those that were.
    pub ingresses: Vec<IngressUpdate>,
    /// What happened to Secrets.
    pub notes: Vec<EventNote>,
}

/// Outlets are where a running reconciler tells what it finds.
#[derive(Debug)]
pub struct Outlets {
    /// What the status of pools should say.
    pub pools: mpsc::Sender<StatusUpdate>,
    /// What is to be said of Ingresses.
    pub ingresses: mpsc::Sender<IngressUpdate>,
    /// What happened to Secrets. What nobody takes in time is dropped.
    pub notes: mpsc::Sender<EventNote>,
    /// Which Secrets and ConfigMaps are needed.
    pub singles: watch::Sender<BTreeSet<ObjectRef>>,
    /// Which names are to be resolved.
    pub names: watch::Sender<BTreeSet<ObjectKey>>,
    /// Of which pools and Ingresses some is refused that the source took.
    pub refused: watch::Sender<Refused>,
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
            is_source_strict: options.standalone,
            verdicts: Verdicts::default(),
            objects: Objects::default(),
            translator: Translator::new(options),
            table,
            pools,
            metrics,
            is_synced: false,
            waiting: Vec::new(),
            notes: Vec::new(),
            told: BTreeMap::new(),
            told_ingresses: BTreeMap::new(),
            shown: BTreeMap::new(),
        }
    }

    /// Returns whether a table was published.
    pub fn has_published(&self) -> bool {
        self.table.load().generation() > 0
    }

    /// Takes a batch in; returns whether something waits to be published.
    pub fn take(&mut self, batch: Batch) -> bool {
        for change in batch.changes {
            self.notes.extend(last_good::keep(&mut self.objects, &change));
            if self.objects.apply(change.clone()) {
                self.waiting.push(change);
            }
        }
        let is_first = batch.synced && !self.is_synced;
        self.is_synced |= batch.synced;
        self.metrics.control().set_pending_changes(self.waiting.len());
        self.is_synced && (is_first || !self.waiting.is_empty())
    }

    /// Translates what waits, publishes a table where it means something, and returns what is newly
    /// to be said.
    pub fn publish(&mut self) -> News {
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
        control.set_kept_certificates(self.objects.last_good_secrets.len());
        self.count_objects();
        // An object made anew has an empty status, whatever was told of the one before.
        let is_deletion = |change: &&Change| change.object.is_none();
        let deleted = |kind| {
            let those = changes.iter().filter(is_deletion).filter(move |c| c.kind == kind);
            those.map(|change| change.key.clone()).collect()
        };
        News {
            pools: self.updates(step.judged, &deleted(Kind::BackendPool)),
            ingresses: self.ingress_updates(step.judged_ingresses, &deleted(Kind::Ingress)),
            notes: std::mem::take(&mut self.notes),
        }
    }

    fn swap(&mut self, changed: &Changed) {
        let are_shown_changed = self.follow_shown(changed) || !changed.certificates.is_empty();
        let model = self.translator.model();
        let next = self.table.load().next(model, changed, &self.pools, &self.metrics, clock::now());
        let generation = next.generation();
        self.table.publish(next);
        let control = self.metrics.control();
        control.set_generation(generation);
        if are_shown_changed {
            let certificates = model.certificates.values().flat_map(|list| list.iter());
            let expiries = certificates.map(|certificate| CertificateExpiry {
                certificate: certificate.origin.to_string(),
                not_after: certificate.not_after,
            });
            control.set_certificates(expiries.chain(self.shown.values().cloned()).collect());
        }
        tracing::debug!(
            generation,
            pools = changed.pools.len(),
            routes = changed.routes.len(),
            certificates = changed.certificates.len(),
            "published a table"
        );
    }

    /// Follows which certificates are shown to endpoints; returns whether that is different.
    fn follow_shown(&mut self, changed: &Changed) -> bool {
        let mut is_other = false;
        for name in &changed.pools {
            let pool = self.translator.model().pools.get(name);
            let client = match pool.and_then(|pool| pool.backend_tls.as_ref()) {
                Some(BackendTls::Settings(settings)) => settings.client.as_ref(),
                _ => None,
            };
            let expiry = client.map(|client| CertificateExpiry {
                certificate: client.origin.to_string(),
                not_after: client.not_after,
            });
            is_other |= self.shown.get(name) != expiry.as_ref();
            match expiry {
                Some(expiry) => drop(self.shown.insert(name.clone(), expiry)),
                None => drop(self.shown.remove(name)),
            }
        }
        is_other
    }

    fn count_objects(&self) {
        let control = self.metrics.control();
        let refused = |kind| self.objects.invalid.keys().filter(|(k, _)| *k == kind).count() as u64;
        for (kind, count) in [
            (Kind::BackendPool, self.objects.backend_pools.len()),
            (Kind::ConfigMap, self.objects.config_maps.len()),
            (Kind::DnsRecord, self.objects.dns_records.len()),
            (Kind::EndpointSlice, self.objects.endpoint_slices.len()),
            (Kind::Ingress, self.objects.ingresses.len()),
            (Kind::IngressClass, self.objects.ingress_classes.len()),
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
                    self.verdicts.forget_pool(&key);
                    if self.told.remove(&key).is_some() {
                        // Without conditions and endpoints: the pool is gone.
                        new.push(gone(key));
                    }
                }
                Some(update) => {
                    if made_anew.contains(&key) || self.told.get(&key) != Some(&update) {
                        let is_unread =
                            self.objects.invalid.contains_key(&(Kind::BackendPool, key.clone()));
                        self.verdicts.note_pool(&update, is_unread && self.is_source_strict);
                        self.told.insert(key, update.clone());
                        new.push(update);
                    }
                }
            }
        }
        new
    }

    /// Returns the updates of these Ingresses that say something new. Of one that was never ours
    /// nothing is said.
    fn ingress_updates(
        &mut self,
        judged: BTreeSet<ObjectKey>,
        made_anew: &BTreeSet<ObjectKey>,
    ) -> Vec<IngressUpdate> {
        let mut new = Vec::new();
        let is_any = !judged.is_empty();
        for key in judged {
            let before = self.told_ingresses.remove(&key);
            let update = self.translator.ingress_update_of(&key);
            match &update {
                Some(update) => self.verdicts.note_ingress(update),
                None => self.verdicts.forget_ingress(&key),
            }
            match update {
                Some(update) if update.is_ours => {
                    if made_anew.contains(&key) || before.as_ref() != Some(&update) {
                        new.push(update.clone());
                    }
                    self.told_ingresses.insert(key, update);
                }
                Some(update) => new.extend(before.map(|_| update)),
                // Without problems, and not ours: there is nothing left to write to.
                None => new.extend(before.map(|_| IngressUpdate {
                    ingress: key,
                    is_ours: false,
                    problems: Vec::new(),
                })),
            }
        }
        if is_any {
            let problems = self.told_ingresses.values().flat_map(|update| &update.problems);
            let reasons = problems.map(|problem| problem.reason.as_str());
            self.metrics.control().set_ingress_problems(reasons);
        }
        new
    }

    /// Returns the Secrets and ConfigMaps that are needed.
    fn singles(&self) -> BTreeSet<ObjectRef> {
        let secrets = self.translator.secrets().into_iter();
        let secrets = secrets.map(|key| ObjectRef::new(Kind::Secret, key));
        let config_maps = self.translator.config_maps().into_iter();
        secrets.chain(config_maps.map(|key| ObjectRef::new(Kind::ConfigMap, key))).collect()
    }

    /// Returns what the status of pools should newly say because of their endpoints' health.
    pub fn health_updates(&mut self) -> Vec<StatusUpdate> {
        let keys = self.told.keys().cloned().collect();
        self.updates(keys, &BTreeSet::new())
    }

    fn update_of(&self, key: &ObjectKey) -> Option<StatusUpdate> {
        let mut update = self.translator.update_of(&self.objects, key)?;
        let table = self.table.load();
        let names = self.translator.pools_of(key);
        let pools = names.iter().filter_map(|name| table.pool_named(name));
        let counts = pools.map(|pool| pool.selection().counts()).reduce(health::sum);
        if let Some(counts) = counts {
            let (endpoints, healthy) = health::judge(counts);
            update.endpoints = Some(endpoints);
            update.conditions.push(healthy);
        }
        Some(update)
    }
}

/// Reconciles until the source ends.
pub async fn run(mut reconciler: Reconciler, mut batches: mpsc::Receiver<Batch>, outlets: Outlets) {
    let mut gather = Gather::default();
    let mut health = tokio::time::interval(HEALTH_INTERVAL);
    health.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let due = gather.due();
        let news = tokio::select! {
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
                let news = reconciler.publish();
                tell(&outlets.singles, reconciler.singles(), is_first);
                tell(&outlets.names, reconciler.translator.names(), false);
                news
            }
            _ = health.tick() => News { pools: reconciler.health_updates(), ..News::default() },
        };
        tell(&outlets.refused, reconciler.verdicts.summary(), false);
        if outlets.tell(news).await.is_none() {
            return;
        }
    }
}

impl Outlets {
    /// Tells news; returns nothing where nobody listens any more.
    async fn tell(&self, news: News) -> Option<()> {
        for update in news.pools {
            self.pools.send(update).await.ok()?;
        }
        for update in news.ingresses {
            self.ingresses.send(update).await.ok()?;
        }
        for note in news.notes {
            let _ = self.notes.try_send(note);
        }
        Some(())
    }
}

/// Says what is wanted where it is other than before, and the first time in any case.
fn tell<T: PartialEq>(outlet: &watch::Sender<T>, wanted: T, is_first: bool) {
    outlet.send_if_modified(|before| {
        let is_new = is_first || *before != wanted;
        *before = wanted;
        is_new
    });
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
