//! The translation of a change, at the cost of the change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::app_protocol::Speech;
use super::backends::Context;
use super::claims::Claims;
use super::host_terms::HostTerms;
use super::ingress::{self, IngressResult, Secured};
use super::policy::Policies;
use super::pool::{self, PoolResult};
use super::routes::ForRoutes;
use super::service::{self, ServiceResult};
use super::shared_sessions::SharedSessions;
use super::slices::Slices;
use super::unit::{Port, ServicePort, Unit, Users};
use super::{Options, foreign};
use crate::api::{Change, Kind, ObjectKey, Objects};
use crate::model::{Changed, Model, Origin, OriginKind, Pool, PoolName, Route};

/// Translator keeps what every pool and Ingress means, and follows changes of objects.
#[derive(Clone, Debug, Default)]
pub struct Translator {
    options: Options,
    slices: Slices,
    pub(super) pools: BTreeMap<ObjectKey, PoolResult>,
    pub(super) ingresses: BTreeMap<ObjectKey, IngressResult>,
    pub(super) services: BTreeMap<ServicePort, ServiceResult>,
    /// The Ingresses that name a port of a Service.
    wanted: BTreeMap<ServicePort, BTreeSet<ObjectKey>>,
    pub(super) policies: Policies,
    claims: Claims,
    pub(super) lost: BTreeMap<Origin, Vec<String>>,
    /// Terms of TLS that somebody else says.
    pub(super) foreign: BTreeMap<Origin, Vec<String>>,
    pub(super) shared_sessions: SharedSessions,
    pub(super) users: Users,
    model: Model,
}

/// Step says what a change did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What is different in the model.
    pub changed: Changed,
    /// Pools whose status may have to say something else.
    pub judged: BTreeSet<ObjectKey>,
    /// Ingresses of which something else may have to be said.
    pub judged_ingresses: BTreeSet<ObjectKey>,
}

impl Step {
    /// Returns whether the model is as it was.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }
}

/// Work is what is left to do for a change.
#[derive(Debug, Default)]
struct Work {
    dirty: BTreeSet<Unit>,
    /// Pools that may have come or gone.
    settle: BTreeSet<ObjectKey>,
    /// Objects whose routes are to be compared with those of others.
    judge: BTreeSet<Origin>,
    step: Step,
}

impl Translator {
    /// Makes a translator that knows no object.
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// Returns the model as it is now.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Translates all objects anew.
    pub fn restart(&mut self, objects: &Objects) -> Step {
        self.slices = Slices::of(objects);
        let pools = self.pools.keys().chain(objects.backend_pools.keys()).cloned();
        let invalid = objects.invalid.keys().filter(|(kind, _)| *kind == Kind::BackendPool);
        let pools = pools.chain(invalid.map(|(_, key)| key.clone())).map(Unit::BackendPool);
        let ingresses = self.ingresses.keys().chain(objects.ingresses.keys()).cloned();
        let services = self.services.keys().cloned().map(Unit::Service);
        let dirty: BTreeSet<Unit> =
            pools.chain(ingresses.map(Unit::Ingress)).chain(services).collect();
        for unit in &dirty {
            if let Unit::BackendPool(key) = unit {
                self.policies.update(objects, key);
            }
        }
        self.translate(objects, Work { dirty, ..Work::default() })
    }

    /// Follows changes that were already applied to `objects`.
    pub fn apply(&mut self, objects: &Objects, changes: &[Change]) -> Step {
        let mut work = Work::default();
        let Work { dirty, step, .. } = &mut work;
        for Change { kind, key, .. } in changes {
            match kind {
                Kind::BackendPool => {
                    dirty.insert(Unit::BackendPool(key.clone()));
                    for service in self.policies.update(objects, key) {
                        step.judged.extend(self.policies.of(&service).cloned());
                        dirty.extend(ports(&self.services, &service).cloned().map(Unit::Service));
                        // Who leads to the Service by itself is told what does not hold there.
                        let users = self.users.of(Kind::Service, &service);
                        let pools = users.filter(|unit| matches!(unit, Unit::BackendPool(_)));
                        dirty.extend(pools.cloned());
                    }
                }
                Kind::Ingress => {
                    dirty.insert(Unit::Ingress(key.clone()));
                }
                Kind::EndpointSlice => {
                    for service in self.slices.update(objects, key) {
                        dirty.extend(self.users.of(Kind::EndpointSlice, &service).cloned());
                    }
                    continue;
                }
                Kind::ReferenceGrant => dirty.extend(self.users.abroad().cloned()),
                Kind::IngressClass => {
                    // Whichever it was or is, it may decide what the default is.
                    dirty.extend(self.users.of(*kind, &ObjectKey::new("", "")).cloned());
                }
                Kind::ConfigMap | Kind::DnsRecord | Kind::Node | Kind::Secret | Kind::Service => {}
            }
            dirty.extend(self.users.of(*kind, key).cloned());
        }
        self.translate(objects, work)
    }

    fn translate(&mut self, objects: &Objects, mut work: Work) -> Step {
        while let Some(unit) = work.dirty.pop_first() {
            match unit {
                Unit::Ingress(key) => self.translate_ingress(objects, &key, &mut work),
                Unit::Service(port) => self.translate_service(objects, &port, &mut work),
                Unit::BackendPool(key) => self.translate_pool(objects, &key, &mut work),
            }
        }
        for key in std::mem::take(&mut work.settle) {
            self.settle(&key, &mut work.step);
        }
        for origin in std::mem::take(&mut work.judge) {
            self.judge(&origin, &mut work.step);
            let key = ObjectKey::new(origin.namespace(), origin.name());
            match origin.kind() {
                OriginKind::BackendPool => work.step.judged.insert(key),
                OriginKind::Ingress => work.step.judged_ingresses.insert(key),
            };
        }
        if !work.step.changed.certificates.is_empty() {
            self.judge_terms(&mut work.step);
        }
        let told = self.shared_sessions.judge();
        let judged = told.iter().filter_map(|pool| self.sessions_of(pool));
        work.step.judged.extend(judged);
        work.step
    }

    fn context<'a>(&'a self, objects: &'a Objects, from: &'a ObjectKey) -> Context<'a> {
        let Self { slices, options, policies, .. } = self;
        Context { objects, slices, options, policies, from, speech: Speech::default() }
    }

    fn translate_pool(&mut self, objects: &Objects, key: &ObjectKey, work: &mut Work) {
        let object = objects.backend_pools.get(key);
        let new = object.map(|object| pool::translate(self.context(objects, key), object));
        let origin = Origin::pool(&PoolName::new(&key.namespace, &key.name));
        let old = self.pools.remove(key);
        let routes = |result: &Option<PoolResult>| -> Vec<Route> {
            result.as_ref().map(|result| result.routes.clone()).unwrap_or_default()
        };
        self.claim(&origin, &routes(&old), &routes(&new), work);
        let used = |result: &Option<PoolResult>| result.as_ref().map(|result| result.used.clone());
        self.users.follow(
            &Unit::BackendPool(key.clone()),
            used(&old).as_ref(),
            used(&new).as_ref(),
        );
        let certificates = new.as_ref().map(|new| Arc::clone(&new.certificates));
        put_list(
            &mut self.model.certificates,
            &origin,
            certificates,
            &mut work.step.changed.certificates,
        );
        let for_routes =
            |result: &Option<PoolResult>| result.as_ref().map(|it| it.for_routes.clone());
        if for_routes(&old) != for_routes(&new) {
            let users = self.users.of(Kind::BackendPool, key).filter_map(|unit| match unit {
                Unit::Ingress(key) => Some(Origin::ingress(&key.namespace, &key.name)),
                _ => None,
            });
            work.judge.extend(users);
        }
        if let Some(new) = new {
            self.pools.insert(key.clone(), new);
        }
        work.settle.insert(key.clone());
        work.step.judged.insert(key.clone());
    }

    fn translate_ingress(&mut self, objects: &Objects, key: &ObjectKey, work: &mut Work) {
        let object = objects.ingresses.get(key);
        let new = object.map(|object| ingress::translate(self.context(objects, key), object));
        let origin = Origin::ingress(&key.namespace, &key.name);
        let nothing = IngressResult::default();
        let old = self.ingresses.remove(key);
        let (before, after) = (old.as_ref().unwrap_or(&nothing), new.as_ref().unwrap_or(&nothing));
        self.claim(&origin, &before.routes, &after.routes, work);
        self.users.follow(&Unit::Ingress(key.clone()), Some(&before.used), Some(&after.used));
        for port in before.ports.difference(&after.ports) {
            if let Some(users) = self.wanted.get_mut(port) {
                users.remove(key);
                if users.is_empty() {
                    self.wanted.remove(port);
                }
            }
            work.dirty.insert(Unit::Service(port.clone()));
        }
        for port in after.ports.difference(&before.ports) {
            self.wanted.entry(port.clone()).or_default().insert(key.clone());
            work.dirty.insert(Unit::Service(port.clone()));
        }
        if before.secured != after.secured || before.certificates != after.certificates {
            work.judge.insert(origin.clone());
        }
        if (&before.ours, before.created) != (&after.ours, after.created) {
            // What the class says of settings, and whose class counts for a port.
            work.dirty.extend(after.ports.iter().cloned().map(Unit::Service));
        }
        work.settle.extend(before.pools.symmetric_difference(&after.pools).cloned());
        if let Some(new) = new {
            self.ingresses.insert(key.clone(), new);
        }
        work.step.judged_ingresses.insert(key.clone());
    }

    fn translate_service(&mut self, objects: &Objects, port: &ServicePort, work: &mut Work) {
        let wanted = self.wanted.get(port);
        let context = self.context(objects, &port.service);
        let new = wanted.map(|wanted| {
            let of_class = self.of_class(wanted);
            service::translate(context, port, of_class)
        });
        let old = self.services.remove(port);
        let used = |result: &Option<ServiceResult>| result.as_ref().map(|r| r.used.clone());
        self.users.follow(&Unit::Service(port.clone()), used(&old).as_ref(), used(&new).as_ref());
        if old.as_ref().map(|old| &old.problems) != new.as_ref().map(|new| &new.problems) {
            let users = self.wanted.get(port).into_iter().flatten();
            work.step.judged_ingresses.extend(users.cloned());
        }
        let for_routes =
            |result: &Option<ServiceResult>| result.as_ref().map(|it| it.for_routes.clone());
        if for_routes(&old) != for_routes(&new) {
            let users = self.wanted.get(port).into_iter().flatten();
            work.judge.extend(users.map(|key| Origin::ingress(&key.namespace, &key.name)));
        }
        let layers = |result: &Option<ServiceResult>| {
            result.as_ref().map(|result| result.layers.clone()).unwrap_or_default()
        };
        let (before, after) = (layers(&old), layers(&new));
        if before != after {
            let pools = before.into_iter().chain(after).map(|layer| layer.pool);
            work.step.judged.extend(pools);
        }
        self.put_pool(&port.pool_name(), new.as_ref().map(|new| &new.pool), &mut work.step);
        if let Some(new) = new {
            self.services.insert(port.clone(), new);
        }
    }

    /// Returns the settings that the class of the first Ingress that names some says, of those that
    /// name a port.
    fn of_class(&self, ingresses: &BTreeSet<ObjectKey>) -> Option<&ObjectKey> {
        let found = ingresses.iter().filter_map(|key| {
            let result = self.ingresses.get(key)?;
            let settings = result.ours.as_ref()?.parameters.as_ref()?;
            Some((result.created, key, settings))
        });
        found.min().map(|(_, _, settings)| settings)
    }

    /// Follows the routes of an object, and notes whose routes must be judged for it.
    fn claim(&mut self, origin: &Origin, old: &[Route], new: &[Route], work: &mut Work) {
        if old != new {
            work.judge.extend(self.claims.remove(old));
            work.judge.extend(self.claims.add(new));
            work.judge.insert(origin.clone());
        }
    }

    /// Puts the pool of a BackendPool into the model. One that an Ingress names and that is not
    /// there has no endpoints, so that its requests are refused and do not go elsewhere.
    fn settle(&mut self, key: &ObjectKey, step: &mut Step) {
        let name = PoolName::new(&key.namespace, &key.name);
        let declared = self.pools.get(key).and_then(|result| result.pool.clone());
        let is_named = || {
            let mut users = self.users.of(Kind::BackendPool, key);
            users.any(|unit| matches!(unit, Unit::Ingress(_)))
        };
        let pool = match declared {
            None if is_named() => Some(Arc::new(Pool::new(name.clone()))),
            declared => declared,
        };
        self.put_pool(&name, pool.as_ref(), step);
    }

    /// Returns what the pool of a route of an Ingress says for it.
    fn for_route(&self, route: &Route) -> ForRoutes {
        let said = match ServicePort::of(&route.pool) {
            Some(port) => self.services.get(&port).map(|result| &result.for_routes),
            None => {
                let key = ObjectKey::new(route.pool.namespace(), route.pool.name());
                self.pools.get(&key).map(|result| &result.for_routes)
            }
        };
        said.cloned().unwrap_or_default()
    }

    /// Returns a route of an Ingress with what its pool says for it. Clear text is sent to https
    /// where the pool says so and the Ingress has TLS for the host.
    fn told(&self, route: &Route, secured: &Secured) -> Route {
        let ForRoutes { times, redirect, terms } = self.for_route(route);
        Route {
            request_timeout: times.request,
            backend_request_timeout: times.backend_request,
            https_redirect: redirect.filter(|_| secured.holds(&route.hostnames)),
            client: terms.and_then(|terms| terms.client.clone()),
            ..route.clone()
        }
    }

    fn put_pool(&mut self, name: &PoolName, new: Option<&Arc<Pool>>, step: &mut Step) {
        if self.model.pools.get(name) == new {
            return;
        }
        step.changed.pools.insert(name.clone());
        let old = self.model.pools.get(name).map(AsRef::as_ref);
        self.shared_sessions.follow(name, old, new.map(AsRef::as_ref));
        match new {
            Some(pool) => self.model.pools.insert(name.clone(), Arc::clone(pool)),
            None => self.model.pools.remove(name),
        };
    }

    fn judge_terms(&mut self, step: &mut Step) {
        let before = std::mem::replace(&mut self.foreign, foreign::terms(&self.model.certificates));
        let origins = before.keys().chain(self.foreign.keys());
        let changed = origins.filter(|origin| before.get(*origin) != self.foreign.get(*origin));
        for origin in changed {
            let key = ObjectKey::new(origin.namespace(), origin.name());
            match origin.kind() {
                OriginKind::BackendPool => step.judged.insert(key),
                OriginKind::Ingress => step.judged_ingresses.insert(key),
            };
        }
    }

    fn judge(&mut self, origin: &Origin, step: &mut Step) {
        let key = ObjectKey::new(origin.namespace(), origin.name());
        let nothing = IngressResult::default();
        let ingress = self.ingresses.get(&key).unwrap_or(&nothing);
        let routes = match origin.kind() {
            OriginKind::BackendPool => self.pools.get(&key).map(|result| &result.routes),
            OriginKind::Ingress => Some(&ingress.routes),
        };
        let (mut accepted, mut lost) =
            self.claims.judge(routes.map(Vec::as_slice).unwrap_or_default());
        if origin.kind() == OriginKind::Ingress {
            let terms = accepted.iter().filter_map(|it| Some((it, self.for_route(it).terms?)));
            let mut terms = HostTerms::of(terms);
            let certificates = terms.hold(&ingress.certificates, &ingress.secured);
            accepted = accepted.iter().map(|route| self.told(route, &ingress.secured)).collect();
            lost.append(&mut terms.lost);
            let changed = &mut step.changed.certificates;
            put_list(&mut self.model.certificates, origin, Some(certificates.into()), changed);
        }
        if lost.is_empty() {
            self.lost.remove(origin);
        } else {
            self.lost.insert(origin.clone(), lost);
        }
        let old = self.model.routes.get(origin).cloned();
        put_list(&mut self.model.routes, origin, Some(accepted), &mut step.changed.routes);
        let new = self.model.routes.get(origin);
        if old.as_ref() != new {
            let (old, new) = (old.as_deref(), new.map(AsRef::as_ref));
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            self.shared_sessions.follow_routes(old, new);
        }
    }
}

/// Puts a list in the place of another; an empty one has no place.
fn put_list<T: PartialEq>(
    lists: &mut BTreeMap<Origin, Arc<[T]>>,
    origin: &Origin,
    new: Option<Arc<[T]>>,
    changed: &mut BTreeSet<Origin>,
) {
    let new = new.filter(|new| !new.is_empty());
    if lists.get(origin) == new.as_ref() {
        return;
    }
    changed.insert(origin.clone());
    match new {
        Some(new) => lists.insert(origin.clone(), new),
        None => lists.remove(origin),
    };
}

/// Yields the known ports of a Service.
fn ports<'a, T>(
    services: &'a BTreeMap<ServicePort, T>,
    service: &ObjectKey,
) -> impl Iterator<Item = &'a ServicePort> {
    let first = ServicePort { service: service.clone(), port: Port::Number(0) };
    let service = service.clone();
    services.range(first..).map(|(port, _)| port).take_while(move |port| port.service == service)
}
