//! Active checks and outlier detection.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::super::duration::DurationString;

/// HealthCheck asks every endpoint, at an interval, whether it works.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.http), has(self.tcp), has(self.grpc)].filter(x, x).size() == 1")
    .message("exactly one of http, tcp and grpc must be set"))]
#[x_kube(validation = Rule::new("duration(self.timeout) <= duration(self.interval)")
    .message("healthCheck.timeout must not be longer than healthCheck.interval"))]
#[x_kube(validation = Rule::new("duration(self.timeout) > duration('0s')")
    .message("healthCheck.timeout must be above 0s"))]
#[x_kube(validation = Rule::new("duration(self.interval) >= duration('100ms')")
    .message("healthCheck.interval must be at least 100ms"))]
pub struct HealthCheck {
    /// An HTTP/1.1 request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpCheck>,

    /// A TCP connection that opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpCheck>,

    /// The standard gRPC health service, over HTTP/2, by TLS where the pool has `backendTLS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcCheck>,

    /// Port to check. Default is the endpoint's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<i32>,

    /// Time between two checks of an endpoint; each is moved by up to 10 % at random. At least
    /// 100ms. Default is 5s.
    #[serde(default = "five_seconds")]
    pub interval: DurationString,

    /// Time that one check may take. Above 0s. Default is 1s.
    #[serde(default = "one_second")]
    pub timeout: DurationString,

    /// Failures in a row that make an endpoint unhealthy. 1 to 100. Default is 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 100))]
    pub unhealthy_threshold: i32,

    /// Successes in a row that make it healthy again. 1 to 100. Default is 2.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 100))]
    pub healthy_threshold: i32,
}

fn five_seconds() -> DurationString {
    DurationString::from_text("5s")
}
fn one_second() -> DurationString {
    DurationString::from_text("1s")
}
fn three() -> i32 {
    3
}
fn two() -> i32 {
    2
}

/// HttpCheck is a request that must be answered as expected.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HttpCheck {
    /// Path to ask for. Default is `/`.
    #[serde(default = "root")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^/[!-~]*$"))]
    pub path: String,

    /// Method: GET or HEAD. Default is GET.
    #[serde(default = "get")]
    #[schemars(regex(pattern = r"^(GET|HEAD)$"))]
    pub method: String,

    /// Host header. Default is the endpoint's address and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9.:\[\]-]+$"))]
    pub host: Option<String>,

    /// Status codes that count as healthy. At most 16 ranges. Default is 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub expected_statuses: Option<Vec<StatusRange>>,
}

fn root() -> String {
    "/".into()
}
fn get() -> String {
    "GET".into()
}

/// StatusRange is a range of status codes, both ends included.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.start <= self.end")
    .message("start must not be above end"))]
pub struct StatusRange {
    /// First code, 100 to 599.
    #[schemars(range(min = 100, max = 599))]
    pub start: i32,
    /// Last code, 100 to 599.
    #[schemars(range(min = 100, max = 599))]
    pub end: i32,
}

/// TcpCheck is a TCP connection that opens.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TcpCheck {}

/// GrpcCheck asks the standard gRPC health service.
/// Source: grpc.health.v1.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GrpcCheck {
    /// Name of the service to ask for. Default is the empty name: the whole server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub service: Option<String>,
}

/// OutlierDetection ejects endpoints that answer real requests badly.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.baseEjectionTime) > duration('0s')")
    .message("outlierDetection.baseEjectionTime must be above 0s: leave outlierDetection out where nothing may be ejected"))]
#[x_kube(validation = Rule::new("duration(self.baseEjectionTime) <= duration(self.maxEjectionTime)")
    .message("outlierDetection.baseEjectionTime must not be longer than outlierDetection.maxEjectionTime"))]
pub struct OutlierDetection {
    /// Errors in a row (no connection, reset, time out, or a 5xx answer) that eject an endpoint.
    /// 1 to 1000. Default is 5.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 1000))]
    pub consecutive_errors: i32,

    /// How long the first ejection lasts; it grows with each ejection in a row. Above
    /// 0s. Default is 30s.
    #[serde(default = "thirty_seconds")]
    pub base_ejection_time: DurationString,

    /// Longest ejection; not below `baseEjectionTime`. Default is 5m.
    #[serde(default = "five_minutes")]
    pub max_ejection_time: DurationString,

    /// Most endpoints that may be ejected at once, in percent of the pool; one may always be
    /// ejected when the pool has more than one. 0 (none at all) to 100. Default is 50.
    #[serde(default = "fifty")]
    #[schemars(range(min = 0, max = 100))]
    pub max_ejected_percent: i32,
}

fn five() -> i32 {
    5
}
fn thirty_seconds() -> DurationString {
    DurationString::from_text("30s")
}
fn five_minutes() -> DurationString {
    DurationString::from_text("5m")
}
fn fifty() -> i32 {
    50
}
