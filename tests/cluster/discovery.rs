//! What Prometheus's discovery finds in a cluster, with the labels that it gives. Debian's Prometheus
//! is built without it, and reads this from a file instead.
//! Source: Prometheus, configuration, kubernetes_sd_config, roles pod and endpointslice.

use serde_json::{Map, Value, json};

use crate::rig::{Rig, json as read};

/// Returns the targets of a role in a namespace.
pub fn targets(rig: &Rig, role: &str, namespace: &str) -> Value {
    let list = |kind: &str| -> Vec<Value> {
        let all = read(&rig.kubectl(&format!("get {kind} -n {namespace} -o json")));
        all["items"].as_array().expect("a list").clone()
    };
    let pods = list("pods");
    if role == "pod" {
        return of_pods(&pods).collect();
    }
    let services = list("services");
    list("endpointslices").iter().flat_map(|slice| of_slice(slice, &services, &pods)).collect()
}

fn of_pods(pods: &[Value]) -> impl Iterator<Item = Value> {
    let with_address = pods.iter().filter(|pod| pod["status"]["podIP"].is_string());
    with_address.flat_map(|pod| {
        ports(pod).map(|(container, port)| {
            let mut labels = about(pod, "pod");
            labels.insert(meta("pod_phase"), pod["status"]["phase"].clone());
            labels.insert(meta("pod_container_name"), container.clone());
            labels.insert(meta("pod_container_port_name"), port["name"].clone());
            target(&pod["status"]["podIP"], &port["containerPort"], &labels)
        })
    })
}

/// The ports of a pod's containers, and whose they are.
fn ports(pod: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers.flat_map(|container| {
        let ports = container["ports"].as_array().into_iter().flatten();
        ports.map(|port| (&container["name"], port))
    })
}

fn of_slice(slice: &Value, services: &[Value], pods: &[Value]) -> Vec<Value> {
    let named = |all: &[Value], name: &Value| -> Option<Value> {
        all.iter().find(|one| one["metadata"]["name"] == *name).cloned()
    };
    let service = named(services, &slice["metadata"]["labels"]["kubernetes.io/service-name"]);
    let service = service.map(|service| about(&service, "service")).unwrap_or_default();
    let mut found = Vec::new();
    for port in slice["ports"].as_array().into_iter().flatten() {
        for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
            let mut labels = service.clone();
            labels.insert(meta("endpointslice_port_name"), port["name"].clone());
            if let Some(pod) = named(pods, &endpoint["targetRef"]["name"]) {
                labels.extend(about(&pod, "pod"));
                labels.insert(meta("pod_phase"), pod["status"]["phase"].clone());
                let mut ports = ports(&pod);
                let container = ports.find(|(_, one)| one["containerPort"] == port["port"]);
                let name = container.map(|(name, _)| name.clone()).unwrap_or_default();
                labels.insert(meta("pod_container_name"), name);
            }
            found.push(target(&endpoint["addresses"][0], &port["port"], &labels));
        }
    }
    found
}

/// The labels that say which object it is, and the object's own.
fn about(object: &Value, kind: &str) -> Map<String, Value> {
    let metadata = &object["metadata"];
    let mut labels = Map::new();
    labels.insert(meta("namespace"), metadata["namespace"].clone());
    labels.insert(meta(&format!("{kind}_name")), metadata["name"].clone());
    for (name, value) in metadata["labels"].as_object().into_iter().flatten() {
        let name = label(name);
        labels.insert(meta(&format!("{kind}_label_{name}")), value.clone());
        labels.insert(meta(&format!("{kind}_labelpresent_{name}")), json!("true"));
    }
    labels
}

fn target(address: &Value, port: &Value, labels: &Map<String, Value>) -> Value {
    // What an object does not have is no label.
    let labels: Map<_, _> =
        labels.iter().filter(|(_, v)| v.is_string()).map(|(k, v)| (k.clone(), v.clone())).collect();
    let address = format!("{}:{port}", address.as_str().expect("an address"));
    json!({ "targets": [address], "labels": labels })
}

/// Returns the name of a label of discovery.
pub fn meta(name: &str) -> String {
    format!("__meta_kubernetes_{name}")
}

/// Returns the name of an object's label as discovery writes it.
pub fn label(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}
