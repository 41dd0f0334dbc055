//! Watches of single Secrets and ConfigMaps.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::feed::{self, FeedId, Told};
use crate::api::{Change, Kind, ObjectRef};

/// Singles watches those Secrets and ConfigMaps that are wanted, and no others.
#[derive(Debug, Default)]
pub(super) struct Singles {
    watches: BTreeMap<ObjectRef, AbortHandle>,
}

impl Singles {
    /// Starts and ends watches; returns what is no longer known.
    pub(super) fn follow(
        &mut self,
        wanted: &BTreeSet<ObjectRef>,
        client: &Client,
        told: &mpsc::Sender<Told>,
    ) -> Vec<Change> {
        let gone: Vec<ObjectRef> =
            self.watches.keys().filter(|object| !wanted.contains(*object)).cloned().collect();
        for object in &gone {
            if let Some(watch) = self.watches.remove(object) {
                watch.abort();
            }
        }
        for object in wanted {
            if self.watches.contains_key(object) {
                continue;
            }
            let resource = match object.kind {
                Kind::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
                _ => ApiResource::erase::<Secret>(&()),
            };
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), &object.key.namespace, &resource);
            let id = feed_of(object);
            let watch = tokio::spawn(feed::run(id, api, told.clone()));
            self.watches.insert(object.clone(), watch.abort_handle());
        }
        gone.into_iter().map(|ObjectRef { kind, key }| Change { kind, key, object: None }).collect()
    }
}

/// Returns the watch of one object.
pub(super) fn feed_of(object: &ObjectRef) -> FeedId {
    FeedId { kind: object.kind, only: Some(object.key.clone()) }
}

impl Drop for Singles {
    fn drop(&mut self) {
        for watch in self.watches.values() {
            watch.abort();
        }
    }
}
