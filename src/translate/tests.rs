//! The whole translation and the translation of changes are the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::{Options, Translator, translate};
use crate::api::{BackendPool, Change, Kind, Object, ObjectKey, Objects};

fn pool(name: u8, service: u8, host: u8, created: u8) -> Object {
    let value = json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "metadata": { "name": format!("p{name}"), "namespace": "a",
            "creationTimestamp": format!("2026-01-0{}T00:00:00Z", 1 + created % 9) },
        "spec": {
            "routes": [{ "hostnames": [format!("h{host}.test")] }],
            "backends": [{ "service": { "name": format!("s{service}"), "port": 80 } }],
        },
    });
    Object::BackendPool(Arc::new(serde_json::from_value::<BackendPool>(value).unwrap()))
}

fn service(port: u8) -> Object {
    let value = json!({ "metadata": {}, "spec": { "ports": [{ "port": 80 + i32::from(port) }] } });
    Object::Service(Arc::new(serde_json::from_value(value).unwrap()))
}

fn slice(service: u8, last: u8) -> Object {
    let value = json!({
        "metadata": { "labels": { "kubernetes.io/service-name": format!("s{service}") } },
        "addressType": "IPv4", "ports": [{ "port": 8080 }],
        "endpoints": [{ "addresses": [format!("10.0.0.{last}")], "nodeName": format!("n{}", last % 2) }],
    });
    Object::EndpointSlice(Arc::new(serde_json::from_value(value).unwrap()))
}

fn node(zone: u8) -> Object {
    let value =
        json!({ "metadata": { "labels": { "topology.kubernetes.io/zone": format!("z{zone}") } } });
    Object::Node(Arc::new(serde_json::from_value(value).unwrap()))
}

fn change() -> impl Strategy<Value = Change> {
    let of = |kind, name: String, object| Change {
        kind,
        key: ObjectKey::new(if kind == Kind::Node { "" } else { "a" }, name),
        object,
    };
    prop_oneof![
        4 => (0..4u8, 0..3u8, 0..3u8, 0..4u8, any::<bool>()).prop_map(move |(n, s, h, c, there)| {
            of(Kind::BackendPool, format!("p{n}"), there.then(|| pool(n, s, h, c)))
        }),
        2 => (0..3u8, 0..2u8, any::<bool>()).prop_map(move |(n, port, there)| {
            of(Kind::Service, format!("s{n}"), there.then(|| service(port)))
        }),
        4 => (0..4u8, 0..3u8, 1..5u8, any::<bool>()).prop_map(move |(n, s, last, there)| {
            of(Kind::EndpointSlice, format!("e{n}"), there.then(|| slice(s, last)))
        }),
        1 => (0..2u8, 0..2u8, any::<bool>()).prop_map(move |(n, zone, there)| {
            of(Kind::Node, format!("n{n}"), there.then(|| node(zone)))
        }),
    ]
}

proptest! {
    #[test]
    fn changes_one_by_one_give_what_all_at_once_gives(
        batches in prop::collection::vec(prop::collection::vec(change(), 1..4), 1..12),
    ) {
        let mut objects = Objects::default();
        let mut translator = Translator::new(Options::default());
        let mut updates = BTreeMap::new();
        for batch in batches {
            let mut applied = Vec::new();
            for change in batch {
                if objects.apply(change.clone()) {
                    applied.push(change);
                }
            }
            let before = translator.model().clone();
            let step = translator.apply(&objects, &applied);
            let whole = translate(&objects, Options::default());
            prop_assert_eq!(translator.model(), &whole.model);
            prop_assert_eq!(translator.secrets(), whole.secrets);
            prop_assert_eq!(step.is_empty(), before == whole.model);
            for key in step.judged {
                match translator.update_of(&objects, &key) {
                    Some(update) => updates.insert(key, update),
                    None => updates.remove(&key),
                };
            }
            prop_assert_eq!(updates.values().cloned().collect::<Vec<_>>(), whole.updates);
        }
    }
}

#[test]
fn the_older_of_two_equal_claims_is_served() {
    let mut objects = Objects::default();
    for (name, created) in [(1, 5), (2, 3)] {
        objects.apply(Change {
            kind: Kind::BackendPool,
            key: ObjectKey::new("a", format!("p{name}")),
            object: Some(pool(name, 0, 0, created)),
        });
    }
    let result = translate(&objects, Options::default());
    let served: Vec<&str> =
        result.model.routes.keys().map(crate::model::PoolName::as_str).collect();
    assert_eq!(served, ["a/p2"]);
    let younger = result.updates.iter().find(|update| update.pool.name == "p1").unwrap();
    let accepted = younger.conditions.first().unwrap();
    assert!(!accepted.status);
    assert!(accepted.message.contains("pool a/p2, which is older"), "{}", accepted.message);
}
