//! All watches together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::absence::Absence;
use super::feed::{self, FeedId, Told};
use super::singles::{Singles, feed_of};
use crate::api::{BackendPool, Change, Kind, ObjectRef, ReferenceGrant};
use crate::metrics::Metrics;
use crate::source::{Batch, State};

/// Options say what is watched.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only this namespace; nothing is all.
    pub namespace: Option<String>,
}

/// Watches until nobody listens any more.
///
/// `wanted` says which Secrets and ConfigMaps are needed; the first value counts once it was sent.
pub async fn run(
    client: Client,
    options: Options,
    batches: mpsc::Sender<Batch>,
    mut wanted: watch::Receiver<BTreeSet<ObjectRef>>,
    state: watch::Sender<State>,
    metrics: Arc<Metrics>,
) {
    let (sender, mut told) = mpsc::channel(1024);
    let mut feeds = JoinSet::new();
    let mut progress = Progress::default();
    for (kind, resource, is_namespaced) in [
        (Kind::BackendPool, ApiResource::erase::<BackendPool>(&()), true),
        (Kind::EndpointSlice, ApiResource::erase::<EndpointSlice>(&()), true),
        (Kind::Ingress, ApiResource::erase::<Ingress>(&()), true),
        (Kind::IngressClass, ApiResource::erase::<IngressClass>(&()), false),
        (Kind::Node, ApiResource::erase::<Node>(&()), false),
        (Kind::ReferenceGrant, ApiResource::erase::<ReferenceGrant>(&()), true),
        (Kind::Service, ApiResource::erase::<Service>(&()), true),
    ] {
        let api: Api<DynamicObject> = match &options.namespace {
            Some(namespace) if is_namespaced => {
                Api::namespaced_with(client.clone(), namespace, &resource)
            }
            _ => Api::all_with(client.clone(), &resource),
        };
        let id = FeedId { kind, only: None };
        progress.missing.insert(id.clone());
        feeds.spawn(feed::run(id, api, sender.clone()));
    }
    let mut singles = Singles::default();
    loop {
        let changes = tokio::select! {
            first = told.recv() => {
                let Some(first) = first else { return };
                let mut changes = progress.follow(first, &metrics);
                while let Ok(more) = told.try_recv() {
                    changes.extend(progress.follow(more, &metrics));
                }
                changes
            }
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = wanted.borrow_and_update().clone();
                progress.want(&now);
                singles.follow(&now, &client, &sender)
            }
        };
        let is_listed = progress.is_listed();
        let is_news = is_listed && !std::mem::replace(&mut progress.was_listed, is_listed);
        if !changes.is_empty() || is_news {
            let batch = Batch { changes, synced: is_listed };
            if batches.send(batch).await.is_err() {
                return;
            }
        }
        progress.publish(&state, &metrics);
    }
}

/// Progress knows which watches have listed, and which are in trouble.
#[derive(Debug, Default)]
struct Progress {
    missing: BTreeSet<FeedId>,
    singles: BTreeSet<FeedId>,
    singles_listed: BTreeSet<FeedId>,
    are_singles_known: bool,
    was_listed: bool,
    was_synced: bool,
    troubles: BTreeMap<FeedId, String>,
    /// Kinds that the API server refuses and Weir does without.
    refused: BTreeSet<FeedId>,
}

impl Progress {
    fn follow(&mut self, told: Told, metrics: &Metrics) -> Vec<Change> {
        match told {
            Told::Changes(changes) => return changes,
            Told::Listed(id) => {
                metrics.control().source_relisted(id.kind.as_str());
                self.refused.remove(&id);
                self.missing.remove(&id);
                self.singles_listed.extend(id.only.is_some().then_some(id));
            }
            Told::Absent(id, absence) => {
                self.missing.remove(&id);
                self.troubles.remove(&id);
                if let Absence::Refused(loss) = absence
                    && self.refused.insert(id.clone())
                {
                    metrics.control().source_error(id.kind.as_str());
                    tracing::warn!("{loss}");
                }
            }
            Told::Well(id) => {
                if self.troubles.remove(&id).is_some() {
                    tracing::info!(kind = %id.kind, "watching again");
                }
            }
            Told::Trouble(id, message) => {
                metrics.control().source_error(id.kind.as_str());
                if self.troubles.insert(id, message.clone()).as_ref() != Some(&message) {
                    tracing::warn!("{message}; what is known stays in use");
                }
            }
        }
        Vec::new()
    }

    fn want(&mut self, objects: &BTreeSet<ObjectRef>) {
        self.are_singles_known = true;
        let singles: BTreeSet<FeedId> = objects.iter().map(feed_of).collect();
        self.singles_listed.retain(|id| singles.contains(id));
        self.troubles.retain(|id, _| id.only.is_none() || singles.contains(id));
        self.singles = singles;
    }

    fn is_listed(&self) -> bool {
        self.missing.is_empty()
    }

    /// Tells how the source is. It counts as synced when the Secrets and ConfigMaps of the first
    /// table are there too, and stays so.
    fn publish(&mut self, state: &watch::Sender<State>, metrics: &Metrics) {
        self.was_synced |= self.is_listed()
            && self.are_singles_known
            && self
                .singles
                .iter()
                .all(|id| self.singles_listed.contains(id) || self.troubles.contains_key(id));
        let trouble = (!self.troubles.is_empty()).then(|| {
            let messages: BTreeSet<&str> = self.troubles.values().map(String::as_str).collect();
            messages.into_iter().collect::<Vec<_>>().join("; ")
        });
        metrics.control().set_source_synced(self.was_synced);
        metrics.control().set_source_connected(trouble.is_none());
        let new = State { synced: self.was_synced, trouble, ..State::default() };
        state.send_if_modified(|old| {
            let is_new = *old != new;
            *old = new;
            is_new
        });
    }
}
