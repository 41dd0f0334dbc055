//! What Weir says about a pool.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// BackendPoolStatus is what Weir found and does.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct BackendPoolStatus {
    /// Accepted, ResolvedRefs, Programmed and Healthy. At most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// Endpoints, counted. Written every 5 seconds at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<EndpointCounts>,
}

/// EndpointCounts counts the endpoints of a pool.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct EndpointCounts {
    /// Ready of total, as one text: `7/9`.
    #[schemars(length(max = 32))]
    pub summary: String,
    /// All endpoints.
    #[schemars(range(min = 0))]
    pub total: i32,
    /// Those that take traffic.
    #[schemars(range(min = 0))]
    pub ready: i32,
    /// Those that fail their active check.
    #[schemars(range(min = 0))]
    pub unhealthy: i32,
    /// Those that outlier detection has ejected.
    #[schemars(range(min = 0))]
    pub ejected: i32,
    /// Those in slow start.
    #[schemars(range(min = 0))]
    pub warming: i32,
}

/// Condition is one aspect of the state of an object.
/// Source: Kubernetes API conventions, metav1.Condition.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Accepted, ResolvedRefs, Programmed or Healthy.
    #[serde(rename = "type")]
    #[schemars(
        length(min = 1, max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
        )
    )]
    pub kind: String,
    /// True, False or Unknown.
    #[schemars(length(min = 1, max = 16), regex(pattern = r"^(True|False|Unknown)$"))]
    pub status: String,
    /// Generation of the spec that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When `status` changed last, RFC 3339.
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// One word in CamelCase.
    #[schemars(
        length(min = 1, max = 1024),
        regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    )]
    pub reason: String,
    /// What is so, where, and what would be right.
    #[schemars(length(max = 32768))]
    pub message: String,
}
