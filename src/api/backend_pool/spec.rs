//! The spec of a pool.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{
    Access, Backend, BackendPoolStatus, BackendProtocol, BackendTls, HealthCheck, HttpsRedirect,
    Limits, LoadBalancing, OutlierDetection, PoolTimeouts, PoolTls, ProxyProtocol, RateLimit,
    Retry, Route, SessionPersistence, Setting, TargetRef,
};

/// BackendPoolSpec declares backends, the routes that lead to them, and how requests are spread.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "BackendPool",
    plural = "backendpools",
    shortname = "bpool",
    category = "weir",
    namespaced,
    status = "BackendPoolStatus",
    derive = "PartialEq",
    doc = "BackendPool is a set of backends and everything about how requests are spread over them.",
    printcolumn = r#"{"name":"Algorithm","type":"string","jsonPath":".spec.loadBalancing.algorithm"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.endpoints.summary","description":"Endpoints that take traffic, of all"}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type=='Accepted')].status"}"#,
    printcolumn = r#"{"name":"Healthy","type":"string","jsonPath":".status.conditions[?(@.type=='Healthy')].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.routes) || !has(self.tls) || self.routes.exists(r, has(r.hostnames)) || !has(self.tls.certificateRefs) || size(self.tls.certificateRefs) == 1")
    .message("tls without hostnames takes exactly one certificateRef: it becomes the default certificate"))]
#[x_kube(validation = Rule::new("!has(self.loadBalancing) || !has(self.loadBalancing.algorithm) || !(self.loadBalancing.algorithm in ['RingHash', 'Maglev']) || (has(self.loadBalancing.hashOn) && size(self.loadBalancing.hashOn) > 0)")
    .message("loadBalancing.hashOn is required for the algorithms RingHash and Maglev: say what to hash, e.g. [{clientAddress: true}]"))]
#[x_kube(validation = Rule::new("!has(self.loadBalancing) || !has(self.loadBalancing.hashOn) || (has(self.loadBalancing.algorithm) && self.loadBalancing.algorithm in ['RingHash', 'Maglev'])")
    .message("loadBalancing.hashOn is only used by the algorithms RingHash and Maglev"))]
#[x_kube(validation = Rule::new("!has(self.backends) || self.backends.exists(b, b.weight > 0)")
    .message("at least one backend needs a weight above 0"))]
#[x_kube(validation = Rule::new("!has(self.backends) || !has(self.targetRefs)")
    .message("backends and targetRefs exclude each other: with targetRefs the endpoints are those of the Services"))]
#[x_kube(validation = Rule::new("has(self.backends) || has(self.targetRefs) || has(self.sessionPersistence) || has(self.healthCheck) || has(self.outlierDetection) || has(self.panicThreshold) || has(self.retry) || has(self.timeouts) || has(self.limits) || has(self.rateLimit) || has(self.backendProtocol) || has(self.backendTLS) || has(self.proxyProtocol) || has(self.access) || has(self.httpsRedirect) || has(self.routes) || has(self.tls) || (has(self.loadBalancing) && (has(self.loadBalancing.slowStart) || has(self.loadBalancing.locality) || (has(self.loadBalancing.algorithm) && self.loadBalancing.algorithm != 'RoundRobin')))")
    .message("one of backends and targetRefs must be set; settings alone are for an IngressClass that names them"))]
#[x_kube(validation = Rule::new("has(self.backends) || !has(self.routes)")
    .message("routes need backends: where requests for a Service go is said by Ingresses"))]
#[x_kube(validation = Rule::new("!has(self.tls) || has(self.routes) == has(self.tls.certificateRefs)")
    .message("tls.certificateRefs must be set where the pool has routes, and only there: the certificates of other hosts are said by Ingresses"))]
#[x_kube(validation = Rule::new("!has(self.httpsRedirect) || !has(self.routes) || has(self.tls)")
    .message("httpsRedirect needs tls where the pool has routes: clients would be sent to hosts without a certificate"))]
#[x_kube(validation = Rule::new("!has(self.notInherited) || has(self.targetRefs)")
    .message("notInherited needs targetRefs: only settings for Services inherit what others say"))]
pub struct BackendPoolSpec {
    /// Routes that lead to this pool. Without routes the pool takes traffic only from objects that
    /// name it. At most 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub routes: Option<Vec<Route>>,

    /// Where requests go: Services, or single endpoints. 1 to 64. Without backends the pool is only
    /// settings: for the Services in `targetRefs`, or for the Ingresses of a class whose
    /// `parameters` name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub backends: Option<Vec<Backend>>,

    /// Services of the same namespace that all other fields are about, wherever an Ingress names
    /// them. The older of two pools for one Service counts. What a pool for one port does not say is
    /// said by the pool for all ports, then by that of the class. 1 to 16.
    /// Source: Gateway API LocalPolicyTargetReferenceWithSectionName (GEP-713).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub target_refs: Option<Vec<TargetRef>>,

    /// Fields that count as said here, with what they are by default: for the Services in
    /// `targetRefs`, what less specific pools say of them does not hold. A field that this pool says
    /// itself is not listed. 1 to 15. Default is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 15))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub not_inherited: Option<Vec<Setting>>,

    /// How an endpoint is chosen. Default is smooth weighted round robin over all ready endpoints.
    #[serde(default = "LoadBalancing::declared")]
    pub load_balancing: LoadBalancing,

    /// Keeps a client on the endpoint that served it first.
    /// Source: Gateway API SessionPersistence (GEP-1619).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_persistence: Option<SessionPersistence>,

    /// What the endpoints speak. Default is what the `appProtocol` of each Service's port says:
    /// `kubernetes.io/h2c`, `h2c`, `http2` and `grpc` are HTTP/2; nothing, `http` and
    /// `kubernetes.io/ws` are HTTP/1.1. With `https`, `kubernetes.io/wss` and `grpcs` endpoints are
    /// left out where no `backendTLS` says whom to believe. Another name is told, and is HTTP/1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_protocol: Option<BackendProtocol>,

    /// Active checks of every endpoint. Without it, readiness comes from Kubernetes alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,

    /// Ejects endpoints that answer real requests badly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier_detection: Option<OutlierDetection>,

    /// Percent of endpoints that must be available; below it health is ignored and all endpoints
    /// are used, since a wrong check is then likelier than that many dead endpoints. 0 to 100.
    /// Default is 0: health is never ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub panic_threshold: Option<i32>,

    /// Whether and when a request is tried again on another endpoint. Without it, a request that is
    /// safe to repeat is tried once more, when no connection could be opened or when it was closed
    /// before the head of the final answer; where connections are refused, on up to 14 other endpoints,
    /// and where they are closed, on up to 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,

    /// Time limits towards the endpoints. Those of a route are in its `timeouts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<PoolTimeouts>,

    /// Bounds on what the pool's endpoints have to bear at once. Default is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,

    /// Requests per time; those above are answered 429. Counted by each Weir process for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,

    /// Which clients may ask; others get 403. Default is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,

    /// Certificates that clients see for the hostnames of `routes`, and on which terms TLS is spoken
    /// for those and for hosts of Ingresses that lead here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<PoolTls>,

    /// TLS to the endpoints: for requests and for health checks. Where something that it refers to
    /// is missing, requests are answered 503; they never go out in clear text. Default is clear
    /// text.
    /// Source: Gateway API BackendTLSPolicy.
    #[serde(default, rename = "backendTLS", skip_serializing_if = "Option::is_none")]
    pub backend_tls: Option<BackendTls>,

    /// Tells endpoints who their client is by a PROXY header at the beginning of each connection,
    /// which then serves the requests of one client's connection alone. Health checks say that they
    /// are Weir's own. All endpoints must expect it. Default is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,

    /// Answers clients in clear text with where they find the same over https. It holds for the pool's
    /// routes, which then need `tls`, and for hosts of Ingresses that lead here, as far as the
    /// `tls` of the Ingress names them. Another pool's route that is more specific is served as
    /// ever. Clients whose trusted proxies say https in `X-Forwarded-Proto` are not sent away.
    /// Default is to serve clear text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https_redirect: Option<HttpsRedirect>,
}
