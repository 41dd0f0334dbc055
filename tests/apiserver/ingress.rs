//! Ingresses in a cluster: whose they are, where they say they are served, and what is wrong.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use weir::api::{ConditionReason, IngressProblem, IngressUpdate, ObjectKey};
use weir::metrics::Metrics;
use weir::status::{self, Addresses, Inlets};

use crate::control::Control;
use crate::objects::{addresses, secrets, service, services, slice, slices, tls_secret, with_port};
use crate::rig::{create, namespace, send, server, within};

pub fn ingresses(namespace: &str) -> String {
    format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses")
}

pub const CLASSES: &str = "/apis/networking.k8s.io/v1/ingressclasses";

pub fn class(name: &str, controller: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "controller": controller } })
}

pub fn ingress(name: &str, class: &str, host: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "ingressClassName": class, "rules": [
        { "host": host, "http": { "paths": [{ "path": "/", "pathType": "Prefix",
            "backend": { "service": { "name": "shop", "port": { "name": "http" } } } }] } }] } })
}

async fn shop(client: &Client, name: &str) {
    namespace(client, name).await;
    create(client, &services(name), &service(name)).await.unwrap();
    create(client, &slices(name), &slice(name, &addresses(0..2))).await.unwrap();
}

#[tokio::test]
async fn an_ingress_is_served_while_its_class_is_ours() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    shop(&client, "classes").await;
    create(&client, CLASSES, &class("classes", "weir.dev/ingress-controller")).await.unwrap();
    let weir = Control::start(client.clone(), weir::source::kubernetes::Options::default());
    let web = ingress("web", "classes", "classes.test");
    create(&client, &ingresses("classes"), &web).await.unwrap();
    weir.until("the route", |w| w.find("classes.test", "/x").as_deref() == Some("classes/shop:80"))
        .await;
    assert_eq!(weir.endpoints("classes", "shop:80"), Some(with_port(&addresses(0..2))));
    assert!(weir.ingress("classes", "web").is_some_and(|update| update.is_ours));

    // The controller of a class cannot be changed: it is made anew.
    let path = format!("{CLASSES}/classes");
    send(&client, Method::DELETE, &path, &json!({})).await.unwrap();
    create(&client, CLASSES, &class("classes", "example.com/other")).await.unwrap();
    weir.until("no route", |w| w.find("classes.test", "/x").is_none()).await;
    weir.until("it is foreign", |w| w.ingress("classes", "web").is_some_and(|u| !u.is_ours)).await;
    assert_eq!(weir.endpoints("classes", "shop:80"), None);
}

#[tokio::test]
async fn a_secret_of_an_ingress_is_watched_and_a_missing_one_is_said() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    shop(&client, "ingress-tls").await;
    let weir = Control::start(client.clone(), weir::source::kubernetes::Options::default());
    let mut web = ingress("web", "weir", "web.test");
    web["spec"]["tls"] = json!([{ "hosts": ["web.test"], "secretName": "web" }]);
    create(&client, &ingresses("ingress-tls"), &web).await.unwrap();
    let missing = |weir: &Control| {
        let update = weir.ingress("ingress-tls", "web");
        update.is_some_and(|update| {
            update.problems.iter().any(|p| p.message.contains("no Secret ingress-tls/web"))
        })
    };
    weir.until("it is said", missing).await;
    assert_eq!(weir.find("web.test", "/").as_deref(), Some("ingress-tls/shop:80"));
    let secret = tls_secret("ingress-tls", "web");
    create(&client, &secrets("ingress-tls"), &secret).await.unwrap();
    weir.until("the certificate", |w| w.certificates().contains("ingress-tls/web")).await;
    weir.until("all is well", |weir| !missing(weir)).await;
}

/// Writer writes the status of Ingresses. Dropped, it stops.
struct Writer {
    updates: mpsc::Sender<IngressUpdate>,
    addresses: watch::Sender<Addresses>,
    leads: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

fn writer(client: &Client, leads: bool) -> Writer {
    let (updates, updated) = mpsc::channel(16);
    let (addresses, seen) = watch::channel(Some(vec![status::address("192.0.2.1")]));
    let (lead, leads_seen) = watch::channel(false);
    let (notes, noted) = mpsc::channel(16);
    let metrics = Metrics::new(1);
    let inlets = Inlets { updates: updated, addresses: seen, leads: leads_seen.clone() };
    let mut tasks = JoinSet::new();
    let write = status::run_ingresses(client.clone(), None, inlets, notes, Arc::clone(&metrics));
    tasks.spawn(write);
    let events = status::run_notes(client.clone(), "test".into(), noted, leads_seen, metrics);
    tasks.spawn(events);
    lead.send_replace(leads);
    Writer { updates, addresses, leads: lead, _tasks: tasks }
}

fn update(namespace: &str, name: &str, is_ours: bool) -> IngressUpdate {
    IngressUpdate { ingress: ObjectKey::new(namespace, name), is_ours, problems: Vec::new() }
}

async fn status_of(client: &Client, namespace: &str, name: &str) -> Value {
    let path = format!("{}/{name}", ingresses(namespace));
    let object = send(client, Method::GET, &path, &Value::Null).await.unwrap();
    object["status"]["loadBalancer"]["ingress"].clone()
}

async fn until(client: &Client, namespace: &str, name: &str, expected: &Value) {
    within(&format!("{name} with {expected}"), async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        while status_of(client, namespace, name).await != *expected {
            looks.tick().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_status_of_ours_alone_says_where_it_is_served() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    namespace(&client, "published").await;
    for name in ["ours", "foreign", "lost", "taken"] {
        let object = ingress(name, "weir", &format!("{name}.test"));
        create(&client, &ingresses("published"), &object).await.unwrap();
    }
    let theirs = json!([{ "ip": "198.51.100.9" }]);
    let say = |entries: Value| json!({ "status": { "loadBalancer": { "ingress": entries } } });
    let patch = |name: &str, entries: Value| {
        let path = format!("{}/{name}/status", ingresses("published"));
        let (client, body) = (client.clone(), say(entries));
        async move { send(&client, Method::PATCH, &path, &body).await.unwrap() }
    };
    patch("foreign", theirs.clone()).await;

    let weir = writer(&client, true);
    for name in ["ours", "lost", "taken"] {
        weir.updates.send(update("published", name, true)).await.unwrap();
    }
    let first = json!([{ "ip": "192.0.2.1" }]);
    for name in ["ours", "lost", "taken"] {
        until(&client, "published", name, &first).await;
    }
    // Another controller takes one over before we hear of it.
    patch("taken", theirs.clone()).await;
    for name in ["lost", "taken"] {
        weir.updates.send(update("published", name, false)).await.unwrap();
    }
    until(&client, "published", "lost", &Value::Null).await;
    weir.addresses.send_replace(Some(vec![status::address("lb.example.com")]));
    until(&client, "published", "ours", &json!([{ "hostname": "lb.example.com" }])).await;
    assert_eq!(status_of(&client, "published", "taken").await, theirs);
    assert_eq!(status_of(&client, "published", "foreign").await, theirs);
    assert_eq!(status_of(&client, "published", "lost").await, Value::Null);
}

#[tokio::test]
async fn who_takes_the_lease_says_all_that_is_wrong() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    namespace(&client, "problems").await;
    let object = ingress("web", "weir", "web.test");
    create(&client, &ingresses("problems"), &object).await.unwrap();
    let weir = writer(&client, false);
    let message = "spec.tls[0].secretName: there is no Secret problems/web".to_owned();
    let problem = IngressProblem { reason: ConditionReason::InvalidCertificateRef, message };
    let mut wrong = update("problems", "web", true);
    wrong.problems.push(problem.clone());
    weir.updates.send(wrong).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(status_of(&client, "problems", "web").await, Value::Null, "no lease, no word");
    weir.leads.send_replace(true);
    let path = "/apis/events.k8s.io/v1/namespaces/problems/events";
    let event = within("an Event", async {
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        loop {
            looks.tick().await;
            let list = send(&client, Method::GET, path, &Value::Null).await.unwrap();
            if let Some(event) = list["items"].as_array().and_then(|items| items.first()) {
                return event.clone();
            }
        }
    })
    .await;
    assert_eq!(event["reason"], "InvalidCertificateRef");
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["note"], problem.message);
    assert_eq!(event["regarding"]["kind"], "Ingress");
    assert!(event["regarding"]["uid"].is_string());
    until(&client, "problems", "web", &json!([{ "ip": "192.0.2.1" }])).await;
}

#[tokio::test]
async fn the_addresses_of_the_published_service_are_followed() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    namespace(&client, "front").await;
    let mut front = service("front");
    front["spec"]["type"] = json!("LoadBalancer");
    let (sender, mut addresses) = watch::channel(None);
    let key = ObjectKey::new("front", "shop");
    let mut tasks = JoinSet::new();
    tasks.spawn(status::follow_published(client.clone(), key, sender));
    within("no Service", addresses.wait_for(|now| now.as_ref().is_some_and(Vec::is_empty)))
        .await
        .unwrap();
    create(&client, &services("front"), &front).await.unwrap();
    let path = format!("{}/shop/status", services("front"));
    let body = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.7" }] } } });
    send(&client, Method::PATCH, &path, &body).await.unwrap();
    let expected = Some(vec![status::address("192.0.2.7")]);
    within("its address", addresses.wait_for(|now| *now == expected)).await.unwrap();
}

/// A `weir run` in the cluster, ended when dropped.
struct Program(std::process::Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn the_program_says_where_an_ingress_is_served_and_what_is_wrong() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    namespace(&client, "program").await;
    let front = json!({ "metadata": { "name": "front" },
        "spec": { "ports": [{ "port": 80 }], "externalIPs": ["192.0.2.5"] } });
    create(&client, &services("program"), &front).await.unwrap();
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["run", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args(["--workers", "1", "--watch-namespace", "program"])
        .args(["--publish-service", "program/front"])
        .env("KUBECONFIG", server.kubeconfig())
        .env("POD_NAMESPACE", "program")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("weir");
    let _program = Program(program);
    create(&client, &ingresses("program"), &ingress("web", "weir", "p.test")).await.unwrap();
    create(&client, &ingresses("program"), &ingress("else", "nginx", "p.test")).await.unwrap();
    until(&client, "program", "web", &json!([{ "ip": "192.0.2.5" }])).await;
    assert_eq!(status_of(&client, "program", "else").await, Value::Null);
    let path = "/apis/events.k8s.io/v1/namespaces/program/events";
    within("an Event about the missing Service", async {
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        loop {
            looks.tick().await;
            let list = send(&client, Method::GET, path, &Value::Null).await.unwrap();
            let events = list["items"].as_array().cloned().unwrap_or_default();
            let is_it = |event: &Value| {
                event["reason"] == "BackendNotFound" && event["regarding"]["name"] == "web"
            };
            if events.iter().any(is_it) {
                return;
            }
        }
    })
    .await;
}
