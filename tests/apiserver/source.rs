//! From objects in a cluster to the table that serves.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;
use weir::api::Kind;

use crate::apiserver::{ApiServer, Options, assets_or_skip};
use crate::control::Control;
use crate::objects::{addresses, pool, pools, secrets, shop, slice, slices, tls_secret, with_port};
use crate::rig::{create, install_crds, namespace, send, server, within};

#[tokio::test]
async fn a_pool_is_served_changed_and_gone() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let weir = Control::start(client.clone(), weir::source::kubernetes::Options::default());
    shop(&client, "life").await;
    let two = with_port(&addresses(0..2));
    weir.until("two endpoints", |w| w.endpoints("life", "shop").as_ref() == Some(&two)).await;
    assert_eq!(weir.find("life.test", "/").as_deref(), Some("life/shop"));

    let change = json!({ "spec": { "routes": [{ "hostnames": ["other.test"] }],
        "loadBalancing": { "algorithm": "LeastRequest" } } });
    send(&client, Method::PATCH, &format!("{}/shop", pools("life")), &change).await.unwrap();
    weir.until("the new host", |w| w.find("other.test", "/").as_deref() == Some("life/shop")).await;
    assert_eq!(weir.find("life.test", "/"), None);
    assert_eq!(weir.endpoints("life", "shop"), Some(two));

    let path = format!("{}/shop", pools("life"));
    send(&client, Method::DELETE, &path, &json!({})).await.unwrap();
    weir.until("no pool", |w| w.endpoints("life", "shop").is_none()).await;
    assert_eq!(weir.find("other.test", "/"), None);
}

#[tokio::test]
async fn endpoints_churn_and_the_last_state_is_served() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let weir = Control::start(client.clone(), weir::source::kubernetes::Options::default());
    shop(&client, "churn").await;
    weir.until("the pool", |w| w.endpoints("churn", "shop").is_some()).await;
    let before = weir.generation();
    let guard = weir.guard("churn", "shop");
    for round in 0..100 {
        let body = json!({ "endpoints": slice("churn", &addresses(round..round + 1 + round % 7))
            ["endpoints"] });
        send(&client, Method::PATCH, &format!("{}/shop-1", slices("churn")), &body).await.unwrap();
    }
    let last = with_port(&addresses(99..100 + 99 % 7));
    weir.until("the last state", |w| w.endpoints("churn", "shop").as_ref() == Some(&last)).await;
    assert!(weir.generation() > before);
    guard.was_always_there().await;
}

#[tokio::test]
async fn a_secret_is_watched_only_while_it_is_referenced() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let weir = Control::start(client.clone(), weir::source::kubernetes::Options::default());
    namespace(&client, "secret").await;
    for name in ["wanted", "other"] {
        create(&client, &secrets("secret"), &tls_secret("secret", name)).await.unwrap();
    }
    let mut pool = pool("secret");
    pool["spec"]["tls"] = json!({ "certificateRefs": [{ "name": "wanted" }] });
    create(&client, &pools("secret"), &pool).await.unwrap();
    weir.until("the certificate", |w| w.certificates().contains("secret/wanted")).await;
    assert_eq!(weir.told(Kind::Secret, "secret"), BTreeSet::from(["wanted".to_owned()]));

    let change = json!({ "spec": { "tls": { "certificateRefs": [{ "name": "other" }] } } });
    send(&client, Method::PATCH, &format!("{}/shop", pools("secret")), &change).await.unwrap();
    weir.until("the other", |w| w.certificates().contains("secret/other")).await;

    let change = json!({ "spec": { "tls": null } });
    send(&client, Method::PATCH, &format!("{}/shop", pools("secret")), &change).await.unwrap();
    weir.until("no certificate", |w| !w.certificates().contains("secret/other")).await;
    // What is not referenced any more is forgotten, and changes of it are not told.
    weir.until("no Secret", |w| w.told(Kind::Secret, "secret").is_empty()).await;
}

#[tokio::test]
async fn a_config_map_is_watched_only_while_it_is_referenced() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let weir = Control::start(client.clone(), weir::source::kubernetes::Options::default());
    namespace(&client, "authorities").await;
    for name in ["wanted", "other"] {
        let map = json!({ "metadata": { "name": name }, "data": { "ca.crt": "later" } });
        let path = "/api/v1/namespaces/authorities/configmaps";
        create(&client, path, &map).await.unwrap();
    }
    let mut pool = pool("authorities");
    pool["spec"]["backendTLS"] = json!({ "validation":
        { "hostname": "shop.internal", "caCertificateRefs": [{ "name": "wanted" }] } });
    create(&client, &pools("authorities"), &pool).await.unwrap();
    let told = |weir: &Control| weir.told(Kind::ConfigMap, "authorities");
    weir.until("the ConfigMap", |w| told(w) == BTreeSet::from(["wanted".to_owned()])).await;

    let change = json!({ "spec": { "backendTLS": null } });
    send(&client, Method::PATCH, &format!("{}/shop", pools("authorities")), &change).await.unwrap();
    weir.until("no ConfigMap", |w| told(w).is_empty()).await;
}

#[tokio::test]
async fn objects_that_make_no_sense_disturb_nobody() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    namespace(&client, "garbage").await;
    // An address that no one may dial, a Service that is not there, a regular expression that is
    // none, a slice without a Service, one whose port is missing.
    for (name, spec) in [
        (
            "loopback",
            json!({ "backends": [{ "endpoint": { "address": "127.0.0.1", "port": 1 } }] }),
        ),
        ("address", json!({ "backends": [{ "endpoint": { "address": "::::", "port": 1 } }] })),
        ("nothing", json!({ "backends": [{ "service": { "name": "absent", "port": 1 } }] })),
        (
            "foreign",
            json!({ "backends": [{ "service": { "name": "shop", "namespace": "sane", "port": 80 } }] }),
        ),
        (
            "pattern",
            json!({ "backends": [{ "service": { "name": "absent", "port": 1 } }],
            "routes": [{ "matches": [{ "path": { "type": "RegularExpression", "value": "(" } }] }] }),
        ),
    ] {
        let mut object = pool("garbage");
        object["metadata"]["name"] = name.into();
        object["spec"] = spec;
        if object["spec"].get("routes").is_none() {
            object["spec"]["routes"] = json!([{ "hostnames": [format!("{name}.test")] }]);
        }
        create(&client, &pools("garbage"), &object).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let mut orphan = slice("garbage", &addresses(0..3));
    orphan["metadata"]["labels"] = json!({});
    orphan["ports"] = json!([]);
    create(&client, &slices("garbage"), &orphan).await.unwrap();

    let weir = Control::start(client.clone(), weir::source::kubernetes::Options::default());
    shop(&client, "sane").await;
    let two = with_port(&addresses(0..2));
    weir.until("the sane pool", |w| w.endpoints("sane", "shop").as_ref() == Some(&two)).await;
    assert_eq!(weir.find("sane.test", "/").as_deref(), Some("sane/shop"));
    for name in ["loopback", "address", "nothing", "foreign", "pattern"] {
        weir.until(name, |w| {
            let said = w.conditions("garbage", name);
            said.iter().any(|c| !c.status && !c.message.is_empty())
        })
        .await;
        let there = weir.endpoints("garbage", name).unwrap_or_default();
        assert_eq!(there, BTreeSet::new(), "{name}");
    }
}

/// The CRD comes late, an object was stored under an older schema, and the API server dies.
#[tokio::test]
async fn what_is_known_is_served_through_outages() {
    if assets_or_skip().is_none() {
        return;
    }
    let server = ApiServer::start(Options::default()).await.unwrap();
    let client = server.client().await;
    let weir = Control::start(client.clone(), weir::source::kubernetes::Options::default());
    let state = weir.until_state("the missing CRD", |s| s.trouble.is_some()).await;
    assert!(!state.synced);
    assert!(state.trouble.unwrap().contains("apply the output of `weir crds`"));

    install_crds(&server).await;
    weir.until_state("the CRD", |s| s.synced && s.trouble.is_none()).await;
    shop(&client, "outage").await;
    let two = with_port(&addresses(0..2));
    weir.until("the pool", |w| w.endpoints("outage", "shop").as_ref() == Some(&two)).await;

    let guard = weir.guard("outage", "shop");
    server.kill_apiserver().await.unwrap();
    let state = weir.until_state("trouble", |s| s.trouble.is_some()).await;
    assert!(state.synced, "what is known stays in use");
    assert_eq!(weir.find("outage.test", "/").as_deref(), Some("outage/shop"));
    // Until the pauses between two tries are as long as after an outage of hours.
    weir.until("the longest pause", |w| w.failures(Kind::EndpointSlice) > 7).await;
    server.start_apiserver().await.unwrap();
    let answers = Instant::now();
    let three = addresses(0..3);
    let body = json!({ "endpoints": slice("outage", &three)["endpoints"] });
    send(&client, Method::PATCH, &format!("{}/shop-1", slices("outage")), &body).await.unwrap();
    let three = with_port(&three);
    weir.until("a change", |w| w.endpoints("outage", "shop").as_ref() == Some(&three)).await;
    let took = answers.elapsed();
    println!("a change was followed {:.1} s after the API server answered", took.as_secs_f64());
    // The longest pause is 4 s; the rest is for a busy machine.
    assert!(took < Duration::from_secs(10), "{took:?}");
    weir.until_state("recovery", |s| s.synced && s.trouble.is_none()).await;
    guard.was_always_there().await;
    undecodable(&server, &client, &weir).await;
}

/// An object that was stored while the CRD allowed more.
async fn undecodable(server: &ApiServer, client: &kube::Client, weir: &Control) {
    let mut crd = serde_json::to_value(weir::api::backend_pool_crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    server.apply(&crd.to_string()).await.unwrap();
    let mut object = pool("outage");
    object["metadata"]["name"] = "broken".into();
    object["spec"] = json!({ "backends": "many" });
    // The API server takes a new schema up after a moment.
    within("the open schema", async {
        while create(client, &pools("outage"), &object).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    weir.until("the unreadable pool", |w| w.is_invalid(Kind::BackendPool, "outage", "broken"))
        .await;
    weir.until("the condition", |w| {
        let said = w.conditions("outage", "broken");
        said.iter()
            .any(|c| !c.status && c.message.contains("not a readable BackendPool: spec.backends: "))
    })
    .await;
    assert_eq!(weir.find("outage.test", "/").as_deref(), Some("outage/shop"));
}
