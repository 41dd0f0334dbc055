//! The whole translation and the translation of changes are the same.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Options, Translator, translate};
use crate::api::{
    Change, ConditionType, DnsRecord, InvalidObject, Kind, Object, ObjectKey, Objects,
    ReferenceGrant,
};
use crate::model::Changed;

fn parse<T: serde::de::DeserializeOwned>(value: Value) -> Arc<T> {
    Arc::new(serde_json::from_value(value).unwrap())
}

fn meta(key: &ObjectKey) -> Value {
    json!({"namespace": key.namespace, "name": key.name})
}

fn pool(key: &ObjectKey, variant: u8) -> Object {
    let mut metadata = meta(key);
    metadata["creationTimestamp"] = json!(format!("2026-01-0{}T00:00:00Z", 1 + variant % 3));
    let host = if variant & 1 == 0 { "a.example.com" } else { "*.example.com" };
    let path = if variant & 2 == 0 { "/" } else { "/a" };
    let namespace = if variant & 4 == 0 { "one" } else { "two" };
    let service = format!("s{}", variant % 3);
    let mut spec = json!({
        "backends": [{"service": {"name": service, "namespace": namespace, "port": 80}}],
        "routes": [
            {"hostnames": [host], "matches": [{"path": {"value": path}}]},
            {"hostnames": ["b.example.com"]},
        ],
    });
    if variant & 8 != 0 {
        spec["tls"] = json!({"certificateRefs": [{"name": service}]});
    }
    if variant & 0x30 == 0x30 {
        let section = if variant & 4 == 0 { json!(null) } else { json!("http") };
        spec = json!({
            "panicThreshold": variant % 3,
            "targetRefs": [
                {"kind": "Service", "name": service, "sectionName": section},
                {"kind": "Service", "name": "s0"},
            ],
        });
        if variant & 1 == 0 {
            spec["access"] = json!({"deny": [format!("10.0.{variant}.0/24")]});
        }
        if variant & 2 == 0 {
            let version = if variant & 1 == 0 { "TLSv1.3" } else { "TLSv1.2" };
            spec["tls"] = json!({"minVersion": version});
        }
        if variant & 8 != 0 {
            spec["notInherited"] = json!(["access", "timeouts"]);
        }
    }
    if variant & 0x80 != 0 {
        spec["backendTLS"] = json!({"validation": {"hostname": "a.test", "caCertificateRefs": [
            {"name": service, "namespace": namespace, "kind": if variant & 1 == 0 { "ConfigMap" } else { "Secret" }},
        ]}});
    }
    if variant & 0x40 != 0 {
        spec["timeouts"] = json!({"request": format!("{}s", 100 + variant % 3)});
    }
    if variant.is_multiple_of(3) {
        spec["sessionPersistence"] =
            json!({"type": if variant & 4 == 0 { "Cookie" } else { "Header" }});
        if variant & 1 == 0 {
            spec["sessionPersistence"]["sessionName"] = json!("sid");
        }
    }
    if variant.is_multiple_of(7) {
        spec["timeouts"] = json!({"connect": "soon"});
    }
    Object::BackendPool(parse(json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool", "metadata": metadata, "spec": spec,
    })))
}

/// As stored by an API server that had an older CRD.
#[test]
fn a_time_of_zero_that_means_nothing_is_refused_where_no_crd_did_it() {
    let key = ObjectKey::new("a", "a");
    for (spec, field) in [
        (json!({"timeouts": {"connect": "0s"}}), "spec.timeouts.connect"),
        (json!({"limits": {"queueTimeout": "0ms"}}), "spec.limits.queueTimeout"),
        (json!({"rateLimit": {"requests": 1, "per": "0s"}}), "spec.rateLimit.per"),
        (
            json!({"loadBalancing": {"slowStart": {"window": "0s"}}}),
            "spec.loadBalancing.slowStart.window",
        ),
        (
            json!({"outlierDetection": {"baseEjectionTime": "0s"}}),
            "spec.outlierDetection.baseEjectionTime",
        ),
        (
            json!({"outlierDetection": {"baseEjectionTime": "6m"}}),
            "spec.outlierDetection.baseEjectionTime",
        ),
        (json!({"healthCheck": {"tcp": {}, "timeout": "0s"}}), "spec.healthCheck.timeout"),
        (json!({"healthCheck": {"tcp": {}, "interval": "0s"}}), "spec.healthCheck.interval"),
    ] {
        let mut spec = spec;
        spec["backends"] = json!([{"service": {"name": "a", "port": 80}}]);
        let object = parse(json!({"metadata": meta(&key), "spec": spec}));
        let mut objects = Objects::default();
        let object = Some(Object::BackendPool(object));
        objects.apply(Change { kind: Kind::BackendPool, key: key.clone(), object });
        let mut translator = Translator::new(Options::default());
        translator.restart(&objects);
        let conditions = translator.update_of(&objects, &key).unwrap().conditions;
        let accepted = conditions.iter().find(|one| one.kind == ConditionType::Accepted).unwrap();
        let says = format!("{field}: ");
        assert!(!accepted.status && accepted.message.starts_with(&says), "{accepted:?}");
    }
}

/// As stored by an API server that had an older CRD: it was served, and goes on to be.
#[test]
fn a_session_of_less_than_a_second_is_one_of_a_second() {
    let key = ObjectKey::new("a", "a");
    for (said, meant) in [("1ms", Some(1_000)), ("999ms", Some(1_000)), ("0s", None)] {
        let object = parse(json!({
            "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool", "metadata": meta(&key), "spec": {
                "backends": [{"endpoint": {"address": "10.0.0.1", "port": 80}}],
                "sessionPersistence": {"absoluteTimeout": said},
            },
        }));
        let mut objects = Objects::default();
        let object = Some(Object::BackendPool(object));
        objects.apply(Change { kind: Kind::BackendPool, key: key.clone(), object });
        let result = translate(&objects, Options::default());
        let pool = result.model.pools.values().next().unwrap();
        let persistence = pool.persistence.as_ref().unwrap();
        assert_eq!(persistence.absolute_timeout, meant.map(Duration::from_millis), "{said}");
        let accepted = &result.updates[0].conditions[0];
        let warning = "warning: spec.sessionPersistence.absoluteTimeout: below 1s counts as 1s";
        assert!(accepted.status);
        assert_eq!(accepted.message.contains(warning), meant.is_some(), "{}", accepted.message);
    }
}

fn slice(key: &ObjectKey, variant: u8) -> Object {
    let mut metadata = meta(key);
    metadata["labels"] = json!({"kubernetes.io/service-name": format!("s{}", variant % 3)});
    let slice: Arc<EndpointSlice> = parse(json!({
        "metadata": metadata, "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": [
            {"addresses": [format!("10.0.0.{}", variant % 16)], "nodeName": format!("n{}", variant % 2)},
            {"addresses": [format!("10.0.1.{}", variant % 4)], "conditions": {"ready": variant & 1 == 0}},
        ],
    }));
    Object::EndpointSlice(slice)
}

fn ingress(key: &ObjectKey, variant: u8) -> Object {
    let mut metadata = meta(key);
    metadata["creationTimestamp"] = json!(format!("2026-01-0{}T00:00:00Z", 1 + variant % 3));
    let service = json!({"service": {"name": format!("s{}", variant % 3),
        "port": if variant & 1 == 0 { json!({"number": 80}) } else { json!({"name": "http"}) }}});
    let resource = json!({"resource":
        {"apiGroup": "weir.dev", "kind": "BackendPool", "name": format!("o{}", variant % 4)}});
    let backend = if variant & 2 == 0 { &service } else { &resource };
    let host = if variant & 4 == 0 { "a.example.com" } else { "*.example.com" };
    let mut spec = json!({
        "rules": [
            {"host": host, "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": backend},
                {"path": "/a", "pathType": "Exact", "backend": service},
            ]}},
            {"host": "b.example.com"},
        ],
    });
    if variant & 8 != 0 {
        spec["defaultBackend"] = backend.clone();
    }
    if variant & 16 != 0 {
        spec["tls"] = json!([{"secretName": format!("s{}", variant % 3)}]);
    }
    match variant % 5 {
        0 => {}
        1 => spec["ingressClassName"] = json!("other"),
        2 => metadata["annotations"] = json!({"kubernetes.io/ingress.class": "o0"}),
        _ => spec["ingressClassName"] = json!("weir"),
    }
    Object::Ingress(parse(json!({"metadata": metadata, "spec": spec})))
}

fn class(key: &ObjectKey, variant: u8) -> Object {
    let default = if variant & 1 == 0 { "true" } else { "false" };
    let controller = if variant & 2 == 0 { "weir.dev/ingress-controller" } else { "else" };
    Object::IngressClass(parse(json!({
        "metadata": {"name": key.name,
            "annotations": {"ingressclass.kubernetes.io/is-default-class": default}},
        "spec": {"controller": controller, "parameters": {"apiGroup": "weir.dev",
            "kind": "BackendPool", "scope": "Namespace", "namespace": "one",
            "name": format!("o{}", variant % 4)}},
    })))
}

fn object(kind: Kind, key: &ObjectKey, variant: u8) -> Object {
    match kind {
        Kind::ConfigMap => {
            static AUTHORITY: LazyLock<String> = LazyLock::new(|| {
                rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap().cert.pem()
            });
            let text = if variant & 1 == 0 { AUTHORITY.as_str() } else { "garbage" };
            Object::ConfigMap(parse(json!({"metadata": meta(key), "data": {"ca.crt": text}})))
        }
        Kind::DnsRecord => Object::DnsRecord(Arc::new(DnsRecord {
            addresses: vec![format!("10.0.2.{}", variant % 4).parse().unwrap()],
            trouble: None,
        })),
        Kind::Ingress => ingress(key, variant),
        Kind::IngressClass => class(key, variant),
        Kind::BackendPool => pool(key, variant),
        Kind::EndpointSlice => slice(key, variant),
        Kind::Node => {
            let labels = json!({"topology.kubernetes.io/zone": format!("z{}", variant % 3)});
            let node: Arc<Node> = parse(json!({"metadata": {"name": key.name, "labels": labels}}));
            Object::Node(node)
        }
        Kind::ReferenceGrant => {
            let grant: Arc<ReferenceGrant> = parse(json!({
                "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
                "metadata": meta(key),
                "spec": {
                    "from": [{"group": "weir.dev", "kind": "BackendPool",
                        "namespace": if variant & 1 == 0 { "one" } else { "two" }}],
                    "to": [{"kind": "Service"}, {"kind": "ConfigMap"}],
                },
            }));
            Object::ReferenceGrant(grant)
        }
        Kind::Secret => {
            static PAIR: LazyLock<[String; 2]> = LazyLock::new(|| {
                let names = ["a.example.com", "b.example.com", "*.example.com"];
                let made = rcgen::generate_simple_self_signed(names.map(str::to_owned)).unwrap();
                [made.cert.pem(), made.signing_key.serialize_pem()]
                    .map(|pem| BASE64_STANDARD.encode(pem))
            });
            let kind = if variant & 1 == 0 { "Opaque" } else { "kubernetes.io/tls" };
            let data = json!({"tls.crt": PAIR[0], "tls.key": PAIR[1]});
            let data = if variant & 2 == 0 { json!(null) } else { data };
            Object::Secret(parse(json!({"metadata": meta(key), "type": kind, "data": data})))
        }
        Kind::Service => {
            let service: Arc<Service> = parse(json!({
                "metadata": meta(key),
                "spec": {"type": if variant & 64 == 0 { "ClusterIP" } else { "ExternalName" },
                    "externalName": "db.example.com", "ports": [{"name": "http", "port": if variant & 1 == 0 { 80 } else { 81 }}]},
            }));
            Object::Service(service)
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let kinds = [
        Kind::BackendPool,
        Kind::BackendPool,
        Kind::ConfigMap,
        Kind::DnsRecord,
        Kind::EndpointSlice,
        Kind::Ingress,
        Kind::Ingress,
        Kind::IngressClass,
        Kind::Node,
        Kind::ReferenceGrant,
        Kind::Secret,
        Kind::Service,
    ];
    let kind = prop::sample::select(kinds.to_vec());
    (kind, 0..2_u8, 0..3_u8, any::<u8>()).prop_map(|(kind, namespace, name, variant)| {
        let namespace = ["one", "two"][usize::from(namespace)];
        let key = match kind {
            Kind::Node => ObjectKey::new("", format!("n{name}")),
            Kind::DnsRecord => ObjectKey::new("", "db.example.com"),
            Kind::IngressClass => ObjectKey::new("", ["weir", "o0", "o1"][usize::from(name)]),
            Kind::ConfigMap | Kind::Service | Kind::Secret => {
                ObjectKey::new(namespace, format!("s{name}"))
            }
            _ => ObjectKey::new(namespace, format!("o{name}")),
        };
        let object = match variant % 11 {
            0 | 1 => None,
            2 => Some(Object::Invalid(Arc::new(InvalidObject {
                generation: Some(i64::from(variant)),
                message: "it is garbage".into(),
            }))),
            _ => Some(object(kind, &key, variant)),
        };
        Change { kind, key, object }
    })
}

proptest! {
    /// Pools, Ingresses, classes, Services, slices, nodes, Secrets, ConfigMaps and grants of two namespaces come, change,
    /// become unreadable and go, some at a time.
    #[test]
    fn changes_one_by_one_give_what_all_at_once_gives(
        batches in prop::collection::vec(prop::collection::vec(change(), 1..6), 1..12),
    ) {
        let mut objects = Objects::default();
        let mut translator = Translator::new(Options::default());
        let (mut updates, mut ingresses) = (BTreeMap::new(), BTreeMap::new());
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
            prop_assert_eq!(translator.config_maps(), whole.config_maps);
            prop_assert_eq!(translator.names(), whole.names);
            prop_assert_eq!(&step.changed, &Changed::between(&before, &whole.model));
            for key in step.judged {
                match translator.update_of(&objects, &key) {
                    Some(update) => updates.insert(key, update),
                    None => updates.remove(&key),
                };
            }
            prop_assert_eq!(updates.values().cloned().collect::<Vec<_>>(), whole.updates);
            for key in step.judged_ingresses {
                match translator.ingress_update_of(&key) {
                    Some(update) => ingresses.insert(key, update),
                    None => ingresses.remove(&key),
                };
            }
            let ours = ingresses.values().filter(|update| update.is_ours).cloned();
            prop_assert_eq!(ours.collect::<Vec<_>>(), whole.ingresses);
            // A table relies on it: a route without its pool would lead nowhere.
            let routes = whole.model.routes.values().flat_map(|routes| routes.iter());
            prop_assert!(routes.into_iter().all(|r| whole.model.pools.contains_key(&r.pool)));
        }
        prop_assert!(translator.restart(&objects).changed.is_empty());
    }
}

#[test]
fn the_older_of_two_equal_claims_is_served() {
    let mut objects = Objects::default();
    // Of one shape but for the time of creation: the third of January, and the first.
    for (name, variant) in [("p1", 2), ("p2", 18)] {
        let key = ObjectKey::new("one", name);
        let object = Some(pool(&key, variant));
        objects.apply(Change { kind: Kind::BackendPool, key, object });
    }
    let result = translate(&objects, Options::default());
    let served: Vec<&str> = result.model.routes.keys().map(crate::model::Origin::as_str).collect();
    assert_eq!(served, ["one/p2"]);
    let younger = result.updates.iter().find(|update| update.pool.name == "p1").unwrap();
    let accepted = younger.conditions.first().unwrap();
    assert!(!accepted.status);
    assert!(
        accepted.message.contains("BackendPool one/p2, which is older"),
        "{}",
        accepted.message
    );
}

#[test]
fn an_alias_never_leads_into_weir_itself_or_to_metadata() {
    let mut objects = Objects::default();
    let service: Arc<Service> = parse(json!({
        "metadata": {"namespace": "one", "name": "s0"},
        "spec": {"type": "ExternalName", "externalName": "db.example.com"},
    }));
    let key = ObjectKey::new("one", "s0");
    objects.apply(Change { kind: Kind::Service, key, object: Some(Object::Service(service)) });
    let key = ObjectKey::new("one", "p");
    let pool = parse(json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "metadata": {"namespace": "one", "name": "p"},
        "spec": {"backends": [{"service": {"name": "s0", "port": 80}}]},
    }));
    objects.apply(Change { kind: Kind::BackendPool, key, object: Some(Object::BackendPool(pool)) });
    let mut translator = Translator::new(Options::default());
    translator.restart(&objects);
    let name = ObjectKey::new("", "db.example.com");
    assert_eq!(translator.names(), [name.clone()].into());
    let addresses = ["10.0.0.1", "127.0.0.1", "169.254.169.254", "fe80::1", "fd00:ec2::254"];
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let record = Object::DnsRecord(Arc::new(DnsRecord { addresses, trouble: None }));
    let change = Change { kind: Kind::DnsRecord, key: name, object: Some(record) };
    objects.apply(change.clone());
    translator.apply(&objects, &[change]);
    let pool = translator.model().pools.values().next().unwrap();
    let found: Vec<String> =
        pool.backends[0].endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect();
    assert_eq!(found, ["10.0.0.1:80"]);
    let update = translator.updates(&objects).remove(0);
    let resolved = &update.conditions[1];
    assert!(!resolved.status && resolved.message.contains("169.254.169.254"), "{resolved:?}");
}

#[test]
fn a_preference_for_a_place_that_weir_does_not_know_is_a_warning() {
    for (prefer, lacks_zone, lacks_region, said) in [
        ("Zone", true, true, Some("neither its zone nor its region")),
        ("Zone", true, false, Some("only its region is preferred")),
        ("Zone", false, true, None),
        ("Region", false, true, Some("start it with --region")),
        ("Region", true, false, None),
    ] {
        let key = ObjectKey::new("one", "a");
        let spec = json!({
            "backends": [{"endpoint": {"address": "10.0.0.1", "port": 80}}],
            "loadBalancing": {"locality": {"prefer": prefer}},
        });
        let object = Object::BackendPool(parse(json!({
            "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool", "metadata": meta(&key), "spec": spec,
        })));
        let mut objects = Objects::default();
        objects.apply(Change { kind: Kind::BackendPool, key, object: Some(object) });
        let options = Options { lacks_zone, lacks_region, ..Options::default() };
        let updates = translate(&objects, options).updates;
        let accepted = &updates[0].conditions[0];
        assert!(accepted.status);
        let warning = accepted.message.strip_prefix("the spec is valid");
        match said {
            None => assert_eq!(warning, Some(""), "{prefer}"),
            Some(said) => {
                let field = "; warning: spec.loadBalancing.locality.prefer: ";
                assert!(accepted.message.contains(field) && accepted.message.contains(said));
            }
        }
    }
}
