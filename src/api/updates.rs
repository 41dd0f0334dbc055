//! What is to be written into the status of objects.

use serde::Serialize;

use super::backend_pool::EndpointCounts;
use super::{ObjectKey, ObjectRef};

/// StatusUpdate is what the status of one BackendPool should say. A part that is absent keeps what
/// the object has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatusUpdate {
    /// The pool.
    pub pool: ObjectKey,
    /// Generation of the spec that the conditions are about.
    pub generation: Option<i64>,
    /// Conditions, in the order of their types.
    pub conditions: Vec<UpdatedCondition>,
    /// Counted endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<EndpointCounts>,
}

/// UpdatedCondition is a condition without its times: the writer adds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UpdatedCondition {
    /// What the condition is about.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: bool,
    /// Why, in one word.
    pub reason: ConditionReason,
    /// Why, for people: what, where, and what would be right.
    pub message: String,
}

/// ConditionType is an aspect of a pool's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum ConditionType {
    /// The spec is valid, and no older pool claims the same requests.
    Accepted,
    /// Every object that the spec names is there and may be named.
    ResolvedRefs,
    /// The pool is in the routing table that serves.
    Programmed,
    /// Endpoints take traffic.
    Healthy,
}

impl ConditionType {
    /// Returns the type as objects write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::ResolvedRefs => "ResolvedRefs",
            Self::Programmed => "Programmed",
            Self::Healthy => "Healthy",
        }
    }
}

/// ConditionReason says in one word why a condition is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum ConditionReason {
    /// The spec is valid.
    Accepted,
    /// All endpoints take traffic.
    AllHealthy,
    /// A Service or its port does not exist.
    BackendNotFound,
    /// An older pool is about the same Service.
    Conflicted,
    /// Some of the endpoints take no traffic.
    Degraded,
    /// A ConfigMap or Secret holds no certificate of an authority.
    InvalidCaCertificateRef,
    /// A Secret is missing or holds no usable certificate.
    InvalidCertificateRef,
    /// The spec is not valid.
    Invalid,
    /// No endpoint takes traffic.
    NoEndpoints,
    /// More specific settings say all that these say.
    Overridden,
    /// So few endpoints are healthy that health is ignored.
    Panic,
    /// More specific settings say some of what these say.
    PartiallyOverridden,
    /// The pool is in the routing table.
    Programmed,
    /// A ConfigMap or Secret for certificates of authorities is not there. Objects say
    /// `InvalidCACertificateRef` of that, too. Source: Gateway API BackendTLSPolicy, conditions.
    MissingCaCertificateRef,
    /// Another namespace's object is named without a ReferenceGrant.
    RefNotPermitted,
    /// All references are resolved.
    ResolvedRefs,
    /// An older pool claims the same requests.
    RouteConflict,
    /// A Service that a pool is about, or its port, does not exist.
    TargetNotFound,
    /// An endpoint has an address that is never dialled.
    UnsafeAddress,
    /// What endpoints speak is not known, or over TLS of which nothing is said.
    UnsupportedProtocol,
    /// Nothing leads to what the pool is about.
    Unused,
}

impl ConditionReason {
    /// Returns the reason as objects write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::AllHealthy => "AllHealthy",
            Self::BackendNotFound => "BackendNotFound",
            Self::Conflicted => "Conflicted",
            Self::Degraded => "Degraded",
            Self::InvalidCaCertificateRef | Self::MissingCaCertificateRef => {
                "InvalidCACertificateRef"
            }
            Self::InvalidCertificateRef => "InvalidCertificateRef",
            Self::Invalid => "Invalid",
            Self::NoEndpoints => "NoEndpoints",
            Self::Overridden => "Overridden",
            Self::Panic => "Panic",
            Self::PartiallyOverridden => "PartiallyOverridden",
            Self::Programmed => "Programmed",
            Self::RefNotPermitted => "RefNotPermitted",
            Self::ResolvedRefs => "ResolvedRefs",
            Self::RouteConflict => "RouteConflict",
            Self::TargetNotFound => "TargetNotFound",
            Self::UnsafeAddress => "UnsafeAddress",
            Self::UnsupportedProtocol => "UnsupportedProtocol",
            Self::Unused => "Unused",
        }
    }
}

/// IngressUpdate is what is to be said of one Ingress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IngressUpdate {
    /// The Ingress.
    pub ingress: ObjectKey,
    /// Whether it is of a class of ours: its status then says where it is served.
    pub is_ours: bool,
    /// What is wrong with it, in the order of its spec. An Ingress has no conditions: Events say it.
    pub problems: Vec<IngressProblem>,
}

/// IngressProblem is one thing that is wrong with an Ingress; the rest of it is served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct IngressProblem {
    /// What, in one word.
    pub reason: ConditionReason,
    /// What, where, and what would be right.
    pub message: String,
}

/// EventNote is something that happened to an object and that people should see as an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventNote {
    /// The object.
    pub object: ObjectRef,
    /// What happened.
    pub kind: EventKind,
    /// The details, for people.
    pub message: String,
}

/// EventKind is what can happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// Outlier detection ejected an endpoint.
    EndpointEjected,
    /// An active check found an endpoint healthy again.
    EndpointHealthy,
    /// An ejection ended.
    EndpointReturned,
    /// An active check found an endpoint unhealthy.
    EndpointUnhealthy,
    /// So few endpoints are healthy that health is ignored.
    PanicEntered,
    /// Enough endpoints are healthy again.
    PanicLeft,
    /// A part of an Ingress is not served.
    Problem(ConditionReason),
}

impl EventKind {
    /// Returns the reason as Events write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndpointEjected => "EndpointEjected",
            Self::EndpointHealthy => "EndpointHealthy",
            Self::EndpointReturned => "EndpointReturned",
            Self::EndpointUnhealthy => "EndpointUnhealthy",
            Self::PanicEntered => "PanicEntered",
            Self::PanicLeft => "PanicLeft",
            Self::Problem(reason) => reason.as_str(),
        }
    }

    /// Returns whether the Event is of type Warning.
    pub fn is_warning(self) -> bool {
        matches!(
            self,
            Self::EndpointEjected | Self::EndpointUnhealthy | Self::PanicEntered | Self::Problem(_)
        )
    }
}
