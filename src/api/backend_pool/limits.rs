//! Retries, time limits, bounds and rates.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::duration::DurationString;

/// Retry says when a request is tried again, on another endpoint where there is one.
///
/// A request is only repeated when that is safe: when nothing of it was sent, or when its method
/// is idempotent and what was sent of its body is at most 64 KiB, without trailers.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("size(self.triggers) > 0 || size(self.codes) > 0")
    .message("retry needs a trigger or a status code: without either nothing is tried again"))]
pub struct Retry {
    /// Most tries after the first. 1 to 10. Default is 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10))]
    pub attempts: i32,

    /// Failures that are tried again: `connect-failure` (no connection), `reset` (closed before the
    /// head of an answer), `timeout` (the route's `backendRequest` passed). At most 3; the
    /// list may be empty beside `codes`. Default is connect-failure and reset.
    #[serde(default = "triggers")]
    #[schemars(length(max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub triggers: Vec<RetryTrigger>,

    /// Status codes of answers that are tried again, as numbers. 500 to 599; at most 16. Default is
    /// none.
    /// Source: Gateway API HTTPRouteRetry.codes.
    #[serde(default)]
    #[schemars(length(max = 16), inner(range(min = 500, max = 599)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub codes: Vec<i32>,

    /// Bound on retries, so that they cannot multiply the load of a pool in trouble.
    #[serde(default)]
    pub budget: RetryBudget,
}

fn one() -> i32 {
    1
}
fn triggers() -> Vec<RetryTrigger> {
    vec![RetryTrigger::ConnectFailure, RetryTrigger::Reset]
}

/// RetryTrigger is a failure that is tried again.
/// Source: Envoy Gateway BackendTrafficPolicy.retry.retryOn.triggers, whose words these are.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum RetryTrigger {
    /// No connection.
    ConnectFailure,
    /// Closed before the head of an answer.
    Reset,
    /// The route's `backendRequest` passed.
    Timeout,
}

/// RetryBudget bounds retries to a part of the requests.
/// Source: Gateway API XBackendTrafficPolicy.retryConstraint (GEP-3388).
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RetryBudget {
    /// Retries in percent of the requests of the last 10 seconds; 10 retries are always allowed in
    /// that time. 0 to 100. Default is 20.
    #[serde(default = "twenty")]
    #[schemars(range(min = 0, max = 100))]
    pub percent: i32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { percent: twenty() }
    }
}

fn twenty() -> i32 {
    20
}

/// PoolTimeouts are time limits towards the endpoints.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.request) && has(self.backendRequest)) || duration(self.request) == duration('0s') || duration(self.backendRequest) <= duration(self.request)")
    .message("timeouts.backendRequest must not be longer than timeouts.request"))]
#[x_kube(validation = Rule::new("!has(self.connect) || duration(self.connect) > duration('0s')")
    .message("timeouts.connect must be above 0s: leave it out for 2s"))]
pub struct PoolTimeouts {
    /// Time to open a connection. Above 0s. Default is 2s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<DurationString>,

    /// Time without a byte in either direction after which an exchange or a tunnel is ended.
    /// `0s` is no limit. Default is 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<DurationString>,

    /// How long an unused connection is kept. `0s` keeps none: each request opens one of its own.
    /// Default is 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<DurationString>,

    /// As `timeouts.request` of a route, for routes that do not say it: those of Ingresses, and the
    /// pool's own. Default is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<DurationString>,

    /// As `timeouts.backendRequest` of a route, for routes that do not say it: those of Ingresses,
    /// and the pool's own. Default is 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_request: Option<DurationString>,
}

/// Limits bound what the pool's endpoints have to bear at once, in one Weir process.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.queueTimeout) || has(self.maxPending)")
    .message("limits.queueTimeout needs limits.maxPending: without a queue nothing waits"))]
#[x_kube(validation = Rule::new("!has(self.queueTimeout) || duration(self.queueTimeout) > duration('0s')")
    .message("limits.queueTimeout must be above 0s: leave limits.maxPending out where nothing may wait"))]
#[x_kube(validation = Rule::new("!has(self.maxPending) || has(self.maxRequests) || has(self.maxConnections) || (has(self.perEndpoint) && (has(self.perEndpoint.maxRequests) || has(self.perEndpoint.maxConnections)))")
    .message("limits.maxPending needs limits.maxRequests, limits.maxConnections or one of limits.perEndpoint: without a limit nothing has to wait"))]
pub struct Limits {
    /// Most requests in flight in the pool. Those above wait, if `maxPending` allows, or get 503.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_requests: Option<i32>,

    /// Most connections open to the pool's endpoints. Requests that would need one more wait, if
    /// `maxPending` allows, or get 503. Over HTTP/2 requests share connections, and none waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: Option<i32>,

    /// Most requests that may wait. Default is 0: none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_pending: Option<i32>,

    /// How long a request may wait; then it gets 503. Above 0s. Default is 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_timeout: Option<DurationString>,

    /// Most bytes of the body of a request; a longer one gets 413, also where its length shows only
    /// on the way. Default is what `--max-request-body-bytes` says: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_099_511_627_776_i64))]
    pub max_request_body_bytes: Option<i64>,

    /// Bounds of each endpoint alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_endpoint: Option<EndpointLimits>,
}

/// EndpointLimits bound what one endpoint has to bear at once; the others take what is above.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct EndpointLimits {
    /// Most requests in flight on one endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_requests: Option<i32>,

    /// Most connections open to one endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: Option<i32>,
}

/// RateLimit bounds requests per time; those above are answered 429 with Retry-After.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.per) > duration('0s')")
    .message("rateLimit.per must be above 0s: leave rateLimit out for no limit"))]
pub struct RateLimit {
    /// Requests allowed per `per`. 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests: i32,

    /// The time. Above 0s. Default is 1s.
    #[serde(default = "one_second")]
    pub per: DurationString,

    /// Requests that may come at once. Default is `requests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: Option<i32>,

    /// What is counted apart. Default is Pool.
    #[serde(default)]
    pub key: RateLimitKey,
}

fn one_second() -> DurationString {
    DurationString::from_text("1s")
}

/// RateLimitKey says what a rate limit counts apart.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RateLimitKey {
    /// All requests of the pool together.
    #[default]
    Pool,
    /// Each client address alone (IPv6: each /64).
    ClientAddress,
}
