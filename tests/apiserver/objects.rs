//! Objects for tests.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::rig::{create, namespace};

/// Returns a pool of the Service `shop`, whose requests are those to the host `<namespace>.test`.
pub fn pool(namespace: &str) -> Value {
    json!({ "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "metadata": { "name": "shop", "namespace": namespace },
        "spec": {
            "routes": [{ "hostnames": [format!("{namespace}.test")] }],
            "backends": [{ "service": { "name": "shop", "port": 80 } }],
        } })
}

/// Returns a Service with one port.
pub fn service(namespace: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "shop", "namespace": namespace },
        "spec": { "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }] } })
}

/// Returns an EndpointSlice of the Service `shop`.
pub fn slice(namespace: &str, addresses: &[String]) -> Value {
    let endpoints: Vec<Value> = addresses
        .iter()
        .map(|address| json!({ "addresses": [address], "conditions": { "ready": true } }))
        .collect();
    json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": { "name": "shop-1", "namespace": namespace,
            "labels": { "kubernetes.io/service-name": "shop" } },
        "addressType": "IPv4",
        "ports": [{ "name": "http", "port": 8080 }],
        "endpoints": endpoints })
}

/// Returns the path of pools.
pub fn pools(namespace: &str) -> String {
    format!("/apis/weir.dev/v1alpha1/namespaces/{namespace}/backendpools")
}

/// Returns the path of EndpointSlices.
pub fn slices(namespace: &str) -> String {
    format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")
}

/// Returns the path of Services.
pub fn services(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/services")
}

/// Returns the path of Secrets.
pub fn secrets(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets")
}

/// Returns different addresses.
pub fn addresses(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("10.0.{}.{}", n / 200, 1 + n % 200)).collect()
}

/// Makes a namespace with a pool, its Service and an EndpointSlice with two addresses.
pub async fn shop(client: &kube::Client, name: &str) {
    namespace(client, name).await;
    create(client, &services(name), &service(name)).await.unwrap();
    create(client, &slices(name), &slice(name, &addresses(0..2))).await.unwrap();
    create(client, &pools(name), &pool(name)).await.unwrap();
}

/// Returns addresses as a table says them.
pub fn with_port(addresses: &[String]) -> BTreeSet<String> {
    addresses.iter().map(|address| format!("{address}:8080")).collect()
}

/// Returns a Secret with a certificate for `<name>.test`.
pub fn tls_secret(namespace: &str, name: &str) -> Value {
    let made = rcgen::generate_simple_self_signed([format!("{name}.test")]).unwrap();
    json!({ "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": { "name": name, "namespace": namespace },
        "stringData": { "tls.crt": made.cert.pem(), "tls.key": made.signing_key.serialize_pem() } })
}
