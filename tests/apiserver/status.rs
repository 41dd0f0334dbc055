//! Status is written by one replica, and the next takes over where it stops.

use std::time::{Duration, Instant};

use http::Method;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use weir::api::{ConditionReason, ConditionType, ObjectKey, StatusUpdate, UpdatedCondition};
use weir::metrics::Metrics;
use weir::status::{LeaseOptions, elect, run_writer};

use crate::objects::{pool, pools};
use crate::rig::{create, namespace, send, server, within};

/// Replica takes part in the election and writes. Dropped, it stops without a word.
struct Replica {
    updates: mpsc::Sender<StatusUpdate>,
    leads: watch::Receiver<bool>,
    _stop: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

fn replica(client: &Client, namespace: &str, identity: &str) -> Replica {
    let options = LeaseOptions {
        namespace: namespace.to_owned(),
        name: "weir-status".to_owned(),
        identity: identity.to_owned(),
    };
    let (lead, leads) = watch::channel(false);
    let (stop, stopped) = watch::channel(false);
    let (updates, updated) = mpsc::channel(16);
    let mut tasks = JoinSet::new();
    tasks.spawn(elect(client.clone(), options, lead, stopped));
    tasks.spawn(run_writer(client.clone(), updated, leads.clone(), Metrics::new(1)));
    Replica { updates, leads, _stop: stop, _tasks: tasks }
}

fn accepted(namespace: &str, generation: i64, message: &str) -> StatusUpdate {
    StatusUpdate {
        pool: ObjectKey::new(namespace, "shop"),
        generation: Some(generation),
        conditions: vec![UpdatedCondition {
            kind: ConditionType::Accepted,
            status: true,
            reason: ConditionReason::Accepted,
            message: message.to_owned(),
        }],
        endpoints: None,
    }
}

/// Waits until the object has a condition that is as wanted; returns all of its status.
async fn until(client: &Client, namespace: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let path = format!("{}/shop", pools(namespace));
    within("a condition", async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            let object = send(client, Method::GET, &path, &Value::Null).await.unwrap();
            let conditions = object["status"]["conditions"].as_array();
            if conditions.into_iter().flatten().any(&holds) {
                return object["status"].clone();
            }
        }
    })
    .await
}

#[tokio::test]
async fn conditions_are_written_and_those_of_others_kept() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    namespace(&client, "status").await;
    create(&client, &pools("status"), &pool("status")).await.unwrap();
    let foreign = json!({ "status": { "conditions": [{ "type": "example.com/Billed",
        "status": "True", "reason": "Paid", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z" }] } });
    let path = format!("{}/shop/status", pools("status"));
    send(&client, Method::PATCH, &path, &foreign).await.unwrap();

    let weir = replica(&client, "status", "one");
    weir.updates.send(accepted("status", 1, "first")).await.unwrap();
    let status = until(&client, "status", |c| c["message"] == "first").await;
    let conditions = status["conditions"].as_array().unwrap();
    assert_eq!(conditions.len(), 2, "{status}");
    assert_eq!(conditions[0], foreign["status"]["conditions"][0]);
    assert_eq!(conditions[1]["type"], "Accepted");
    assert_eq!(conditions[1]["observedGeneration"], 1);
    let since = conditions[1]["lastTransitionTime"].clone();

    weir.updates.send(accepted("status", 2, "second")).await.unwrap();
    let status = until(&client, "status", |c| c["observedGeneration"] == 2).await;
    let conditions = status["conditions"].as_array().unwrap();
    assert_eq!(conditions[0], foreign["status"]["conditions"][0]);
    assert_eq!(conditions[1]["lastTransitionTime"], since, "it holds as before");
}

#[tokio::test]
async fn a_stopped_holder_is_replaced_within_twenty_seconds() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    namespace(&client, "takeover").await;
    create(&client, &pools("takeover"), &pool("takeover")).await.unwrap();
    let mut first = replica(&client, "takeover", "first");
    within("the first", first.leads.wait_for(|leads| *leads)).await.unwrap();
    let mut second = replica(&client, "takeover", "second");
    first.updates.send(accepted("takeover", 1, "by the first")).await.unwrap();
    second.updates.send(accepted("takeover", 1, "by the second")).await.unwrap();
    until(&client, "takeover", |c| c["message"] == "by the first").await;
    assert!(!*second.leads.borrow());

    drop(first);
    let stopped = Instant::now();
    within("the second", second.leads.wait_for(|leads| *leads)).await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(20), "{:?}", stopped.elapsed());
    until(&client, "takeover", |c| c["message"] == "by the second").await;
}
