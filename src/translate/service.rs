//! One port of a Service that some Ingress names: a pool that nobody declared.

use std::sync::Arc;

use super::access::access;
use super::app_protocol::Speech;
use super::backends::{self, Context, port_of};
use super::problems::{Problems, Unresolved};
use super::routes::{ForRoutes, Times};
use super::settings::{ACCESS, BACKEND_TLS, Joined, Layer, SESSIONS, Said, TLS};
use super::unit::{ServicePort, Used};
use super::{backend_tls, spec, terms};
use crate::api::{Kind, ObjectKey};
use crate::model::{Access, Backend, BackendTls, Pool};

/// ServiceResult is what a port of a Service means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ServiceResult {
    pub(super) pool: Arc<Pool>,
    /// The BackendPools that its settings are of, the more specific first.
    pub(super) layers: Vec<Layer>,
    /// The one that says how clients stay on their endpoints.
    pub(super) sessions_of: Option<ObjectKey>,
    /// What holds for routes that lead to it.
    pub(super) for_routes: ForRoutes,
    pub(super) problems: Problems,
    pub(super) used: Used,
}

/// Translates one port of a Service. It is a pool even where it has no endpoint: its requests are
/// then refused, and do not go elsewhere.
///
/// Each of its settings is that of the pool that is attached to the port, else of the one that is
/// attached to the Service, else of the one that the class of its Ingress names, else the default.
pub(super) fn translate(
    context: Context<'_>,
    port: &ServicePort,
    of_class: Option<&ObjectKey>,
) -> ServiceResult {
    let (mut problems, mut used) = (Problems::default(), Used::default());
    let name = port.pool_name();
    let joined = settings_of(context, port, of_class, &mut used);
    // Bounds of settings that are wrong say it, too.
    let is_tls = joined.of(BACKEND_TLS).is_some();
    let speech = Speech { is_tls, ..Speech::of(&joined.spec) };
    let (protocol, endpoints) = backends::of_service(
        Context { speech, ..context },
        &port.service,
        &port.port,
        "backend",
        &mut used,
        &mut problems,
    );
    let backend = Backend {
        origin: name.as_str().into(),
        is_service: true,
        weight: 1,
        tier: 0,
        protocol,
        endpoints,
    };
    let pool = spec::translate(&joined.spec, &name, &mut Problems::default());
    // Settings that are wrong do not count, but who was to be kept out stays out, and what was to be
    // TLS is not clear text.
    let access = joined
        .of(ACCESS)
        .and_then(|said| said.spec.access.as_ref())
        .map(|lists| access(lists, &mut Problems::default()).unwrap_or_else(Access::nobody));
    let backend_tls = joined.of(BACKEND_TLS).and_then(|said| {
        if !said.is_valid {
            return Some(BackendTls::Unresolved);
        }
        of_settings(context, said, &mut problems, |context, problems| {
            backend_tls::translate(context, said.spec, &mut used, problems)
        })
    });
    let terms = joined.of(TLS).and_then(|said| {
        let tls = said.spec.tls.as_ref()?;
        Some(of_settings(context, said, &mut problems, |context, problems| {
            Arc::new(terms::translate(context, tls, &mut used, problems))
        }))
    });
    let for_routes = ForRoutes {
        times: Times::of(joined.spec.timeouts.as_ref(), &mut Problems::default()),
        redirect: terms::redirect(&joined.spec),
        terms,
    };
    let pool = pool.unwrap_or_else(|| Pool::new(name));
    let pool = Pool { access, backend_tls, ..pool }.with_backends(vec![backend]);
    let sessions_of = joined.of(SESSIONS).map(|said| said.pool.clone());
    let (pool, layers) = (Arc::new(pool), joined.layers);
    ServiceResult { pool, layers, sessions_of, for_routes, problems, used }
}

/// Joins the settings of a port.
fn settings_of<'a>(
    context: Context<'a>,
    port: &ServicePort,
    of_class: Option<&'a ObjectKey>,
    used: &mut Used,
) -> Joined<'a> {
    let service = context.objects.services.get(&port.service);
    let port_name = service.and_then(|service| port_of(service, &port.port).ok());
    let name = port_name.map_or("", |(name, ..)| name);
    let attached = context.policies.winners(&port.service, name);
    let of_class = of_class.filter(|key| !attached.contains(key));
    let mut joined = Joined::default();
    for key in attached.into_iter().chain(of_class) {
        used.note(Kind::BackendPool, key);
        if let Some(object) = context.objects.backend_pools.get(key) {
            joined.add(key, &object.spec);
        }
    }
    joined
}

/// Translates a part of settings; what is wrong with it is a problem of whoever uses the port, too.
fn of_settings<T>(
    context: Context<'_>,
    said: Said<'_>,
    problems: &mut Problems,
    translate: impl FnOnce(Context<'_>, &mut Problems) -> T,
) -> T {
    let mut own = Problems::default();
    let from = said.pool;
    let translated = translate(Context { from, ..context }, &mut own);
    problems.refs.extend(own.refs.into_iter().map(|Unresolved { reason, message }| Unresolved {
        reason,
        message: format!("settings of BackendPool {from}: {message}"),
    }));
    translated
}
