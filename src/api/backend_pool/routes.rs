//! Routes: which requests belong to the pool.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::duration::DurationString;

/// Route says which requests belong to the pool.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Name of the route, for logs and metrics. Default is its position, for instance `0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: Option<String>,

    /// Hosts the route serves: `shop.example.com`, or `*.example.com` for all hosts below it.
    /// Case and a trailing dot of the request's host do not matter, and its port is left out.
    /// At most 16. Default is any host.
    /// Source: Gateway API HTTPRouteSpec.hostnames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 16),
        inner(
            length(min = 1, max = 253),
            regex(
                pattern = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
            )
        )
    )]
    pub hostnames: Option<Vec<String>>,

    /// Conditions on the request; one match is enough, and all parts of a match must hold.
    /// At most 64. Default is one match of path prefix `/`.
    /// Source: Gateway API HTTPRouteRule.matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub matches: Option<Vec<RouteMatch>>,

    /// Time limits of requests on this route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<RouteTimeouts>,
}

/// RouteMatch holds when all its parts hold.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct RouteMatch {
    /// Condition on the path. Default is the prefix `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,

    /// Method of the request, in upper case. Default is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 24), regex(pattern = r"^[A-Z][A-Z-]*$"))]
    pub method: Option<String>,

    /// Conditions on headers; all must hold. Names are compared without case. At most 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub headers: Option<Vec<HeaderMatch>>,

    /// Conditions on query parameters; all must hold. Names are compared with case; of a parameter
    /// that is given twice the first counts. At most 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub query_params: Option<Vec<HeaderMatch>>,

    /// Conditions on cookies; all must hold. Names are compared with case. At most 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub cookies: Option<Vec<HeaderMatch>>,
}

/// PathMatch is a condition on the path of a request.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type == 'RegularExpression' || self.value.startsWith('/')")
    .message("path.value must start with / for the types Exact and PathPrefix"))]
#[x_kube(validation = Rule::new("self.type == 'RegularExpression' || !(self.value.contains('//') || self.value.contains('/./') || self.value.contains('/../') || self.value.endsWith('/.') || self.value.endsWith('/..'))")
    .message("path.value must be a normal form: no //, /./ or /../, as no request has them after normalisation"))]
#[x_kube(validation = Rule::new("self.type == 'RegularExpression' || !(self.value.contains('?') || self.value.contains('#'))")
    .message("path.value must not hold a query (?) or a fragment (#): use queryParams"))]
pub struct PathMatch {
    /// How `value` is compared. Default is PathPrefix.
    #[serde(default, rename = "type")]
    pub kind: PathMatchType,

    /// The path. A prefix matches by whole segments: `/a` matches `/a` and `/a/b`, not `/ab`. A
    /// regular expression must match the whole path; it runs in linear time.
    #[schemars(length(min = 1, max = 1024))]
    pub value: String,
}

/// PathMatchType says how a path is compared.
/// Source: Gateway API PathMatchType.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PathMatchType {
    /// The whole path is equal.
    Exact,
    /// The path begins with the value, by whole segments.
    #[default]
    PathPrefix,
    /// The whole path matches the regular expression.
    RegularExpression,
}

/// HeaderMatch is a condition on a header, a query parameter or a cookie.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HeaderMatch {
    /// How `value` is compared. Default is Exact.
    #[serde(default, rename = "type")]
    pub kind: ValueMatchType,

    /// Name of the header, query parameter or cookie.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[A-Za-z0-9!#$%&'*+\-.^_|~]+$"))]
    pub name: String,

    /// The value, or a regular expression that must match the whole value. Write numbers and the
    /// words on, off, yes, no, y, n, true and false in quotes: kubectl takes bare ones for no text.
    #[schemars(length(min = 1, max = 4096))]
    pub value: String,
}

/// ValueMatchType says how a value is compared.
/// Source: Gateway API HeaderMatchType.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ValueMatchType {
    /// The whole value is equal.
    #[default]
    Exact,
    /// The whole value matches the regular expression.
    RegularExpression,
}

/// RouteTimeouts are the time limits of a request on a route.
/// Source: Gateway API HTTPRouteTimeouts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.request) && has(self.backendRequest)) || duration(self.request) == duration('0s') || duration(self.backendRequest) <= duration(self.request)")
    .message("timeouts.backendRequest must not be longer than timeouts.request"))]
pub struct RouteTimeouts {
    /// From the first byte of the request to the last byte of the answer, all tries together. `0s`
    /// is no limit. Above it the client gets 504. Default is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<DurationString>,

    /// One try: from sending it to the head of the endpoint's answer. `0s` is no limit. Default is 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_request: Option<DurationString>,
}
