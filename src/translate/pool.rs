//! One pool: what it means by itself, before it is compared with the others.

use std::sync::Arc;

use super::backends::{self, Context, Used};
use super::problems::Problems;
use super::{certificates, routes, spec};
use crate::api::{BackendPool, ObjectKey};
use crate::model::{self, Certificate, PoolName, Route};

/// PoolResult is what one pool means by itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PoolResult {
    pub(super) generation: Option<i64>,
    pub(super) pool: Option<Arc<model::Pool>>,
    pub(super) routes: Vec<Route>,
    pub(super) certificates: Arc<[Certificate]>,
    pub(super) problems: Problems,
    pub(super) used: Used,
}

/// Translates one pool.
pub(super) fn translate(context: Context<'_>, object: &BackendPool) -> PoolResult {
    let key: &ObjectKey = context.pool;
    let name = PoolName::new(&key.namespace, &key.name);
    let created =
        object.metadata.creation_timestamp.as_ref().map_or(i64::MAX, |time| time.0.as_second());
    let (mut problems, mut used) = (Problems::default(), Used::default());
    let settings = spec::translate(&object.spec, &name, &mut problems);
    let usable = problems.spec.is_empty();
    let backends = backends::translate(context, &object.spec.backends, &mut used, &mut problems);
    let declared = object.spec.routes.as_deref().unwrap_or_default();
    let routes = routes::translate(declared, &name, created, &mut problems);
    let certificates = certificates::translate(
        context,
        object.spec.tls.as_ref(),
        &routes,
        &mut used,
        &mut problems,
    );
    let pool = settings.filter(|_| usable).map(|pool| Arc::new(model::Pool { backends, ..pool }));
    PoolResult {
        generation: object.metadata.generation,
        routes: if pool.is_some() { routes } else { Vec::new() },
        certificates: if pool.is_some() { certificates.into() } else { Arc::new([]) },
        pool,
        problems,
        used,
    }
}
