//! What happened in pools, as notes for people.

use tokio::sync::mpsc;

use crate::api::{EventKind, EventNote, Kind, ObjectKey, ObjectRef};
use crate::model::PoolName;
use crate::upstream::{PoolChange, PoolEvent};

/// Turns events into notes until either side ends. Notes that nobody takes in time are dropped.
pub async fn run(mut events: mpsc::Receiver<PoolEvent>, notes: mpsc::Sender<EventNote>) {
    while let Some(event) = events.recv().await {
        let (kind, message) = describe(&event.change);
        let note = EventNote { object: object_of(&event.pool), kind, message };
        if let Err(mpsc::error::TrySendError::Closed(_)) = notes.try_send(note) {
            return;
        }
    }
}

/// Returns the object that a pool comes from.
fn object_of(pool: &PoolName) -> ObjectRef {
    match pool.service() {
        Some(service) => ObjectRef::new(Kind::Service, ObjectKey::new(pool.namespace(), service)),
        None => ObjectRef::new(Kind::BackendPool, ObjectKey::new(pool.namespace(), pool.name())),
    }
}

fn describe(change: &PoolChange) -> (EventKind, String) {
    match change {
        PoolChange::Ejected { address, time } => (
            EventKind::EndpointEjected,
            format!("endpoint {address} answered badly too often: no traffic for {time:?}"),
        ),
        PoolChange::Returned(address) => {
            (EventKind::EndpointReturned, format!("endpoint {address} takes traffic again"))
        }
        PoolChange::Unhealthy(address) => (
            EventKind::EndpointUnhealthy,
            format!("endpoint {address} fails its health check: no traffic"),
        ),
        PoolChange::Healthy(address) => {
            (EventKind::EndpointHealthy, format!("endpoint {address} passes its health check"))
        }
        PoolChange::PanicEntered => (
            EventKind::PanicEntered,
            "fewer endpoints are available than panicThreshold: health is ignored".into(),
        ),
        PoolChange::PanicLeft => {
            (EventKind::PanicLeft, "enough endpoints are available: health counts again".into())
        }
    }
}
