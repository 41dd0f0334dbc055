//! What the `appProtocol` of a Service's port says of its endpoints.

use std::fmt::Display;

use super::backends::Context;
use super::problems::Problems;
use crate::api::backend_pool::BackendPoolSpec;
use crate::api::{ConditionReason, ObjectKey};
use crate::model::Protocol;

/// Speech is what a pool says of how its endpoints are spoken to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speech {
    /// Whether it says the protocol, so that no Service needs to.
    pub(super) is_said: bool,
    /// Whether over TLS.
    pub(super) is_tls: bool,
}

impl Speech {
    pub(super) fn of(spec: &BackendPoolSpec) -> Self {
        Self { is_said: spec.backend_protocol.is_some(), is_tls: spec.backend_tls.is_some() }
    }
}

/// Returns what endpoints speak, or nothing where they cannot be spoken to: those that speak TLS
/// get nothing in clear text, and whom to believe is for a pool to say.
/// Source: Kubernetes ServicePort.appProtocol; KEP-3726; GEP-1911.
pub(super) fn spoken(
    context: Context<'_>,
    (service, app_protocol): (&ObjectKey, Option<&str>),
    field: &str,
    problems: &mut Problems,
) -> Option<Protocol> {
    let Some(name) = app_protocol.filter(|name| !name.is_empty()) else {
        return Some(Protocol::default());
    };
    let mut unsupported = |what: &dyn Display| {
        let reason = ConditionReason::UnsupportedProtocol;
        let text = format_args!("Service {service} says appProtocol {name:?}{what}");
        problems.reference(reason, field, text);
    };
    let Some((protocol, is_tls)) = known(&name.to_ascii_lowercase()) else {
        if !context.speech.is_said {
            unsupported(
                &", which is not known: HTTP/1.1 is spoken; say http, kubernetes.io/ws or \
                 kubernetes.io/h2c, or backendProtocol in a BackendPool for it",
            );
        }
        return Some(Protocol::default());
    };
    if is_tls && !context.speech.is_tls {
        unsupported(
            &", and nothing says which certificates its endpoints show: its endpoints are left \
             out; say backendTLS in a BackendPool for it",
        );
        return None;
    }
    Some(protocol)
}

/// Returns what a name means, and whether it is spoken over TLS.
fn known(name: &str) -> Option<(Protocol, bool)> {
    Some(match name {
        "http" | "ws" | "kubernetes.io/ws" | "grpc-web" => (Protocol::Http1, false),
        "h2c" | "kubernetes.io/h2c" | "http2" | "grpc" => (Protocol::Http2, false),
        "https" | "wss" | "kubernetes.io/wss" | "tls" => (Protocol::Http1, true),
        "grpcs" => (Protocol::Http2, true),
        _ => return None,
    })
}
