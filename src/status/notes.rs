//! Tells what happened to objects as Events, at a bounded rate.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference, Secret, Service};
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Client;
use kube::api::{
    Api, ApiResource, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams,
};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::log::log_note;
use crate::api::{BackendPool, EventKind, EventNote, Kind, ObjectRef};
use crate::metrics::{Metrics, WriteResult};

/// Time between two Events.
const BETWEEN: Duration = Duration::from_secs(1);
/// Notes that wait; the same note waits once. Those above are dropped and counted.
const WAITING: usize = 256;
/// How long a repeated note counts into its first Event.
const SERIES: Duration = Duration::from_secs(600);
/// First Events remembered for repeats.
const REMEMBERED: usize = 1024;
/// Longest note that the API takes, in bytes.
const NOTE_BYTES: usize = 1024;

type Key = (ObjectRef, EventKind, String);

/// Logs every note, and writes it as an Event while `leads`, until `notes` ends. `instance` names
/// this process in the Events.
///
/// `kube`'s recorder is not used: in a series it keeps the first note, and so would lose which
/// endpoint the second one is about.
pub async fn run(
    client: Client,
    instance: String,
    mut notes: mpsc::Receiver<EventNote>,
    leads: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
) {
    let mut writer = Notes { client, instance, waiting: VecDeque::new(), written: BTreeMap::new() };
    let mut not_before = Instant::now();
    loop {
        tokio::select! {
            note = notes.recv() => {
                let Some(note) = note else { return };
                log_note(&note);
                if *leads.borrow() && !writer.take(note) {
                    metrics.control().event_dropped();
                }
            }
            () = sleep_until(not_before), if !writer.waiting.is_empty() => {
                not_before = Instant::now() + BETWEEN;
                let Some((key, count)) = writer.waiting.pop_front() else { continue };
                let result = writer.write(key, count).await;
                if let Err(error) = &result {
                    debug!("an Event could not be written: {error}");
                }
                let result = if result.is_ok() { WriteResult::Success } else { WriteResult::Failure };
                metrics.control().status_written(result);
            }
        }
    }
}

struct Notes {
    client: Client,
    instance: String,
    waiting: VecDeque<(Key, i32)>,
    written: BTreeMap<Key, Written>,
}

struct Written {
    name: String,
    count: i32,
    at: Instant,
}

impl Notes {
    /// Queues a note; returns whether there was room.
    fn take(&mut self, note: EventNote) -> bool {
        let key = (note.object, note.kind, note.message);
        if let Some((_, count)) = self.waiting.iter_mut().find(|(waiting, _)| *waiting == key) {
            *count = count.saturating_add(1);
            return true;
        }
        let has_room = self.waiting.len() < WAITING;
        if has_room {
            self.waiting.push_back((key, 1));
        }
        has_room
    }

    async fn write(&mut self, key: Key, count: i32) -> Result<(), kube::Error> {
        let now = Instant::now();
        self.written.retain(|_, written| now.duration_since(written.at) < SERIES);
        let api: Api<Event> = Api::namespaced(self.client.clone(), &key.0.key.namespace);
        if let Some(written) = self.written.get_mut(&key) {
            let count = written.count.saturating_add(count);
            let last_observed_time = MicroTime(Timestamp::now());
            let series = json!({ "series": EventSeries { count, last_observed_time } });
            match api.patch(&written.name, &PatchParams::default(), &Patch::Merge(&series)).await {
                Ok(_) => {
                    written.count = count;
                    return Ok(());
                }
                // It has run out there: a new one begins.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(error),
            }
        }
        let event = self.event(&key, count).await?;
        let name = event.metadata.name.clone().unwrap_or_default();
        api.create(&PostParams::default(), &event).await?;
        if self.written.len() < REMEMBERED {
            self.written.insert(key, Written { name, count, at: now });
        }
        Ok(())
    }

    async fn event(&self, (object, kind, message): &Key, count: i32) -> Result<Event, kube::Error> {
        let key = &object.key;
        let resource = resource(object.kind);
        // `kubectl describe` finds Events by the uid of the object. A list of one needs no right that
        // watching it did not.
        let objects: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &key.namespace, &resource);
        let named = ListParams::default().fields(&format!("metadata.name={}", key.name));
        let found = objects.list_metadata(&named).await?.items.into_iter().next();
        let uid = found.and_then(|object| object.metadata.uid);
        let now = Timestamp::now();
        let end = message.floor_char_boundary(NOTE_BYTES);
        Ok(Event {
            metadata: ObjectMeta {
                namespace: Some(key.namespace.clone()),
                name: Some(format!("{}.{:x}", key.name, now.as_nanosecond())),
                ..ObjectMeta::default()
            },
            action: Some(action(*kind).to_owned()),
            event_time: Some(MicroTime(now)),
            note: message.get(..end).map(str::to_owned),
            reason: Some(kind.as_str().to_owned()),
            regarding: Some(ObjectReference {
                api_version: Some(resource.api_version),
                kind: Some(resource.kind),
                name: Some(key.name.clone()),
                namespace: Some(key.namespace.clone()),
                uid,
                ..ObjectReference::default()
            }),
            reporting_controller: Some("weir.dev/weir".to_owned()),
            reporting_instance: Some(self.instance.clone()),
            // It happened more than once while it waited.
            series: (count > 1)
                .then_some(EventSeries { count, last_observed_time: MicroTime(now) }),
            type_: Some(if kind.is_warning() { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        })
    }
}

/// Returns how the API server calls a kind that things happen to.
fn resource(kind: Kind) -> ApiResource {
    match kind {
        Kind::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
        Kind::Secret => ApiResource::erase::<Secret>(&()),
        Kind::Ingress => ApiResource::erase::<Ingress>(&()),
        Kind::Service => ApiResource::erase::<Service>(&()),
        _ => ApiResource::erase::<BackendPool>(&()),
    }
}

fn action(kind: EventKind) -> &'static str {
    match kind {
        EventKind::EndpointEjected | EventKind::EndpointReturned => "OutlierDetection",
        EventKind::EndpointHealthy | EventKind::EndpointUnhealthy => "HealthCheck",
        EventKind::PanicEntered | EventKind::PanicLeft => "Balancing",
        EventKind::Problem(_) => "Routing",
    }
}
