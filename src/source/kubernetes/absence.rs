//! Kinds that Weir serves without: what an API server that says no to them means.

use std::time::Duration;

use crate::api::Kind;

/// Says no so often in a row mean it: what was known of the kind until then is forgotten. An API
/// server that has just started may say no for a moment, before it knows its own rules.
pub(super) const UNTIL_FORGOTTEN: u32 = 8;

/// The longest pause before a kind that is absent is asked for again.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Absence is why there is nothing of a kind, where that is no trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// The API server does not know the kind, which is in good order.
    Unknown,
    /// The API server refuses it: what is lost by that, and which rule brings it back.
    Refused(&'static str),
}

impl Absence {
    /// Returns what the status of a failed list or watch means, where Weir serves without the
    /// kind; nothing where that is trouble.
    pub(super) const fn of(kind: Kind, code: u16) -> Option<Self> {
        match (kind, code) {
            (Kind::Node, 403) => Some(Self::Refused(
                "may not list and watch Nodes: endpoints have no region but what their pool says, \
                 and no zone but what their pool or EndpointSlice says; to use those of the nodes, \
                 allow get, list and watch of nodes in a ClusterRole",
            )),
            (Kind::ReferenceGrant, 403) => Some(Self::Refused(
                "may not list and watch ReferenceGrants: no pool may refer to another namespace; \
                 to use grants, allow list and watch of referencegrants in \
                 gateway.networking.k8s.io",
            )),
            (Kind::IngressClass, 403) => Some(Self::Refused(
                "may not list and watch IngressClasses: the name of a class alone says whether its \
                 Ingresses are ours, and there is no default class; to use classes, allow list and \
                 watch of ingressclasses in networking.k8s.io in a ClusterRole",
            )),
            // Without the Gateway API's CRDs there is no grant.
            (Kind::ReferenceGrant, 404) => Some(Self::Unknown),
            _ => None,
        }
    }
}
