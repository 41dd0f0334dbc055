//! What happens between the source and an API server in trouble.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::fake::FakeServer;
use super::{Options, run};
use crate::api::{Change, Kind, Object, ObjectKey, ObjectRef};
use crate::metrics::Metrics;
use crate::source::{Batch, State};

const KINDS: &[&str] = &[
    "backendpools",
    "configmaps",
    "endpointslices",
    "ingressclasses",
    "ingresses",
    "nodes",
    "secrets",
    "services",
];

fn service(name: &str, port: i32) -> Value {
    json!({ "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "namespace": "a", "resourceVersion": "7" },
        "spec": { "ports": [{ "port": port }] } })
}

fn node(name: &str) -> Value {
    json!({ "metadata": { "name": name, "resourceVersion": "7" } })
}

struct Rig {
    server: FakeServer,
    batches: mpsc::Receiver<Batch>,
    state: watch::Receiver<State>,
    wanted: watch::Sender<BTreeSet<ObjectRef>>,
    metrics: Arc<Metrics>,
}

impl Rig {
    fn start(server: FakeServer) -> Self {
        let (sender, batches) = mpsc::channel(16);
        let (wanted, receiver) = watch::channel(BTreeSet::new());
        let (states, state) = watch::channel(State::default());
        let client = server.client.clone();
        let metrics = Metrics::new(1);
        let counting = Arc::clone(&metrics);
        tokio::spawn(run(client, Options::default(), sender, receiver, states, counting));
        Self { server, batches, state, wanted, metrics }
    }

    async fn synced(server: FakeServer) -> (Self, Vec<Change>) {
        let mut rig = Self::start(server);
        let mut changes = Vec::new();
        loop {
            let batch = rig.batches.recv().await.unwrap();
            changes.extend(batch.changes);
            if batch.synced {
                break;
            }
        }
        rig.wanted.send(BTreeSet::new()).unwrap();
        rig.state.wait_for(|state| state.synced && state.trouble.is_none()).await.unwrap();
        (rig, changes)
    }

    fn counted(&self, series: &str) -> Option<String> {
        let text = self.metrics.encode();
        text.lines().find_map(|line| line.strip_prefix(series)).map(|v| v.trim().to_owned())
    }

    /// Returns the next changes that are any.
    async fn changes(&mut self) -> Vec<Change> {
        loop {
            let changes = self.batches.recv().await.unwrap().changes;
            if !changes.is_empty() {
                return changes;
            }
        }
    }
}

fn short(changes: &[Change]) -> Vec<String> {
    let sign = |change: &Change| match change.object {
        None => '-',
        Some(Object::Invalid(_)) => '!',
        Some(_) => '+',
    };
    changes.iter().map(|change| format!("{}{}", sign(change), change.key.name)).collect()
}

#[tokio::test]
async fn what_is_there_is_listed_and_what_changes_is_told() {
    let server = FakeServer::start(KINDS).await;
    server.put("services", &service("one", 80));
    let (mut rig, first) = Rig::synced(server).await;
    assert_eq!(short(&first), ["+one"]);
    rig.server.watched("services").await;
    rig.server.put("services", &service("two", 80));
    assert_eq!(short(&rig.changes().await), ["+two"]);
}

#[tokio::test]
async fn an_object_that_cannot_be_decoded_stops_no_other() {
    let server = FakeServer::start(KINDS).await;
    let mut wrong = service("bad", 80);
    wrong["spec"] = json!({ "ports": "none" });
    server.put("services", &wrong);
    server.put("services", &service("good", 80));
    let (mut rig, first) = Rig::synced(server).await;
    assert_eq!(short(&first), ["!bad", "+good"]);
    rig.server.watched("services").await;
    rig.server.put("services", &service("bad", 80));
    assert_eq!(short(&rig.changes().await), ["+bad"]);
}

#[tokio::test]
async fn an_expired_watch_is_listed_again_without_an_empty_moment() {
    let server = FakeServer::start(KINDS).await;
    server.put("services", &service("one", 80));
    server.put("services", &service("two", 80));
    let (mut rig, _) = Rig::synced(server).await;
    rig.server.watched("services").await;
    rig.server.remove_silently("services", "one");
    rig.server.put_silently("services", &service("three", 80));
    let gone = json!({ "type": "ERROR", "object": { "kind": "Status", "status": "Failure",
        "code": 410, "reason": "Expired", "message": "too old resource version" } });
    rig.server.tell("services", &gone.to_string());
    assert_eq!(short(&rig.changes().await), ["+three", "+two", "-one"]);
    assert_eq!(rig.state.borrow().trouble, None);
}

#[tokio::test]
async fn a_server_that_is_away_takes_nothing_with_it() {
    let server = FakeServer::start(KINDS).await;
    server.put("services", &service("one", 80));
    let (mut rig, _) = Rig::synced(server).await;
    rig.server.set_down(true);
    let down = rig.state.wait_for(|state| state.trouble.is_some()).await.unwrap().clone();
    assert!(down.synced, "{down:?}");
    rig.server.put_silently("services", &service("two", 80));
    rig.server.set_down(false);
    assert_eq!(short(&rig.changes().await), ["+one", "+two"]);
    rig.state.wait_for(|state| state.trouble.is_none()).await.unwrap();
}

/// The client of kube would ask again by itself, with pauses up to minutes, and say nothing.
#[tokio::test]
async fn a_server_that_is_unavailable_is_trouble_at_once() {
    let server = FakeServer::start(KINDS).await;
    server.put("services", &service("one", 80));
    let (mut rig, _) = Rig::synced(server).await;
    rig.server.watched("services").await;
    rig.server.set_unavailable(true);
    let said = |state: &State| state.trouble.as_ref().is_some_and(|why| why.contains("503"));
    rig.state.wait_for(said).await.unwrap();
    rig.server.put_silently("services", &service("two", 80));
    rig.server.set_unavailable(false);
    assert_eq!(short(&rig.changes().await), ["+one", "+two"]);
    rig.state.wait_for(|state| state.trouble.is_none()).await.unwrap();
}

/// So that a server that vanished without a word is noticed before the watch would have ended.
#[tokio::test]
async fn a_silent_connection_is_probed_by_the_kernel() {
    let (rig, _) = Rig::synced(FakeServer::start(KINDS).await).await;
    rig.server.watched("services").await;
    // Source: proc_pid_net(5), tcp: the address of the other side, the state, the timer that runs;
    // 01 is an open connection, 02 the timer of probes.
    let port = format!(":{:04X}", rig.server.port);
    let is_probed = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[2].ends_with(&port) && fields[3] == "01" && fields[5].starts_with("02:")
    };
    while !std::fs::read_to_string("/proc/self/net/tcp").unwrap().lines().any(is_probed) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_line_of_garbage_loses_nothing() {
    let server = FakeServer::start(KINDS).await;
    let (mut rig, _) = Rig::synced(server).await;
    rig.server.watched("services").await;
    rig.server.put_silently("services", &service("one", 80));
    rig.server.tell("services", "{\"type\": \"ADDED\", \"object\": nonsense}");
    assert_eq!(short(&rig.changes().await), ["+one"]);
}

#[tokio::test]
async fn a_crd_that_comes_later_is_picked_up() {
    let server = FakeServer::start(&KINDS[1..]).await;
    let mut rig = Rig::start(server);
    let missing = rig.state.wait_for(|state| state.trouble.is_some()).await.unwrap().clone();
    assert!(missing.trouble.unwrap().contains("weir crds"));
    assert!(!missing.synced);
    rig.server.install("backendpools");
    while !rig.batches.recv().await.unwrap().synced {}
    rig.wanted.send(BTreeSet::new()).unwrap();
    rig.state.wait_for(|state| state.synced && state.trouble.is_none()).await.unwrap();
}

#[tokio::test]
async fn only_wanted_secrets_and_config_maps_are_watched() {
    let server = FakeServer::start(KINDS).await;
    for name in ["one", "two"] {
        let secret = json!({ "metadata": { "name": name, "namespace": "a" }, "data": {} });
        server.put("secrets", &secret);
        server.put("configmaps", &secret);
    }
    let (mut rig, _) = Rig::synced(server).await;
    let lists = rig.server.lists();
    for (kind, count) in [(Kind::Secret, 1), (Kind::ConfigMap, 2)] {
        let two = ObjectRef::new(kind, ObjectKey::new("a", "two"));
        rig.wanted.send_modify(|wanted| {
            wanted.insert(two);
        });
        let changes = rig.changes().await;
        assert_eq!((short(&changes), changes[0].kind), (vec!["+two".to_owned()], kind));
        assert_eq!(rig.server.lists(), lists + count);
    }
    rig.wanted.send_modify(|wanted| wanted.retain(|object| object.kind == Kind::Secret));
    assert_eq!(short(&rig.changes().await), ["-two"]);
    rig.wanted.send(BTreeSet::new()).unwrap();
    assert_eq!(short(&rig.changes().await), ["-two"]);
}

#[tokio::test]
async fn nodes_that_are_refused_stop_nothing_and_are_taken_when_allowed() {
    let server = FakeServer::start(KINDS).await;
    server.put("nodes", &node("n1"));
    server.set_refused("nodes", true);
    let (mut rig, first) = Rig::synced(server).await;
    assert_eq!(short(&first), Vec::<String>::new());
    assert_eq!(rig.counted("weir_source_relists_total{kind=\"Node\"}").unwrap(), "0");
    assert_eq!(rig.counted("weir_source_errors_total{kind=\"Node\"}").unwrap(), "1");
    rig.server.set_refused("nodes", false);
    assert_eq!(short(&rig.changes().await), ["+n1"]);
    // What is known is not lost by the first no: a server that starts may not know its rules yet.
    rig.server.watched("nodes").await;
    rig.server.put("nodes", &node("n2"));
    assert_eq!(short(&rig.changes().await), ["+n2"]);
    rig.server.set_refused("nodes", true);
    while rig.counted("weir_source_errors_total{kind=\"Node\"}").unwrap() == "1" {
        tokio::task::yield_now().await;
    }
    rig.server.put("services", &service("one", 80));
    assert_eq!(short(&rig.changes().await), ["+one"]);
    assert_eq!(rig.state.borrow().trouble, None);
}

#[tokio::test]
async fn a_missing_grant_crd_is_no_relist() {
    let (rig, _) = Rig::synced(FakeServer::start(KINDS).await).await;
    assert_eq!(rig.counted("weir_source_relists_total{kind=\"Service\"}").unwrap(), "1");
    assert_eq!(rig.counted("weir_source_relists_total{kind=\"ReferenceGrant\"}"), None);
}

#[tokio::test]
async fn without_the_services_nothing_counts_as_synced() {
    for plural in ["backendpools", "endpointslices", "services"] {
        let server = FakeServer::start(KINDS).await;
        server.set_refused(plural, true);
        let mut rig = Rig::start(server);
        rig.wanted.send(BTreeSet::new()).unwrap();
        let state = rig.state.wait_for(|state| state.trouble.is_some()).await.unwrap().clone();
        assert!(state.trouble.unwrap().contains("check the RBAC rules"), "{plural}");
        assert!(!state.synced, "{plural}");
    }
}
