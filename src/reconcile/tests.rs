//! From batches to tables and updates.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::json;

use super::{News, Reconciler};
use crate::api::{BackendPool, Change, Kind, Object, ObjectKey};
use crate::metrics::Metrics;
use crate::model::{Authorities, BackendTls};
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
    counted(&Metrics::new(1))
}

fn counted(metrics: &Arc<Metrics>) -> (Reconciler, TableHandle) {
    let (pools, _readers) = Pools::new(upstream::Options::default(), Arc::clone(metrics));
    let table = TableHandle::default();
    let options = Options::default();
    (Reconciler::new(options, table.clone(), pools, Arc::clone(metrics)), table)
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

fn secret(certificate: &str, key: &str) -> Change {
    let value = json!({
        "metadata": { "name": "cert", "namespace": "a" }, "type": "kubernetes.io/tls",
        "data": { "tls.crt": BASE64.encode(certificate), "tls.key": BASE64.encode(key) },
    });
    let secret = Object::Secret(Arc::new(serde_json::from_value(value).unwrap()));
    Change { kind: Kind::Secret, key: ObjectKey::new("a", "cert"), object: Some(secret) }
}

fn served(table: &TableHandle) -> Vec<String> {
    table.load().certificates().iter().map(|one| one.chain_pem.to_string()).collect()
}

#[test]
fn a_broken_secret_keeps_its_last_good_certificate_and_says_so() {
    let metrics = Metrics::new(1);
    let (mut reconciler, table) = counted(&metrics);
    let pair = || rcgen::generate_simple_self_signed(["shop.test".to_owned()]).unwrap();
    let (first, second) = (pair(), pair());
    let good = |pair: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        secret(&pair.cert.pem(), &pair.signing_key.serialize_pem())
    };
    let value = json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "metadata": { "name": "p", "namespace": "a", "generation": 1 },
        "spec": { "routes": [{ "hostnames": ["shop.test"] }], "tls":
            { "certificateRefs": [{ "name": "cert" }] },
            "backends": [{ "endpoint": { "address": "10.0.0.1", "port": 80 } }] },
    });
    let pool = Object::BackendPool(Arc::new(serde_json::from_value(value).unwrap()));
    let pool =
        Change { kind: Kind::BackendPool, key: ObjectKey::new("a", "p"), object: Some(pool) };
    reconciler.take(batch(&[pool, good(&first)], true));
    reconciler.publish();
    assert_eq!(served(&table), [first.cert.pem()]);

    let mismatch = secret(&first.cert.pem(), &second.signing_key.serialize_pem());
    let empty = secret("", &first.signing_key.serialize_pem());
    for (broken, is_first) in [(empty, true), (mismatch, false)] {
        reconciler.take(batch(&[broken], true));
        let news = reconciler.publish();
        assert_eq!(news.notes.len(), usize::from(is_first), "one Event of the Secret");
        let said = format!("{:?}", news.pools);
        assert_eq!(served(&table), [first.cert.pem()], "the last good one");
        assert!(said.contains("InvalidCertificateRef"), "{said}");
        assert!(said.contains("its last good certificate stays in use"), "{said}");
    }
    assert!(metrics.encode().contains("weir_tls_certificates_kept 1\n"));

    reconciler.take(batch(&[good(&second)], true));
    reconciler.publish();
    assert_eq!(served(&table), [second.cert.pem()]);
    assert!(metrics.encode().contains("weir_tls_certificates_kept 0\n"));

    // Who deletes a Secret wants its key out of use; so it is when a broken one is deleted.
    reconciler.take(batch(&[secret("", "")], true));
    reconciler.take(batch(&[Change { object: None, ..secret("", "") }], true));
    reconciler.publish();
    assert!(served(&table).is_empty());
    reconciler.take(batch(&[secret("", "")], true));
    reconciler.publish();
    assert!(served(&table).is_empty(), "nothing is known that was good");
}

#[test]
fn the_end_of_a_client_certificate_is_shown() {
    let metrics = Metrics::new(1);
    let (mut reconciler, _table) = counted(&metrics);
    let pair = rcgen::generate_simple_self_signed(["weir.test".to_owned()]).unwrap();
    let cert = secret(&pair.cert.pem(), &pair.signing_key.serialize_pem());
    let pool = |tls: serde_json::Value| {
        let value = json!({
            "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
            "metadata": { "name": "p", "namespace": "a", "generation": 1 },
            "spec": { "backends": [{ "endpoint": { "address": "10.0.0.1", "port": 80 } }],
                "backendTLS": tls },
        });
        let pool = Object::BackendPool(Arc::new(serde_json::from_value(value).unwrap()));
        Change { kind: Kind::BackendPool, key: ObjectKey::new("a", "p"), object: Some(pool) }
    };
    let validation = json!({ "hostname": "p.test", "wellKnownCACertificates": "System" });
    let shown = "weir_tls_certificate_expiry_timestamp_seconds{certificate=\"a/cert\"}";
    let with = json!({ "validation": validation, "clientCertificateRef": { "name": "cert" } });
    reconciler.take(batch(&[pool(with), cert], true));
    reconciler.publish();
    assert!(metrics.encode().contains(shown));
    reconciler.take(batch(&[pool(json!({ "validation": validation }))], true));
    reconciler.publish();
    assert!(!metrics.encode().contains(shown), "it is shown to nobody any more");
}

#[test]
fn a_broken_config_map_keeps_the_authorities_it_held_and_says_so() {
    let (mut reconciler, table) = reconciler();
    let authority = || rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap().cert;
    let (first, second) = (authority(), authority());
    let map = |text: &str| {
        let value = json!({ "metadata": { "name": "ca", "namespace": "a" },
            "data": { "ca.crt": text } });
        let map = Object::ConfigMap(Arc::new(serde_json::from_value(value).unwrap()));
        Change { kind: Kind::ConfigMap, key: ObjectKey::new("a", "ca"), object: Some(map) }
    };
    let value = json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "metadata": { "name": "p", "namespace": "a", "generation": 1 },
        "spec": { "backends": [{ "endpoint": { "address": "10.0.0.1", "port": 80 } }],
            "backendTLS": { "validation":
                { "hostname": "p.test", "caCertificateRefs": [{ "name": "ca" }] } } },
    });
    let pool = Object::BackendPool(Arc::new(serde_json::from_value(value).unwrap()));
    let pool =
        Change { kind: Kind::BackendPool, key: ObjectKey::new("a", "p"), object: Some(pool) };
    let believed = || match table.load_full().pools().next().unwrap().model.backend_tls.clone() {
        Some(BackendTls::Settings(settings)) => match &settings.authorities {
            Authorities::Certificates(pem) => Some(pem.replace('\r', "")),
            Authorities::System => None,
        },
        _ => None,
    };
    reconciler.take(batch(&[pool], true));
    reconciler.publish();
    assert_eq!(believed(), None, "not before it is there");
    reconciler.take(batch(&[map(&first.pem())], true));
    reconciler.publish();
    assert_eq!(believed(), Some(first.pem().replace('\r', "")));

    for (broken, is_first) in
        [("", true), ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", false)]
    {
        reconciler.take(batch(&[map(broken)], true));
        let news = reconciler.publish();
        assert_eq!(news.notes.len(), usize::from(is_first), "one Event of the ConfigMap");
        let said = format!("{:?}", news.pools);
        assert_eq!(believed(), Some(first.pem().replace('\r', "")), "what it held before");
        assert!(said.contains("InvalidCaCertificateRef"), "{said}");
        assert!(said.contains("what it held before stays in use"), "{said}");
    }
    reconciler.take(batch(&[map(&second.pem())], true));
    reconciler.publish();
    assert_eq!(believed(), Some(second.pem().replace('\r', "")));
    reconciler.take(batch(&[map("")], true));
    reconciler.take(batch(&[Change { object: None, ..map("") }], true));
    reconciler.publish();
    assert_eq!(believed(), None, "who deletes it wants it out of use");
}
