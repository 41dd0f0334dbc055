//! One port of a Service that some Ingress names: a pool that nobody declared.

use std::sync::Arc;

use super::access::access;
use super::backends::{self, Context, port_of};
use super::policy::Policies;
use super::problems::{Problems, Unresolved};
use super::routes::Times;
use super::unit::{ServicePort, Used};
use super::{backend_tls, spec, terms};
use crate::api::{BackendPool, Kind, ObjectKey};
use crate::model::{Access, Backend, BackendTls, HttpsRedirect, Pool};

/// ServiceResult is what a port of a Service means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ServiceResult {
    pub(super) pool: Arc<Pool>,
    /// The BackendPool that its settings are of.
    pub(super) settings: Option<ObjectKey>,
    /// Limits of requests on routes that lead to it.
    pub(super) times: Times,
    /// How clear text is sent to https on routes that lead to it.
    pub(super) redirect: Option<HttpsRedirect>,
    pub(super) problems: Problems,
    pub(super) used: Used,
}

/// Translates one port of a Service. It is a pool even where it has no endpoint: its requests are
/// then refused, and do not go elsewhere.
///
/// Its settings are those of the pool that is attached to it, else of the one that the class of
/// its Ingress names, else the defaults.
pub(super) fn translate(
    context: Context<'_>,
    port: &ServicePort,
    policies: &Policies,
    of_class: Option<&ObjectKey>,
) -> ServiceResult {
    let (mut problems, mut used) = (Problems::default(), Used::default());
    let (protocol, endpoints) = backends::of_service(
        context,
        &port.service,
        &port.port,
        "backend",
        &mut used,
        &mut problems,
    );
    let name = port.pool_name();
    let service = context.objects.services.get(&port.service);
    let port_name = service.and_then(|service| port_of(service, &port.port).ok());
    let attached = policies.winner(&port.service, port_name.map_or("", |(name, ..)| name));
    let (mut found, mut kept_out, mut is_tls) = (None, None, false);
    for key in attached.into_iter().chain(of_class) {
        used.note(Kind::BackendPool, key);
        let Some(object) = context.objects.backend_pools.get(key) else { continue };
        let mut invalid = Problems::default();
        let pool = spec::translate(&object.spec, &name, &mut invalid);
        let times = Times::of(object.spec.timeouts.as_ref(), &mut invalid);
        if let Some(pool) = pool.filter(|_| invalid.spec.is_empty()) {
            let from = Context { from: key, ..context };
            let backend_tls = tls_of(from, object, &mut used, &mut problems);
            let redirect = terms::redirect(&object.spec);
            found = Some((Pool { backend_tls, ..pool }, Some(key.clone()), times, redirect));
            break;
        }
        // Settings that are wrong do not count, but who was to be kept out stays out, and what was to
        // be TLS is not clear text.
        is_tls |= object.spec.backend_tls.is_some();
        let declared = object.spec.access.as_ref();
        kept_out = kept_out.or_else(|| {
            let read = |spec| access(spec, &mut Problems::default());
            declared.map(|spec| read(spec).unwrap_or_else(Access::nobody))
        });
    }
    let backend = Backend {
        origin: name.as_str().into(),
        is_service: true,
        weight: 1,
        tier: 0,
        protocol,
        endpoints,
    };
    let (pool, settings, times, redirect) =
        found.unwrap_or_else(|| (Pool::new(name), None, Times::default(), None));
    let lists = kept_out.or_else(|| pool.access.clone());
    let backend_tls = if is_tls { Some(BackendTls::Unresolved) } else { pool.backend_tls.clone() };
    let pool = Pool { access: lists, backend_tls, ..pool }.with_backends(vec![backend]);
    ServiceResult { pool: Arc::new(pool), settings, times, redirect, problems, used }
}

/// Translates how the endpoints are spoken to, as the settings of a pool say; what is wrong with
/// them is a problem of whoever uses the port, too.
fn tls_of(
    context: Context<'_>,
    settings: &BackendPool,
    used: &mut Used,
    problems: &mut Problems,
) -> Option<BackendTls> {
    let mut own = Problems::default();
    let tls = backend_tls::translate(context, &settings.spec, used, &mut own);
    let from = context.from;
    problems.refs.extend(own.refs.into_iter().map(|Unresolved { reason, message }| Unresolved {
        reason,
        message: format!("settings of BackendPool {from}: {message}"),
    }));
    tls
}
