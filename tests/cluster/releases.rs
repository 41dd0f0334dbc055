//! Two releases of Weir side by side.

use std::thread;
use std::time::Duration;

use crate::changes;
use crate::rig::{HTTP, Rig, json, until};
use crate::traffic::{NAMESPACE, ready};

/// Where clients of the second release connect.
const INTERNAL: &str = "10.99.0.10:30081";

fn ingress(name: &str, class: &str) -> String {
    let backend = "{ service: { name: shop, port: { number: 80 } } }";
    let path = format!("{{ path: /, pathType: Prefix, backend: {backend} }}");
    let rule = format!("{{ host: {name}.example.com, http: {{ paths: [{path}] }} }}");
    changes::ingress(name, class, &format!("  rules: [{rule}]\n"))
}

fn object(rig: &Rig, name: &str) -> serde_json::Value {
    json(&rig.kubectl(&format!("get -n {NAMESPACE} ingress/{name} -o json")))
}

fn address_of(rig: &Rig, name: &str) -> String {
    let ingress = object(rig, name);
    ingress["status"]["loadBalancer"]["ingress"][0]["ip"].as_str().unwrap_or_default().to_owned()
}

/// In one namespace, each with a class, a controller, a lease and addresses of its own.
pub fn two_side_by_side(rig: &Rig) {
    ready(rig);
    rig.helm(
        "upgrade --install internal charts/weir --namespace weir-system --wait --timeout 120s \
         --set image.tag=dev,service.type=NodePort,replicaCount=1,crds.enabled=false,drain.timeout=5s \
         --set service.nodePorts.http=30081,service.nodePorts.https=30444 \
         --set ingressClass.name=internal,ingressClass.controller=example.com/weir-internal",
    );
    rig.apply(&(ingress("outside", "weir") + &ingress("inside", "internal")));
    let cluster_ip = |service: &str| {
        let service = json(&rig.kubectl(&format!("get service -n weir-system {service} -o json")));
        service["spec"]["clusterIP"].as_str().expect("an address").to_owned()
    };
    let (first, second) = (cluster_ip("weir"), cluster_ip("internal-weir"));
    until("each to write its own addresses", || {
        address_of(rig, "outside") == first && address_of(rig, "inside") == second
    });
    let status = |address: &str, name: &str| {
        rig.fetch(address, &format!("{name}.example.com"), "/").expect("an answer").0
    };
    for (address, served, other) in [(HTTP, "outside", "inside"), (INTERNAL, "inside", "outside")] {
        until("its Ingress", || status(address, served) == 200);
        assert_eq!(status(address, other), 404, "{other} at {address}");
    }
    // Neither writes again what the other one has written.
    let versions = || ["outside", "inside"].map(|name| object(rig, name)["metadata"].clone());
    let before = versions();
    thread::sleep(Duration::from_secs(5));
    assert_eq!(versions(), before);
    rig.kubectl(&format!("delete -n {NAMESPACE} ingress/outside ingress/inside"));
    rig.helm("uninstall internal --namespace weir-system --wait");
}
