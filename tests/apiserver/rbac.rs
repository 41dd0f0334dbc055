//! The rights that the chart gives are enough, and each of them is needed.

use std::fs;
use std::path::Path;

use http::Method;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use weir::api::Kind;

use crate::apiserver::ApiServer;
use crate::control::Control;
use crate::ingress::{CLASSES, class, ingress, ingresses};
use crate::objects::{
    addresses, pool, pools, secrets, service, services, slice, slices, tls_secret,
};
use crate::rig::{create, namespace, send, server, within};

const SYSTEM: &str = "weir-system";
/// The lease that `weir run` uses; the chart gives rights to this one only.
const LEASE: &str = "weir-status";

/// What the chart renders, of these kinds.
fn rendered(kinds: &[&str]) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/install.yaml");
    let text = fs::read_to_string(path).unwrap();
    let documents =
        text.split("\n---\n").map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
    documents.filter(|d| kinds.iter().any(|kind| d["kind"] == *kind)).collect()
}

fn rules(kind: &str) -> Vec<Value> {
    let roles = rendered(&[kind]);
    assert_eq!(roles.len(), 1, "one {kind}");
    roles[0]["rules"].as_array().unwrap().clone()
}

/// Returns the rules without one verb on one resource. A rule that is left without verbs goes.
fn without(rules: &[Value], resource: &str, verb: &str) -> Vec<Value> {
    let mut rules = rules.to_vec();
    for rule in rules.iter_mut().filter(|rule| rule["resources"] == json!([resource])) {
        rule["verbs"].as_array_mut().unwrap().retain(|one| one != verb);
    }
    rules.retain(|rule| rule["verbs"] != json!([]));
    rules
}

/// Returns a client that acts as a user.
async fn act_as(server: &ApiServer, user: &str) -> Client {
    let mut file = Kubeconfig::read_from(server.kubeconfig()).unwrap();
    for auth in &mut file.auth_infos {
        auth.auth_info.as_mut().unwrap().impersonate = Some(user.to_owned());
    }
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
    weir::source::kubernetes::client(config.unwrap()).unwrap()
}

/// Gives a user rights in the cluster, and in the namespace of the lease.
async fn grant(admin: &Client, user: &str, cluster: &[Value], lease: &[Value]) {
    let group = "/apis/rbac.authorization.k8s.io/v1";
    let subjects =
        json!([{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }]);
    for (kind, path, rules) in [
        ("ClusterRole", group.to_owned(), cluster),
        ("Role", format!("{group}/namespaces/{SYSTEM}"), lease),
    ] {
        let plural = format!("{}s", kind.to_lowercase());
        let role = json!({ "metadata": { "name": user }, "rules": rules });
        create(admin, &format!("{path}/{plural}"), &role).await.unwrap();
        let binding = json!({ "metadata": { "name": user }, "subjects": subjects, "roleRef":
            { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": user } });
        let plural = format!("{}bindings", kind.to_lowercase());
        create(admin, &format!("{path}/{plural}"), &binding).await.unwrap();
    }
}

/// Namespace and pool that need every right.
async fn ready(server: &ApiServer, name: &str) -> Client {
    let admin = server.client().await;
    let system = json!({ "metadata": { "name": SYSTEM } });
    // The other tests here make it too.
    let _ = create(&admin, "/api/v1/namespaces", &system).await;
    grants(server).await;
    namespace(&admin, name).await;
    create(&admin, &secrets(name), &tls_secret(name, "wanted")).await.unwrap();
    let mut object = pool(name);
    object["spec"]["tls"] = json!({ "certificateRefs": [{ "name": "wanted" }] });
    object["spec"]["backendTLS"] = json!({ "validation":
        { "hostname": "shop.internal", "caCertificateRefs": [{ "name": "wanted" }] } });
    create(&admin, &pools(name), &object).await.unwrap();
    admin
}

/// Without the kind, nobody gets so far as to watch it.
async fn grants(server: &ApiServer) {
    let crd = json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "referencegrants.gateway.networking.k8s.io", "annotations":
            { "api-approved.kubernetes.io": "unapproved, for tests" } },
        "spec": { "group": "gateway.networking.k8s.io", "scope": "Namespaced",
            "names": { "kind": "ReferenceGrant", "plural": "referencegrants" },
            "versions": [{ "name": "v1beta1", "served": true, "storage": true, "schema":
                { "openAPIV3Schema":
                    { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } }] } });
    server.apply(&crd.to_string()).await.unwrap();
}

#[tokio::test]
async fn the_service_account_of_the_chart_may_do_what_weir_does() {
    let Some(server) = server().await else { return };
    let _admin = ready(server, "rbac").await;
    for object in
        rendered(&["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"])
    {
        server.apply(&object.to_string()).await.unwrap();
    }
    let user = act_as(server, &format!("system:serviceaccount:{SYSTEM}:weir")).await;
    let weir = Control::start(user.clone(), weir::source::kubernetes::Options::default());
    weir.until_state("all is well", |s| s.synced && s.trouble.is_none()).await;
    weir.until("the certificate", |w| w.certificates().contains("rbac/wanted")).await;
    for (what, method, path, body) in writes("rbac", "own") {
        let refused = within(what, settled(&user, &method, &path, &body, false)).await;
        assert!(!refused, "{what}");
    }
}

#[tokio::test]
async fn without_any_right_to_read_the_source_says_which_one_is_missing() {
    let Some(server) = server().await else { return };
    let admin = ready(server, "rbac-read").await;
    let (cluster, lease) = (rules("ClusterRole"), rules("Role"));
    let mut running = Vec::new();
    let mut seen = 0;
    for (resource, kind) in [
        ("backendpools", "BackendPool"),
        ("services", "Service"),
        ("endpointslices", "EndpointSlice"),
        ("ingresses", "Ingresse"),
        ("secrets", "Secret"),
        ("configmaps", "ConfigMap"),
    ] {
        for verb in ["list", "watch"] {
            let less = without(&cluster, resource, verb);
            assert_ne!(less, cluster, "the chart gives no {verb} of {resource}");
            seen += 1;
            let user = format!("no-{verb}-{resource}");
            grant(&admin, &user, &less, &lease).await;
            let weir = Control::start(
                act_as(server, &user).await,
                weir::source::kubernetes::Options::default(),
            );
            running.push((weir, format!("may not list and watch {kind}s: check the RBAC rules")));
        }
    }
    assert_eq!(seen, 12);
    for (weir, message) in running {
        weir.until_state(&message, |s| s.trouble.as_deref() == Some(&*message)).await;
    }
}

/// Nodes, grants and classes of Ingresses are done without; that each right is missed is counted.
#[tokio::test]
async fn without_a_right_to_read_what_can_be_done_without_all_else_is_served() {
    let Some(server) = server().await else { return };
    let admin = ready(server, "rbac-absent").await;
    let (cluster, lease) = (rules("ClusterRole"), rules("Role"));
    let mut running = Vec::new();
    for (resource, kind) in [
        ("nodes", Kind::Node),
        ("referencegrants", Kind::ReferenceGrant),
        ("ingressclasses", Kind::IngressClass),
    ] {
        for verb in ["list", "watch"] {
            let less = without(&cluster, resource, verb);
            assert_ne!(less, cluster, "the chart gives no {verb} of {resource}");
            let user = format!("no-{verb}-{resource}");
            grant(&admin, &user, &less, &lease).await;
            running.push((kind, reading(server, &user).await));
        }
    }
    grant(&admin, "reads-all", &cluster, &lease).await;
    let whole = reading(server, "reads-all").await;
    whole.until_state("all is well", |s| s.synced && s.trouble.is_none()).await;
    for (kind, weir) in &running {
        weir.until_state("all else is well", |s| s.synced && s.trouble.is_none()).await;
        weir.until("the pool", |w| w.find("rbac-absent.test", "/").is_some()).await;
        weir.until("what is missed", |w| w.failures(*kind) > 0).await;
        assert_eq!(whole.failures(*kind), 0, "{kind}");
    }
}

/// Starts to watch once the rights of a user are known, so that what is refused then is what it lacks.
async fn reading(server: &ApiServer, user: &str) -> Control {
    let client = act_as(server, user).await;
    let asked = settled(&client, &Method::GET, "/api/v1/services", &Value::Null, false);
    within("rights to be known", asked).await;
    Control::start(client, weir::source::kubernetes::Options::default())
}

/// A watch needs the right to list only where it begins: one that runs goes on, and is taken up
/// where it was whenever it ends. So what was known of the kind counts until a list is needed, as
/// after a restart or an outage.
#[tokio::test]
async fn the_right_to_list_classes_is_missed_by_who_starts_without_it() {
    let Some(server) = server().await else { return };
    let admin = ready(server, "rbac-list").await;
    let (cluster, lease) = (rules("ClusterRole"), rules("Role"));
    let less = without(&cluster, "ingressclasses", "list");
    assert_ne!(less, cluster);
    create(&admin, CLASSES, &class("rbac-list", "weir.dev/ingress-controller")).await.unwrap();
    create(&admin, &services("rbac-list"), &service("rbac-list")).await.unwrap();
    create(&admin, &slices("rbac-list"), &slice("rbac-list", &addresses(0..2))).await.unwrap();
    let web = ingress("web", "rbac-list", "web.rbac-list.test");
    create(&admin, &ingresses("rbac-list"), &web).await.unwrap();
    grant(&admin, "lists-classes", &cluster, &lease).await;
    let user = act_as(server, "lists-classes").await;
    let options = weir::source::kubernetes::Options::default;
    let running = Control::start(user.clone(), options());
    running.until_state("all is well", |s| s.synced && s.trouble.is_none()).await;
    running.until("the route", |w| w.find("web.rbac-list.test", "/").is_some()).await;

    let role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/lists-classes";
    send(&admin, Method::PATCH, role, &json!({ "rules": less })).await.unwrap();
    let is_refused = async {
        while send(&user, Method::GET, CLASSES, &Value::Null).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within("the right to be gone", is_refused).await;
    let fresh = Control::start(user, options());
    fresh.until_state("all but the classes", |s| s.synced && s.trouble.is_none()).await;
    // The pool has a host of its own: with it the first table is there, and the Ingress in none.
    fresh.until("the pool", |w| w.find("rbac-list.test", "/").is_some()).await;
    assert_eq!(fresh.find("web.rbac-list.test", "/"), None);
    // The watch that ran before still brings what changes.
    assert!(running.find("web.rbac-list.test", "/").is_some());
    send(&admin, Method::DELETE, &format!("{CLASSES}/rbac-list"), &json!({})).await.unwrap();
    running.until("no route", |w| w.find("web.rbac-list.test", "/").is_none()).await;
}

type Write = (&'static str, Method, String, Value);

/// What the part that writes status and Events sends: the verb and the resource, and a request.
fn writes(namespace: &str, name: &str) -> Vec<Write> {
    let events = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
    let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases");
    let lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": LEASE }, "spec": { "holderIdentity": name } });
    let event = json!({ "metadata": { "name": name, "namespace": namespace },
        "action": "HealthCheck", "reason": "EndpointUnhealthy", "type": "Warning", "note": "a",
        "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "weir.dev/weir",
        "reportingInstance": name, "regarding": { "kind": "BackendPool", "name": "shop",
            "namespace": namespace, "apiVersion": "weir.dev/v1alpha1" } });
    let series = json!({ "series":
        { "count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z" } });
    let status = json!({ "status": { "conditions": [] } });
    let pool = format!("{}/shop", pools(namespace));
    let ingress = format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses/shop");
    let served = json!({ "status": { "loadBalancer": {} } });
    vec![
        // Where the pod runs; that there is no such node is another answer.
        ("get nodes", Method::GET, "/api/v1/nodes/here".to_owned(), Value::Null),
        ("get backendpools", Method::GET, pool.clone(), Value::Null),
        ("patch backendpools/status", Method::PATCH, format!("{pool}/status"), status),
        ("get ingresses", Method::GET, ingress.clone(), Value::Null),
        ("patch ingresses/status", Method::PATCH, format!("{ingress}/status"), served),
        ("create events", Method::POST, events.clone(), event),
        ("patch events", Method::PATCH, format!("{events}/{name}"), series),
        ("create leases", Method::POST, leases.clone(), lease.clone()),
        ("get leases", Method::GET, format!("{leases}/{LEASE}"), Value::Null),
        ("update leases", Method::PUT, format!("{leases}/{LEASE}"), lease),
    ]
}

#[tokio::test]
async fn without_a_right_to_write_that_write_alone_is_refused() {
    let Some(server) = server().await else { return };
    let admin = ready(server, "rbac-write").await;
    let (cluster, lease) = (rules("ClusterRole"), rules("Role"));
    for missing in writes("rbac-write", "").into_iter().map(|(what, ..)| what) {
        let (verb, resource) = missing.split_once(' ').unwrap();
        let name = format!("no-{verb}-{}", resource.replace('/', "-"));
        let less = (without(&cluster, resource, verb), without(&lease, resource, verb));
        assert_ne!(less, (cluster.clone(), lease.clone()), "the chart gives no {missing}");
        grant(&admin, &name, &less.0, &less.1).await;
        let user = act_as(server, &name).await;
        for (what, method, path, body) in writes("rbac-write", &name) {
            let refused = within(
                "rights to be known",
                settled(&user, &method, &path, &body, what == missing),
            );
            let refused = refused.await;
            assert_eq!(refused, what == missing, "{what} without {missing}");
        }
    }
}

/// Sends until it is not forbidden, as new rights are known after a moment; returns whether it was
/// forbidden where that is what should be. Another refusal comes after the right was seen.
async fn settled(user: &Client, method: &Method, path: &str, body: &Value, refuse: bool) -> bool {
    loop {
        match send(user, method.clone(), path, body).await {
            Err(kube::Error::Api(status)) if status.code == 403 => {
                if refuse {
                    return true;
                }
                tokio::task::yield_now().await;
            }
            Ok(_) | Err(kube::Error::Api(_)) => return false,
            Err(error) => panic!("{path}: {error}"),
        }
    }
}
