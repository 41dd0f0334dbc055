//! What happens to endpoints, as Events of their pool.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use kube::Client;
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use weir::api::{EventKind, EventNote, Kind, ObjectKey, ObjectRef};
use weir::metrics::Metrics;
use weir::model::{HealthCheck, Model, Pool, PoolName, Probe};
use weir::table::{Table, TableHandle};
use weir::upstream::{self, Pools, clock};
use weir::{app, health, status};

use crate::objects::{pool, pools};
use crate::pool::{group, pool as declared};
use crate::rig::{create, namespace, send, server, within};

/// Returns the Events of the pool, oldest first.
async fn events(client: &Client, namespace: &str) -> Vec<Value> {
    let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
    let list = send(client, Method::GET, &path, &Value::Null).await.unwrap();
    let mut events = list["items"].as_array().unwrap().clone();
    events.sort_by_key(|event| event["eventTime"].to_string());
    events
}

/// Waits until the Events are as wanted.
async fn until(
    client: &Client,
    namespace: &str,
    what: &str,
    holds: impl Fn(&[Value]) -> bool,
) -> Vec<Value> {
    within(what, async {
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        loop {
            looks.tick().await;
            let events = events(client, namespace).await;
            if holds(&events) {
                return events;
            }
        }
    })
    .await
}

/// A process's checks and what it tells of them. Dropped, it stops.
struct Checking {
    _tasks: JoinSet<()>,
    _pools: Arc<Pools>,
    _leads: watch::Sender<bool>,
}

fn checking(client: &Client, namespace: &str, address: SocketAddr, leads: bool) -> Checking {
    let metrics = Metrics::new(1);
    let (pools, readers) = Pools::new(upstream::Options::default(), Arc::clone(&metrics));
    let name = PoolName::new(namespace, "shop");
    let check = HealthCheck {
        probe: Probe::Tcp,
        port: None,
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(5),
        unhealthy_threshold: 2,
        healthy_threshold: 2,
    };
    let pool =
        Pool { health_check: Some(check), ..declared(name.clone(), vec![group(&[address])]) };
    let model = Model { pools: [(name, Arc::new(pool))].into(), ..Model::default() };
    let table = TableHandle::new(Table::build(&model, &pools, &metrics, clock::now()));
    let (notes, noted) = mpsc::channel(256);
    let (lead, led) = watch::channel(leads);
    let instance = format!("{namespace}-{leads}");
    let mut tasks = JoinSet::new();
    tasks.spawn(health::run(table, Arc::clone(&metrics), health::Options::default()));
    tasks.spawn(app::events::run(readers.events, notes));
    tasks.spawn(status::run_notes(client.clone(), instance, noted, led, metrics));
    Checking { _tasks: tasks, _pools: pools, _leads: lead }
}

#[tokio::test]
async fn a_failed_check_is_one_event_of_the_lease_holder() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    namespace(&client, "events").await;
    let object = create(&client, &pools("events"), &pool("events")).await.unwrap();
    // Bound but not listening: nobody else gets the port, and connections are refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    let _other = checking(&client, "events", address, false);
    let _holder = checking(&client, "events", address, true);

    let told = until(&client, "events", "the first Event", |events| !events.is_empty()).await;
    let event = &told[0];
    for (field, expected) in [
        ("reason", "EndpointUnhealthy"),
        ("type", "Warning"),
        ("action", "HealthCheck"),
        ("reportingController", "weir.dev/weir"),
        ("reportingInstance", "events-true"),
        ("note", &format!("endpoint {address} fails its health check: no traffic")),
    ] {
        assert_eq!(event[field], *expected, "{event}");
    }
    let about = &event["regarding"];
    assert_eq!((&about["kind"], &about["name"]), (&"BackendPool".into(), &"shop".into()));
    assert_eq!(about["uid"], object["metadata"]["uid"], "as `kubectl describe` looks for it");

    let _listener = socket.listen(64).unwrap();
    let told = until(&client, "events", "the second Event", |events| events.len() > 1).await;
    let reasons: Vec<_> = told.iter().map(|event| event["reason"].as_str().unwrap()).collect();
    // Checks went on failing for long: that is no news.
    assert_eq!(reasons, ["EndpointUnhealthy", "EndpointHealthy"]);
    assert!(told.iter().all(|event| event["reportingInstance"] == "events-true"));
}

/// Returns how often each reason happened, as its Event says.
fn counts(events: &[Value]) -> BTreeMap<String, i64> {
    let count = |event: &Value| event["series"]["count"].as_i64().unwrap_or(1);
    events.iter().map(|event| (event["reason"].as_str().unwrap().into(), count(event))).collect()
}

#[tokio::test]
async fn a_flapping_endpoint_is_two_events_that_count() {
    const FLAPS: i64 = 100;
    let Some(server) = server().await else { return };
    let client = server.client().await;
    namespace(&client, "flaps").await;
    create(&client, &pools("flaps"), &pool("flaps")).await.unwrap();
    let metrics = Metrics::new(1);
    let (notes, noted) = mpsc::channel(16);
    let (_lead, leads) = watch::channel(true);
    let task = tokio::spawn(status::run_notes(
        client.clone(),
        "one".to_owned(),
        noted,
        leads,
        Arc::clone(&metrics),
    ));
    let began = Instant::now();
    for rounds in 1..=2 {
        for _ in 0..FLAPS {
            for kind in [EventKind::EndpointUnhealthy, EventKind::EndpointHealthy] {
                let pool = ObjectKey::new("flaps", "shop");
                let object = ObjectRef::new(Kind::BackendPool, pool);
                let note = EventNote { object, kind, message: "endpoint 10.0.0.1:80".to_owned() };
                notes.send(note).await.unwrap();
            }
        }
        let all = |count: &i64| *count == rounds * FLAPS;
        let told = until(&client, "flaps", "all flaps", |events| {
            events.len() > 1 && counts(events).values().all(all)
        })
        .await;
        assert_eq!(told.len(), 2, "{told:?}");
    }
    let writes = {
        let text = metrics.encode();
        let name = "weir_status_writes_total{result=\"success\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.expect("writes are counted").parse::<u64>().unwrap()
    };
    assert!(writes <= began.elapsed().as_secs() + 1, "{writes} in {:?}", began.elapsed());
    drop(notes);
    within("the end", task).await.unwrap();
}
