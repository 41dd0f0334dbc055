//! Watches of single Secrets.

use std::collections::{BTreeMap, BTreeSet};

use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::feed::{self, FeedId, Told};
use crate::api::{Change, Kind, ObjectKey};

/// Secrets watches those Secrets that are wanted, and no others.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    watches: BTreeMap<ObjectKey, AbortHandle>,
}

impl Secrets {
    /// Starts and ends watches; returns what is no longer known.
    pub(super) fn follow(
        &mut self,
        wanted: &BTreeSet<ObjectKey>,
        client: &Client,
        told: &mpsc::Sender<Told>,
    ) -> Vec<Change> {
        let gone: Vec<ObjectKey> =
            self.watches.keys().filter(|key| !wanted.contains(*key)).cloned().collect();
        for key in &gone {
            if let Some(watch) = self.watches.remove(key) {
                watch.abort();
            }
        }
        for key in wanted {
            if self.watches.contains_key(key) {
                continue;
            }
            let resource = ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&());
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), &key.namespace, &resource);
            let id = FeedId { kind: Kind::Secret, only: Some(key.clone()) };
            let watch = tokio::spawn(feed::run(id, api, told.clone()));
            self.watches.insert(key.clone(), watch.abort_handle());
        }
        gone.into_iter().map(|key| Change { kind: Kind::Secret, key, object: None }).collect()
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        for watch in self.watches.values() {
            watch.abort();
        }
    }
}
