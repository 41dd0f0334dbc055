//! Writes the status of pools: the leader only, what differs only, at a bounded rate.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::merge::{Desired, Difference, merge};
use crate::api::backend_pool::BackendPoolStatus;
use crate::api::{BackendPool, ObjectKey, StatusUpdate};
use crate::metrics::{Metrics, WriteResult};

/// Time between two writes: ten a second.
const BETWEEN_WRITES: Duration = Duration::from_millis(100);
/// Numbers alone are written this often for a pool, at most.
const BETWEEN_COUNTS: Duration = Duration::from_secs(5);
/// First wait after a failure; it doubles up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// Objects of one page when everything is read.
const PAGE: u32 = 500;

/// Writes what `updates` say while `leads` says that this process may, until `updates` ends.
///
/// An update without conditions and endpoints says that the pool is gone.
pub async fn run(
    client: Client,
    mut updates: mpsc::Receiver<StatusUpdate>,
    mut leads: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
) {
    let mut writer = Writer::new(client, metrics);
    loop {
        let leading = *leads.borrow_and_update();
        if leading != writer.leading {
            writer.lead(leading).await;
        }
        tokio::select! {
            biased;
            changed = leads.changed() => if changed.is_err() { return },
            update = updates.recv() => match update {
                Some(update) => writer.take(update),
                None => return,
            },
            () = sleep_until(writer.wakes_at()), if writer.has_work() => writer.write_next().await,
        }
    }
}

struct Writer {
    client: Client,
    metrics: Arc<Metrics>,
    leading: bool,
    pools: HashMap<ObjectKey, Pool>,
    queue: BTreeSet<(Instant, ObjectKey)>,
    /// Nothing is written before: the rate, and the wait after a failure of the server.
    not_before: Instant,
    failures: u32,
}

#[derive(Default)]
struct Pool {
    desired: Desired,
    /// What the object is known to have.
    current: Option<BackendPoolStatus>,
    queued_at: Option<Instant>,
    written_at: Option<Instant>,
    failures: u32,
}

impl Writer {
    fn new(client: Client, metrics: Arc<Metrics>) -> Self {
        Self {
            client,
            metrics,
            leading: false,
            pools: HashMap::new(),
            queue: BTreeSet::new(),
            not_before: Instant::now(),
            failures: 0,
        }
    }

    /// Begins or ends to write. At the beginning everything known is compared with what is there.
    async fn lead(&mut self, leading: bool) {
        self.leading = leading;
        self.metrics.control().set_leader(leading);
        self.queue.clear();
        for pool in self.pools.values_mut() {
            pool.queued_at = None;
            pool.current = None;
        }
        if !leading {
            return;
        }
        // What failed before failed in another time.
        self.failures = 0;
        self.not_before = Instant::now();
        if let Err(error) = self.read_all().await {
            debug!("statuses could not be listed, each is read alone: {error}");
        }
        let keys: Vec<ObjectKey> = self.pools.keys().cloned().collect();
        let now = Instant::now();
        for key in keys {
            self.enqueue(key, now);
        }
    }

    async fn read_all(&mut self) -> Result<(), kube::Error> {
        let api: Api<BackendPool> = Api::all(self.client.clone());
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = api.list(&page).await?;
            for object in list.items {
                let key = ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any());
                if let Some(pool) = self.pools.get_mut(&key) {
                    pool.current = Some(object.status.unwrap_or_default());
                }
            }
            match list.metadata.continue_ {
                Some(token) if !token.is_empty() => page = page.continue_token(&token),
                _ => return Ok(()),
            }
        }
    }

    fn take(&mut self, update: StatusUpdate) {
        if update.conditions.is_empty() && update.endpoints.is_none() {
            self.forget(&update.pool);
            return;
        }
        let now = Instant::now();
        let key = update.pool.clone();
        let pool = self.pools.entry(key.clone()).or_default();
        let at = match pool.desired.apply(update) {
            Difference::Nothing => return,
            Difference::Conditions => now,
            Difference::Counts => pool.written_at.map_or(now, |at| (at + BETWEEN_COUNTS).max(now)),
        };
        if self.leading {
            self.enqueue(key, at);
        }
    }

    fn forget(&mut self, key: &ObjectKey) {
        if let Some(Pool { queued_at: Some(at), .. }) = self.pools.remove(key) {
            self.queue.remove(&(at, key.clone()));
        }
    }

    /// Queues a pool; one that waits already keeps the earlier time.
    fn enqueue(&mut self, key: ObjectKey, at: Instant) {
        let Some(pool) = self.pools.get_mut(&key) else { return };
        if let Some(queued) = pool.queued_at {
            if queued <= at {
                return;
            }
            self.queue.remove(&(queued, key.clone()));
        }
        pool.queued_at = Some(at);
        self.queue.insert((at, key));
    }

    fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    fn wakes_at(&self) -> Instant {
        self.queue.first().map_or(self.not_before, |(at, _)| (*at).max(self.not_before))
    }

    async fn write_next(&mut self) {
        let Some((_, key)) = self.queue.pop_first() else { return };
        let Entry::Occupied(mut entry) = self.pools.entry(key.clone()) else { return };
        let pool = entry.get_mut();
        pool.queued_at = None;
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        if pool
            .current
            .as_ref()
            .is_some_and(|current| merge(current, &pool.desired, &now) == *current)
        {
            return;
        }
        let began = Instant::now();
        let outcome = write(&self.client, &key, &pool.desired, &now).await;
        self.not_before = began + BETWEEN_WRITES;
        match outcome {
            Ok((current, was_written)) => {
                pool.current = Some(current);
                pool.written_at = Some(began);
                pool.failures = 0;
                self.failures = 0;
                if was_written {
                    self.metrics.control().status_written(WriteResult::Success);
                }
            }
            Err(error) => self.failed(&key, error),
        }
    }

    fn failed(&mut self, key: &ObjectKey, error: kube::Error) {
        let now = Instant::now();
        let code = if let kube::Error::Api(status) = &error { status.code } else { 0 };
        let result = match code {
            404 => WriteResult::Gone,
            409 => WriteResult::Conflict,
            _ => WriteResult::Failure,
        };
        self.metrics.control().status_written(result);
        match code {
            404 => self.forget(key),
            // Somebody else wrote in between: what it has now is read again.
            409 | 400 | 422 => {
                let Some(pool) = self.pools.get_mut(key) else { return };
                pool.current = None;
                let wait = backoff(pool.failures);
                pool.failures += 1;
                if code != 409 {
                    warn!(pool = %key, "the API server refused the status: {error}");
                }
                self.enqueue(key.clone(), now + wait);
            }
            _ => {
                if self.failures == 0 {
                    warn!("{}", explain(&error));
                }
                self.not_before = now + backoff(self.failures);
                self.failures = self.failures.saturating_add(1);
                self.enqueue(key.clone(), now);
            }
        }
    }
}

fn backoff(failures: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << failures.min(8)).min(LONGEST_BACKOFF)
}

/// Says what went wrong and what would be right.
fn explain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => format!(
            "no leave to write the status of BackendPools: the service account needs patch on \
             backendpools/status in the API group weir.dev ({})",
            status.message
        ),
        error => {
            format!("the status of BackendPools cannot be written now, and is tried again: {error}")
        }
    }
}

/// Reads a pool and writes its status if that differs; returns what it has then.
async fn write(
    client: &Client,
    key: &ObjectKey,
    desired: &Desired,
    now: &str,
) -> Result<(BackendPoolStatus, bool), kube::Error> {
    let api: Api<BackendPool> = Api::namespaced(client.clone(), &key.namespace);
    let object = api.get(&key.name).await?;
    let version = object.resource_version();
    let current = object.status.unwrap_or_default();
    let next = merge(&current, desired, now);
    if next == current {
        return Ok((current, false));
    }
    // The list of conditions is replaced as a whole, and others write into it too: the version
    // makes this fail instead of undoing what they wrote since the read.
    let patch = json!({
        "apiVersion": "weir.dev/v1alpha1",
        "kind": "BackendPool",
        "metadata": { "resourceVersion": version },
        "status": next,
    });
    api.patch_status(&key.name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok((next, true))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
