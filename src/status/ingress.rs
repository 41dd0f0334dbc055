//! Writes where Ingresses are served: the leader only, what differs only, at a bounded rate.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::networking::v1::{Ingress, IngressLoadBalancerIngress as Address};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::log::{Problems, log_note};
use super::publish::Addresses;
use crate::api::{EventNote, IngressUpdate, ObjectKey};
use crate::metrics::{Metrics, WriteResult};

/// Time between two writes: fifty a second.
const BETWEEN_WRITES: Duration = Duration::from_millis(20);
/// First wait after a failure; it doubles up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// Objects of one page when everything is read.
const PAGE: u32 = 500;

/// Inlets are what the writer follows.
#[derive(Debug)]
pub struct Inlets {
    /// What is to be said of Ingresses.
    pub updates: mpsc::Receiver<IngressUpdate>,
    /// Where they are served. While it is not known, no status is written.
    pub addresses: watch::Receiver<Addresses>,
    /// Whether this process writes.
    pub leads: watch::Receiver<bool>,
}

/// Writes the status of Ingresses until the updates end. `notes` gets what is wrong with them.
///
/// `namespace` is the one that is watched, where it is not all.
pub async fn run(
    client: Client,
    namespace: Option<String>,
    inlets: Inlets,
    notes: mpsc::Sender<EventNote>,
    metrics: Arc<Metrics>,
) {
    let Inlets { mut updates, mut addresses, mut leads } = inlets;
    let mut writer = Writer {
        client,
        namespace,
        notes,
        metrics,
        is_leading: false,
        addresses: None,
        ours: BTreeSet::new(),
        former: BTreeSet::new(),
        queue: BTreeSet::new(),
        problems: Problems::default(),
        not_before: Instant::now(),
        failures: 0,
    };
    let mut is_published = true;
    writer.move_to(addresses.borrow_and_update().clone());
    loop {
        tokio::select! {
            biased;
            changed = leads.changed() => {
                if changed.is_err() {
                    return;
                }
                let is_leading = *leads.borrow_and_update();
                writer.lead(is_leading).await;
            }
            changed = addresses.changed(), if is_published => {
                is_published = changed.is_ok();
                let now = addresses.borrow_and_update().clone();
                writer.move_to(now);
            }
            update = updates.recv() => match update {
                Some(update) => writer.take(update),
                None => return,
            },
            () = sleep_until(writer.not_before), if writer.has_work() => writer.write_next().await,
        }
    }
}

struct Writer {
    client: Client,
    namespace: Option<String>,
    notes: mpsc::Sender<EventNote>,
    metrics: Arc<Metrics>,
    is_leading: bool,
    addresses: Addresses,
    ours: BTreeSet<ObjectKey>,
    /// Ingresses that were ours and may still say that we serve them.
    former: BTreeSet<ObjectKey>,
    queue: BTreeSet<ObjectKey>,
    problems: Problems,
    not_before: Instant,
    failures: u32,
}

impl Writer {
    async fn lead(&mut self, is_leading: bool) {
        if self.is_leading == is_leading {
            return;
        }
        self.is_leading = is_leading;
        self.queue.clear();
        if !is_leading {
            return;
        }
        for note in self.problems.all() {
            self.note(note);
        }
        self.enqueue_all().await;
    }

    /// Queues whatever does not say what it should.
    async fn enqueue_all(&mut self) {
        self.queue = self.ours.union(&self.former).cloned().collect();
        if self.addresses.is_none() || self.queue.is_empty() {
            return;
        }
        if let Err(error) = self.leave_out_right().await {
            debug!("Ingresses could not be listed, each is read alone: {error}");
        }
    }

    async fn leave_out_right(&mut self) -> Result<(), kube::Error> {
        let api: Api<Ingress> = match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = api.list(&page).await?;
            for object in list.items {
                let key = ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any());
                let current = entries(&object);
                if self.desired(&key, &current).is_none_or(|desired| desired == current) {
                    self.queue.remove(&key);
                }
            }
            match list.metadata.continue_ {
                Some(token) if !token.is_empty() => page = page.continue_token(&token),
                _ => return Ok(()),
            }
        }
    }

    fn move_to(&mut self, addresses: Addresses) {
        self.addresses = addresses;
        if self.is_leading {
            self.queue.extend(self.ours.iter().cloned());
        }
    }

    fn take(&mut self, update: IngressUpdate) {
        for note in self.problems.news(&update) {
            self.note(note);
        }
        let key = update.ingress;
        if update.is_ours {
            self.former.remove(&key);
            self.ours.insert(key.clone());
        } else if self.ours.remove(&key) {
            self.former.insert(key.clone());
        } else {
            return;
        }
        if self.is_leading {
            self.queue.insert(key);
        }
    }

    /// Hands a note on to be written; it is logged in any case.
    fn note(&self, note: EventNote) {
        if !self.is_leading {
            log_note(&note);
        } else if self.notes.try_send(note).is_err() {
            self.metrics.control().event_dropped();
        }
    }

    fn has_work(&self) -> bool {
        self.is_leading && self.addresses.is_some() && !self.queue.is_empty()
    }

    /// Returns what the status of an Ingress should say; nothing where that is not ours to say.
    fn desired(&self, key: &ObjectKey, current: &[Address]) -> Option<Vec<Address>> {
        let addresses = self.addresses.as_ref()?;
        if self.ours.contains(key) {
            return Some(addresses.clone());
        }
        // What another controller has written meanwhile stays.
        let foreign = current.iter().filter(|entry| !addresses.contains(&without_ports(entry)));
        self.former.contains(key).then(|| foreign.cloned().collect())
    }

    async fn write_next(&mut self) {
        let Some(key) = self.queue.pop_first() else { return };
        let began = Instant::now();
        let outcome = self.write(&key).await;
        self.not_before = began + BETWEEN_WRITES;
        let code = match &outcome {
            Err(kube::Error::Api(status)) => status.code,
            _ => 0,
        };
        let result = match (&outcome, code) {
            (Ok(was_written), _) => {
                self.failures = 0;
                self.former.remove(&key);
                if !was_written {
                    return;
                }
                WriteResult::Success
            }
            (Err(_), 404) => {
                self.former.remove(&key);
                WriteResult::Gone
            }
            (Err(_), 409) => {
                self.queue.insert(key);
                WriteResult::Conflict
            }
            (Err(error), _) => {
                if self.failures == 0 {
                    warn!("{}", explain(error));
                }
                let wait = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(8));
                self.not_before = Instant::now() + wait.min(LONGEST_BACKOFF);
                self.failures = self.failures.saturating_add(1);
                self.queue.insert(key);
                WriteResult::Failure
            }
        };
        self.metrics.control().status_written(result);
    }

    /// Writes the status of one Ingress; returns whether that was needed.
    async fn write(&self, key: &ObjectKey) -> Result<bool, kube::Error> {
        let api: Api<Ingress> = Api::namespaced(self.client.clone(), &key.namespace);
        let object = api.get(&key.name).await?;
        let current = entries(&object);
        let Some(desired) = self.desired(key, &current).filter(|desired| *desired != current)
        else {
            return Ok(false);
        };
        let desired = if desired.is_empty() { Value::Null } else { json!(desired) };
        // The list is replaced as a whole: the version makes this fail instead of undoing what
        // another controller wrote since the read.
        let patch = json!({
            "metadata": { "resourceVersion": object.resource_version() },
            "status": { "loadBalancer": { "ingress": desired } },
        });
        api.patch_status(&key.name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
        Ok(true)
    }
}

fn entries(object: &Ingress) -> Vec<Address> {
    let balancer = object.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    balancer.and_then(|balancer| balancer.ingress.clone()).unwrap_or_default()
}

fn without_ports(address: &Address) -> Address {
    Address { ports: None, ..address.clone() }
}

/// Says what went wrong and what would be right.
fn explain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => format!(
            "no leave to write the status of Ingresses: the service account needs get on ingresses \
             and patch on ingresses/status in the API group networking.k8s.io ({})",
            status.message
        ),
        error => {
            format!("the status of Ingresses cannot be written now, and is tried again: {error}")
        }
    }
}
