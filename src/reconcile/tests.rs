//! From batches to tables and updates.

use std::sync::Arc;

use serde_json::json;

use super::{News, Reconciler};
use crate::api::{BackendPool, Change, Kind, Object, ObjectKey};
use crate::metrics::Metrics;
use crate::source::Batch;
use crate::table::TableHandle;
use crate::translate::Options;
use crate::upstream::{self, Pools};

fn change(name: &str, port: u16) -> Change {
    let value = json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "metadata": { "name": name, "namespace": "a", "generation": 1 },
        "spec": { "routes": [{}], "backends": [{ "endpoint": { "address": "10.0.0.1", "port": port } }] },
    });
    let pool: BackendPool = serde_json::from_value(value).unwrap();
    let key = ObjectKey::new("a", name);
    Change { kind: Kind::BackendPool, key, object: Some(Object::BackendPool(Arc::new(pool))) }
}

fn deletion(name: &str) -> Change {
    Change { object: None, ..change(name, 1) }
}

fn reconciler() -> (Reconciler, TableHandle) {
    let metrics = Metrics::new(1);
    let (pools, _readers) = Pools::new(upstream::Options::default(), Arc::clone(&metrics));
    let table = TableHandle::default();
    (Reconciler::new(Options::default(), table.clone(), pools, metrics), table)
}

fn batch(changes: &[Change], synced: bool) -> Batch {
    Batch { changes: changes.to_vec(), synced }
}

#[test]
fn nothing_is_published_before_everything_was_told() {
    let (mut reconciler, table) = reconciler();
    assert!(!reconciler.take(batch(&[change("p", 80)], false)));
    assert!(reconciler.take(batch(&[], true)));
    let updates = reconciler.publish();
    assert_eq!(updates.pools.len(), 1);
    assert_eq!(table.load().generation(), 1);
}

#[test]
fn a_change_without_meaning_publishes_nothing() {
    let (mut reconciler, table) = reconciler();
    reconciler.take(batch(&[change("p", 80)], true));
    reconciler.publish();
    assert!(!reconciler.take(batch(&[change("p", 80)], true)), "the object is the same");
    assert!(reconciler.take(batch(&[change("p", 81), change("p", 80)], true)));
    assert_eq!(reconciler.publish(), News::default(), "back where it was");
    assert_eq!(table.load().generation(), 1);
    reconciler.take(batch(&[change("p", 82)], true));
    reconciler.publish();
    assert_eq!(table.load().generation(), 2);
}

#[test]
fn a_pool_made_anew_is_told_again_and_one_that_is_gone_is_forgotten() {
    let (mut reconciler, table) = reconciler();
    reconciler.take(batch(&[change("p", 80)], true));
    let first = reconciler.publish();
    reconciler.take(batch(&[deletion("p"), change("p", 80)], true));
    assert_eq!(reconciler.publish(), first, "its status is empty again");
    reconciler.take(batch(&[deletion("p")], true));
    let gone = reconciler.publish().pools;
    assert!(matches!(gone.as_slice(), [one] if one.conditions.is_empty()), "{gone:?}");
    assert_eq!(table.load().pools().count(), 0);
}
