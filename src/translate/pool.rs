//! One pool: what it means by itself, before it is compared with the others.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::backends::{self, Context, port_of};
use super::problems::Problems;
use super::routes::Times;
use super::unit::{Port, Used};
use super::{backend_tls, certificates, places, routes, spec, terms};
use crate::api::{BackendPool, ConditionReason, Kind, ObjectKey};
use crate::model::{self, Certificate, HttpsRedirect, PoolName, Route};

/// PoolResult is what one pool means by itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PoolResult {
    pub(super) generation: Option<i64>,
    pub(super) pool: Option<Arc<model::Pool>>,
    /// Whether it has no backends of its own: it is settings for others.
    pub(super) is_settings: bool,
    /// Limits of requests on routes of Ingresses that lead to it.
    pub(super) times: Times,
    /// How clear text is sent to https on routes of Ingresses that lead to it.
    pub(super) redirect: Option<HttpsRedirect>,
    pub(super) routes: Vec<Route>,
    pub(super) certificates: Arc<[Certificate]>,
    pub(super) problems: Problems,
    pub(super) used: Used,
}

/// Translates one pool.
pub(super) fn translate(context: Context<'_>, object: &BackendPool) -> PoolResult {
    let key: &ObjectKey = context.from;
    let name = PoolName::new(&key.namespace, &key.name);
    let created = created(&object.metadata);
    let (mut problems, mut used) = (Problems::default(), Used::default());
    let settings = spec::translate(&object.spec, &name, &mut problems);
    let times = Times::of(object.spec.timeouts.as_ref(), &mut problems);
    let redirect = terms::redirect(&object.spec);
    let usable = problems.spec.is_empty();
    let backend_tls = backend_tls::translate(context, &object.spec, &mut used, &mut problems);
    let Some(backends) = &object.spec.backends else {
        targets(context, object, &mut used, &mut problems);
        return PoolResult {
            generation: object.metadata.generation,
            pool: None,
            is_settings: true,
            times,
            redirect,
            routes: Vec::new(),
            certificates: Arc::new([]),
            problems,
            used,
        };
    };
    let backends = backends::translate(context, backends, &mut used, &mut problems);
    let declared = object.spec.routes.as_deref().unwrap_or_default();
    let mut routes = routes::translate(declared, &name, created, times, &mut problems);
    let tls = object.spec.tls.as_ref();
    let terms = tls.map(|tls| terms::translate(context, tls, &mut used, &mut problems));
    let terms = Arc::new(terms.unwrap_or_default());
    for route in &mut routes {
        route.https_redirect = redirect;
        // Whoever shows a certificate for the name: the route keeps its rule.
        route.client.clone_from(&terms.client);
    }
    let certificates =
        certificates::translate(context, (tls, &terms), &routes, &mut used, &mut problems);
    let locality = settings.as_ref().and_then(|settings| settings.locality.as_ref());
    places::check(&object.spec, locality, &backends, context.options, &mut problems);
    let pool = settings.filter(|_| usable);
    let pool =
        pool.map(|pool| Arc::new(model::Pool { backend_tls, ..pool }.with_backends(backends)));
    PoolResult {
        generation: object.metadata.generation,
        routes: if pool.is_some() { routes } else { Vec::new() },
        certificates: if pool.is_some() { certificates.into() } else { Arc::new([]) },
        pool,
        is_settings: false,
        times,
        redirect,
        problems,
        used,
    }
}

/// Looks for the Services that settings are for.
fn targets(context: Context<'_>, object: &BackendPool, used: &mut Used, problems: &mut Problems) {
    for (index, target) in object.spec.target_refs.iter().flatten().enumerate() {
        let field = format!("spec.targetRefs[{index}]");
        let key = ObjectKey::new(context.from.namespace.clone(), target.name.clone());
        used.note(Kind::Service, &key);
        let why = match (context.objects.services.get(&key), &target.section_name) {
            (None, _) => Some(format!("there is no Service {key}")),
            (Some(service), Some(name)) => {
                let port = port_of(service, &Port::Name(name.clone()));
                port.err().map(|why| format!("Service {key} {why}"))
            }
            (Some(_), None) => None,
        };
        if let Some(why) = why {
            problems.reference(ConditionReason::TargetNotFound, &field, why);
        }
    }
}

/// Returns when an object was created, in seconds since 1970; one that does not say it is the
/// youngest.
pub(super) fn created(metadata: &ObjectMeta) -> i64 {
    metadata.creation_timestamp.as_ref().map_or(i64::MAX, |time| time.0.as_second())
}
