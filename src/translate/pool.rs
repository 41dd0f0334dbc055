//! One pool: what it means by itself, before it is compared with the others.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::app_protocol::Speech;
use super::backends::{self, Context, port_of};
use super::problems::Problems;
use super::routes::{ForRoutes, Times};
use super::settings::{ACCESS, BACKEND_TLS, Joined, Said};
use super::unit::{Port, Used};
use super::{backend_tls, certificates, places, reach, routes, spec, terms};
use crate::api::{BackendPool, ConditionReason, Kind, ObjectKey};
use crate::model::{self, Certificate, PoolName, Route, RouteId};

/// PoolResult is what one pool means by itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PoolResult {
    pub(super) generation: Option<i64>,
    pub(super) pool: Option<Arc<model::Pool>>,
    /// Whether it has no backends of its own: it is settings for others.
    pub(super) is_settings: bool,
    /// Whether its settings are wrong. Its requests are then refused, and do not go to another pool, past
    /// what this one says of who may ask.
    pub(super) is_held: bool,
    /// What holds for routes of Ingresses that lead to it.
    pub(super) for_routes: ForRoutes,
    pub(super) routes: Vec<Route>,
    pub(super) certificates: Arc<[Certificate]>,
    pub(super) problems: Problems,
    pub(super) used: Used,
}

/// Translates one pool.
pub(super) fn translate(context: Context<'_>, object: &BackendPool) -> PoolResult {
    let key: &ObjectKey = context.from;
    let name = PoolName::new(&key.namespace, &key.name);
    let (mut problems, mut used) = (Problems::default(), Used::default());
    let settings = spec::translate(&object.spec, &name, &mut problems);
    let times = Times::of(object.spec.timeouts.as_ref(), &mut problems);
    let redirect = terms::redirect(&object.spec);
    let is_held = !problems.spec.is_empty();
    // Whoever claims what a held pool claims, in the same words, has it.
    let created = if is_held { RouteId::LAST } else { created(&object.metadata) };
    let backend_tls = backend_tls::translate(context, &object.spec, &mut used, &mut problems);
    let tls = object.spec.tls.as_ref();
    let terms = tls.map(|tls| Arc::new(terms::translate(context, tls, &mut used, &mut problems)));
    let for_routes = ForRoutes { times, redirect, terms: terms.clone() };
    let Some(backends) = &object.spec.backends else {
        targets(context, object, &mut used, &mut problems);
        return PoolResult {
            generation: object.metadata.generation,
            pool: None,
            is_settings: true,
            is_held: false,
            for_routes,
            routes: Vec::new(),
            certificates: Arc::new([]),
            problems,
            used,
        };
    };
    note_settings(context, object, &mut problems);
    let speaking = Context { speech: Speech::of(&object.spec), ..context };
    let backends = backends::translate(speaking, backends, &mut used, &mut problems);
    let declared = object.spec.routes.as_deref().unwrap_or_default();
    let mut routes = routes::translate(declared, &name, created, times, &mut problems);
    reach::check(declared, &routes, &mut problems);
    let terms = terms.unwrap_or_default();
    for route in &mut routes {
        route.https_redirect = redirect;
        // Whoever shows a certificate for the name: the route keeps its rule.
        route.client.clone_from(&terms.client);
    }
    let certificates =
        certificates::translate(context, (tls, &terms), &routes, &mut used, &mut problems);
    let locality = settings.as_ref().and_then(|settings| settings.locality.as_ref());
    places::check(&object.spec, locality, &backends, context.options, &mut problems);
    let pool = match settings.filter(|_| !is_held) {
        Some(pool) => {
            let pool = model::Pool { backend_tls, ..pool }.with_backends(backends);
            note_queue(&pool.limits, &mut problems);
            pool
        }
        None => model::Pool::new(name),
    };
    PoolResult {
        generation: object.metadata.generation,
        routes,
        certificates: if is_held { Arc::new([]) } else { certificates.into() },
        pool: Some(Arc::new(pool)),
        is_settings: false,
        is_held,
        for_routes,
        problems,
        used,
    }
}

/// Notes what settings for a Service keep out that is a backend here: they are for Ingresses that
/// name it, and somebody may think that they hold wherever it is asked.
fn note_settings(context: Context<'_>, object: &BackendPool, problems: &mut Problems) {
    for (index, backend) in object.spec.backends.iter().flatten().enumerate() {
        let Some(reference) = &backend.service else { continue };
        let namespace = reference.namespace.as_ref().unwrap_or(&context.from.namespace);
        let key = ObjectKey::new(namespace.clone(), reference.name.clone());
        let port = Port::Number(u16::try_from(reference.port).unwrap_or(0));
        let service = context.objects.services.get(&key);
        let name = service.and_then(|service| port_of(service, &port).ok()).map(|(name, ..)| name);
        let mut joined = Joined::default();
        for settings in context.policies.winners(&key, name.unwrap_or_default()) {
            if let Some(theirs) = context.objects.backend_pools.get(settings) {
                joined.add(settings, &theirs.spec);
            }
        }
        let own = &object.spec;
        let fields = [(ACCESS, own.access.is_none()), (BACKEND_TLS, own.backend_tls.is_none())];
        for (field, _) in fields.into_iter().filter(|(_, is_missing)| *is_missing) {
            if let Some(Said { pool: settings, .. }) = joined.of(field) {
                problems.notes.push(format!(
                    "spec.backends[{index}].service: {field} of BackendPool {settings} holds where \
                     Ingresses name Service {key}, and not here: say it in this pool too"
                ));
            }
        }
    }
}

/// Warns of a queue that nothing ever stands in.
fn note_queue(limits: &model::Limits, problems: &mut Problems) {
    let bounds = [limits.most_requests(), limits.most_requests_per_endpoint()];
    if limits.max_pending > 0 && bounds.iter().all(Option::is_none) {
        problems.warning(
            "spec.limits.maxPending",
            "nothing waits, as requests share connections over HTTP/2: add limits.maxRequests",
        );
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
    metadata.creation_timestamp.as_ref().map_or(RouteId::UNKNOWN, |time| time.0.as_second())
}
