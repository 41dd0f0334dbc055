//! Settings of several pools for one port of a Service, joined field by field.

use std::collections::BTreeMap;

use super::problems::Problems;
use super::routes::Times;
use super::spec;
use crate::api::ObjectKey;
use crate::api::backend_pool::{BackendPoolSpec, LoadBalancing};
use crate::model::PoolName;

/// A field: its name, whether a spec says it, and how it is taken from a spec into another one.
type Field =
    (&'static str, fn(&BackendPoolSpec) -> bool, fn(&mut BackendPoolSpec, &BackendPoolSpec));

/// What keeps somebody or something out: it counts even where the rest of a spec is wrong.
const BOUNDS: [&str; 3] = [ACCESS, BACKEND_TLS, TLS];
pub(super) const ACCESS: &str = "access";
pub(super) const BACKEND_TLS: &str = "backendTLS";
pub(super) const TLS: &str = "tls";

const FIELDS: [Field; 15] = [
    // The API server writes what it is by default, so that says nothing.
    (
        "loadBalancing",
        |s| s.load_balancing != LoadBalancing::default(),
        |to, from| to.load_balancing.clone_from(&from.load_balancing),
    ),
    (
        "sessionPersistence",
        |s| s.session_persistence.is_some(),
        |to, from| to.session_persistence.clone_from(&from.session_persistence),
    ),
    (
        "backendProtocol",
        |s| s.backend_protocol.is_some(),
        |to, from| to.backend_protocol = from.backend_protocol,
    ),
    (
        "healthCheck",
        |s| s.health_check.is_some(),
        |to, from| to.health_check.clone_from(&from.health_check),
    ),
    (
        "outlierDetection",
        |s| s.outlier_detection.is_some(),
        |to, from| to.outlier_detection.clone_from(&from.outlier_detection),
    ),
    (
        "panicThreshold",
        |s| s.panic_threshold.is_some(),
        |to, from| to.panic_threshold = from.panic_threshold,
    ),
    ("retry", |s| s.retry.is_some(), |to, from| to.retry.clone_from(&from.retry)),
    ("timeouts", |s| s.timeouts.is_some(), |to, from| to.timeouts.clone_from(&from.timeouts)),
    ("limits", |s| s.limits.is_some(), |to, from| to.limits.clone_from(&from.limits)),
    (
        "rateLimit",
        |s| s.rate_limit.is_some(),
        |to, from| to.rate_limit.clone_from(&from.rate_limit),
    ),
    (ACCESS, |s| s.access.is_some(), |to, from| to.access.clone_from(&from.access)),
    (TLS, |s| s.tls.is_some(), |to, from| to.tls.clone_from(&from.tls)),
    (
        BACKEND_TLS,
        |s| s.backend_tls.is_some(),
        |to, from| to.backend_tls.clone_from(&from.backend_tls),
    ),
    (
        "proxyProtocol",
        |s| s.proxy_protocol.is_some(),
        |to, from| to.proxy_protocol.clone_from(&from.proxy_protocol),
    ),
    (
        "httpsRedirect",
        |s| s.https_redirect.is_some(),
        |to, from| to.https_redirect.clone_from(&from.https_redirect),
    ),
];

/// Layer is what became of one pool's settings for a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) pool: ObjectKey,
    /// Fields that a more specific pool says, and which.
    pub(super) replaced: Vec<(&'static str, ObjectKey)>,
    /// Whether a more specific pool says all that this one says.
    pub(super) is_replaced: bool,
}

/// Said is whose word counts for a field.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) pool: &'a ObjectKey,
    pub(super) spec: &'a BackendPoolSpec,
    /// Whether its spec is valid as a whole.
    pub(super) is_valid: bool,
}

/// Joined are the settings of several pools, the more specific of which were added first. Each field
/// is said by the first that says it.
#[derive(Default)]
pub(super) struct Joined<'a> {
    /// What those with a valid spec say.
    pub(super) spec: BackendPoolSpec,
    of: BTreeMap<&'static str, Said<'a>>,
    /// Those with a valid spec.
    pub(super) layers: Vec<Layer>,
}

impl<'a> Joined<'a> {
    /// Adds settings that are less specific than those before. Of a spec that is not valid nothing
    /// counts but its bounds.
    pub(super) fn add(&mut self, pool: &'a ObjectKey, spec: &'a BackendPoolSpec) {
        let said = Said { pool, spec, is_valid: is_valid(spec) };
        let mut layer = Layer { pool: pool.clone(), replaced: Vec::new(), is_replaced: false };
        let mut counts = false;
        for (name, is_said, take) in FIELDS {
            if !is_said(spec) || !(said.is_valid || BOUNDS.contains(&name)) {
                continue;
            }
            if let Some(other) = self.of.get(name) {
                layer.replaced.push((name, other.pool.clone()));
                continue;
            }
            self.of.insert(name, said);
            counts = true;
            if said.is_valid {
                take(&mut self.spec, spec);
            }
        }
        layer.is_replaced = !counts && !layer.replaced.is_empty();
        if said.is_valid {
            self.layers.push(layer);
        }
    }

    /// Returns whose word counts for a field; nothing where nobody says it.
    pub(super) fn of(&self, field: &str) -> Option<Said<'a>> {
        self.of.get(field).copied()
    }
}

/// Returns whether settings are valid by themselves.
pub(super) fn is_valid(spec: &BackendPoolSpec) -> bool {
    let mut problems = Problems::default();
    spec::translate(spec, &PoolName::new("", ""), &mut problems);
    Times::of(spec.timeouts.as_ref(), &mut problems);
    problems.spec.is_empty()
}

/// Returns whether a spec says who or what is kept out.
pub(super) fn has_bounds(spec: &BackendPoolSpec) -> bool {
    FIELDS.iter().any(|(name, is_said, _)| BOUNDS.contains(name) && is_said(spec))
}
