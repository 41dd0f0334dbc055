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
pub(super) const SESSIONS: &str = "sessionPersistence";

/// A field that says nothing where it is not there.
macro_rules! optional {
    ($name:expr, $field:ident) => {
        ($name, |spec| spec.$field.is_some(), |to, from| to.$field.clone_from(&from.$field))
    };
}

const FIELDS: [Field; 15] = [
    // The API server writes what it is by default, so that says nothing.
    (
        "loadBalancing",
        |spec| spec.load_balancing != LoadBalancing::default(),
        |to, from| to.load_balancing.clone_from(&from.load_balancing),
    ),
    optional!(SESSIONS, session_persistence),
    optional!("backendProtocol", backend_protocol),
    optional!("healthCheck", health_check),
    optional!("outlierDetection", outlier_detection),
    optional!("panicThreshold", panic_threshold),
    optional!("retry", retry),
    optional!("timeouts", timeouts),
    optional!("limits", limits),
    optional!("rateLimit", rate_limit),
    optional!(ACCESS, access),
    optional!(TLS, tls),
    optional!(BACKEND_TLS, backend_tls),
    optional!("proxyProtocol", proxy_protocol),
    optional!("httpsRedirect", https_redirect),
];

/// Layer is what became of one pool's settings for a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) pool: ObjectKey,
    /// Fields of which a more specific pool decides.
    pub(super) replaced: Vec<Replaced>,
    /// Whether a more specific pool says all that this one says.
    pub(super) is_replaced: bool,
}

/// Replaced is a field of which a more specific pool decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) field: &'static str,
    pub(super) by: ObjectKey,
    /// Whether that pool only takes it back to its default.
    pub(super) is_taken_back: bool,
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
    /// Fields that were taken back to their default before anybody said them, and by whom.
    taken_back: BTreeMap<&'static str, &'a ObjectKey>,
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
            if let Some(replaced) = self.decided(name) {
                layer.replaced.push(replaced);
                continue;
            }
            self.of.insert(name, said);
            counts = true;
            if said.is_valid {
                take(&mut self.spec, spec);
            }
        }
        let own = if said.is_valid { spec.not_inherited.as_deref() } else { None };
        for field in own.into_iter().flatten().map(|field| field.as_str()) {
            if let Some(replaced) = self.decided(field) {
                layer.replaced.push(replaced);
                continue;
            }
            self.taken_back.insert(field, pool);
            counts = true;
        }
        layer.is_replaced = !counts && !layer.replaced.is_empty();
        if said.is_valid {
            self.layers.push(layer);
        }
    }

    /// Returns who decided of a field before, if anybody did.
    fn decided(&self, field: &'static str) -> Option<Replaced> {
        let said = self.of.get(field).map(|said| (said.pool, false));
        let (by, is_taken_back) =
            said.or_else(|| self.taken_back.get(field).map(|pool| (*pool, true)))?;
        Some(Replaced { field, by: by.clone(), is_taken_back })
    }

    /// Returns whose word counts for a field; nothing where nobody says it.
    pub(super) fn of(&self, field: &str) -> Option<Said<'a>> {
        self.of.get(field).copied()
    }
}

/// Refuses what a spec both says and takes back.
pub(super) fn check(spec: &BackendPoolSpec, problems: &mut Problems) {
    for (index, field) in spec.not_inherited.iter().flatten().enumerate() {
        let field = field.as_str();
        if FIELDS.iter().any(|(name, is_said, _)| *name == field && is_said(spec)) {
            problems.spec.push(format!(
                "spec.notInherited[{index}]: {field} is said in this pool, so nothing of it is inherited: leave out one of the two"
            ));
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::backend_pool::Setting;
    use crate::api::backend_pool_crd;

    /// A field that is not here would be taken from nobody without a word.
    #[test]
    fn every_field_of_the_spec_is_joined_but_those_that_are_no_settings() {
        let crd = serde_json::to_value(backend_pool_crd()).unwrap();
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let declared = crd.pointer(path).and_then(|fields| fields.as_object()).unwrap();
        let declared: BTreeSet<&str> = declared.keys().map(String::as_str).collect();
        let own = ["backends", "notInherited", "routes", "targetRefs"];
        let fields: BTreeSet<&str> = FIELDS.iter().map(|(name, ..)| *name).collect();
        assert_eq!(fields.iter().copied().chain(own).collect::<BTreeSet<_>>(), declared);
        let settings: BTreeSet<&str> = Setting::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(fields, settings, "and each can be taken back");
        for one in Setting::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.as_str());
        }
    }
}
