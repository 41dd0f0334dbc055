//! What events mean, and how an API server's answers are taken.

use kube::api::DynamicObject;
use kube::runtime::watcher::Event;
use serde_json::json;

use super::feed::Tracker;
use crate::api::{Kind, Object};

fn service(name: &str) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "namespace": "a", "resourceVersion": "7", "managedFields": [],
            "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{}" } },
        "spec": { "clusterIP": "10.0.0.1", "ports": [{ "port": 80 }] },
        "status": { "loadBalancer": {} },
    }))
    .unwrap()
}

fn names(changes: &[crate::api::Change]) -> Vec<(String, bool)> {
    changes.iter().map(|c| (c.key.to_string(), c.object.is_some())).collect()
}

#[test]
fn a_new_list_removes_what_vanished_and_nothing_else() {
    let mut tracker = Tracker::new(Kind::Service);
    tracker.follow(Event::Init);
    tracker.follow(Event::InitApply(service("one")));
    tracker.follow(Event::InitApply(service("two")));
    let first = tracker.follow(Event::InitDone);
    assert_eq!(names(&first), [("a/one".into(), true), ("a/two".into(), true)]);
    assert_eq!(names(&tracker.follow(Event::Apply(service("three")))), [("a/three".into(), true)]);
    // A list that breaks off says nothing.
    assert!(tracker.follow(Event::Init).is_empty());
    assert!(tracker.follow(Event::InitApply(service("one"))).is_empty());
    assert!(tracker.follow(Event::Init).is_empty());
    tracker.follow(Event::InitApply(service("three")));
    let second = tracker.follow(Event::InitDone);
    assert_eq!(
        names(&second),
        [("a/three".into(), true), ("a/one".into(), false), ("a/two".into(), false)]
    );
    assert_eq!(
        names(&tracker.follow(Event::Delete(service("three")))),
        [("a/three".into(), false)]
    );
}

#[test]
fn an_object_is_trimmed_to_what_is_read() {
    let mut tracker = Tracker::new(Kind::Service);
    let changes = tracker.follow(Event::Apply(service("one")));
    let Some(Object::Service(service)) = changes.first().unwrap().object.clone() else {
        panic!("not a Service");
    };
    assert_eq!(service.metadata.annotations, None);
    assert_eq!(service.metadata.resource_version, None);
    assert_eq!(service.status, None);
    let spec = service.spec.as_ref().unwrap();
    assert_eq!(spec.cluster_ip, None);
    assert_eq!(spec.ports.as_ref().unwrap().len(), 1);
}

/// As stored while the CRD allowed more: `weir check` would name the same field.
#[test]
fn an_unreadable_pool_names_the_field() {
    let mut wrong = service("one");
    let endpoint = json!({ "endpoint": { "address": "192.0.2.1", "port": "http" } });
    wrong.data = json!({ "spec": { "backends": [endpoint] } });
    let changes = Tracker::new(Kind::BackendPool).follow(Event::Apply(wrong));
    let Some(Object::Invalid(why)) = &changes.first().unwrap().object else { panic!("readable") };
    assert_eq!(
        why.message,
        "is not a readable BackendPool: spec.backends[0].endpoint.port: invalid type: string \
         \"http\", expected a whole number"
    );
}

#[test]
fn an_unreadable_object_says_why_and_a_secret_does_not() {
    let mut wrong = service("one");
    wrong.data = json!({ "spec": { "ports": "none" } });
    let changes = Tracker::new(Kind::Service).follow(Event::Apply(wrong.clone()));
    let Some(Object::Invalid(why)) = &changes.first().unwrap().object else { panic!("readable") };
    assert!(why.message.contains("Service"), "{}", why.message);
    assert!(why.message.contains("spec.ports: "), "{}", why.message);
    wrong.data = json!({ "data": "hunter2" });
    let changes = Tracker::new(Kind::Secret).follow(Event::Apply(wrong));
    let Some(Object::Invalid(why)) = &changes.first().unwrap().object else { panic!("readable") };
    assert!(!why.message.contains("hunter2"), "{}", why.message);
}

#[test]
fn what_is_forgotten_is_told_once() {
    let mut tracker = Tracker::new(Kind::Service);
    tracker.follow(Event::Apply(service("one")));
    assert_eq!(names(&tracker.forget()), [("a/one".into(), false)]);
    assert!(tracker.forget().is_empty());
}
