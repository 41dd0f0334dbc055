//! What a pool points at: Services, endpoints, Secrets.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn one() -> i32 {
    1
}

/// Backend is one place that requests go to: a Service, or a single endpoint.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.service) != has(self.endpoint)")
    .message("exactly one of service and endpoint must be set"))]
pub struct Backend {
    /// A Service; its ready EndpointSlice endpoints are used directly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceRef>,

    /// One address and port, for instance outside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<StaticEndpoint>,

    /// Share of the pool's requests, relative to the other backends of the same tier. A Service's
    /// weight is shared by its ready endpoints. 0 (none) to 1000000. Default is 1.
    /// Source: Gateway API BackendRef.weight.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: i32,

    /// Failover order: tier 1 is used as far as tier 0 lacks capacity, and so on. 0 to 15.
    /// Default is 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 15))]
    pub tier: i32,
}

/// ServiceRef names a port of a Service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRef {
    /// Name of the Service.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// Namespace of the Service. Another namespace than the pool's needs a ReferenceGrant there.
    /// Default is the pool's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: Option<String>,

    /// Port number of the Service (not of its pods).
    #[schemars(range(min = 1, max = 65_535))]
    pub port: i32,
}

/// StaticEndpoint is one address and port, written into the pool.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StaticEndpoint {
    /// IPv4 or IPv6 address. In a cluster loopback, link-local, multicast and metadata addresses
    /// are refused; standalone they are allowed.
    #[schemars(length(min = 2, max = 45), regex(pattern = r"^[0-9a-fA-F:.]+$"))]
    pub address: String,

    /// Port number.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: i32,

    /// Zone of the endpoint, compared with Weir's own zone when `locality.prefer` is Zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub zone: Option<String>,

    /// Region of the endpoint, for `locality.prefer` Region and ClientRegion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub region: Option<String>,
}

/// TargetRef names a Service, or one port of it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.group == '' && self.kind == 'Service'")
    .message("a target is a Service: write group \"\" and kind Service"))]
pub struct TargetRef {
    /// API group of the target: empty, the core group. Default is empty.
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub group: String,

    /// Kind of the target: Service.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,

    /// Name of the Service.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// Name of a port of the Service, which then comes before what is said of all its ports.
    /// Default is all ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub section_name: Option<String>,
}

/// SecretRef names a Secret of type kubernetes.io/tls.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,

    /// Namespace of the Secret. Another namespace than the pool's needs a ReferenceGrant there.
    /// Default is the pool's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: Option<String>,
}

/// BackendProtocol is what endpoints speak.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendProtocol {
    /// HTTP/1.1.
    #[serde(rename = "HTTP1")]
    Http1,
    /// HTTP/2 from the first byte (h2c), as gRPC needs it; over TLS it is chosen in the handshake.
    #[serde(rename = "HTTP2")]
    Http2,
}
