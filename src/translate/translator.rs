//! The translation of a change, at the cost of the change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::backends::Context;
use super::claims::Claims;
use super::ingress::{self, IngressResult};
use super::policy::Policies;
use super::pool::{self, PoolResult};
use super::problems::Unresolved;
use super::service::{self, ServiceResult};
use super::slices::Slices;
use super::unit::{Port, ServicePort, Unit, Users};
use super::{Options, conditions, foreign};
use crate::api::{Change, IngressUpdate, Kind, ObjectKey, Objects, StatusUpdate};
use crate::model::{Changed, Model, Origin, OriginKind, Pool, PoolName, Route};

/// Translator keeps what every pool and Ingress means, and follows changes of objects.
#[derive(Clone, Debug, Default)]
pub struct Translator {
    options: Options,
    slices: Slices,
    pools: BTreeMap<ObjectKey, PoolResult>,
    ingresses: BTreeMap<ObjectKey, IngressResult>,
    services: BTreeMap<ServicePort, ServiceResult>,
    /// The Ingresses that name a port of a Service.
    wanted: BTreeMap<ServicePort, BTreeSet<ObjectKey>>,
    policies: Policies,
    claims: Claims,
    lost: BTreeMap<Origin, Vec<String>>,
    /// Terms of TLS that somebody else says.
    foreign: BTreeMap<Origin, Vec<String>>,
    users: Users,
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

    /// Returns the Secrets that pools and Ingresses refer to.
    pub fn secrets(&self) -> BTreeSet<ObjectKey> {
        self.users.wanted(Kind::Secret).cloned().collect()
    }

    /// Returns the ConfigMaps that pools refer to.
    pub fn config_maps(&self) -> BTreeSet<ObjectKey> {
        self.users.wanted(Kind::ConfigMap).cloned().collect()
    }

    /// Returns the names that Services are aliases for.
    pub fn names(&self) -> BTreeSet<ObjectKey> {
        self.users.wanted(Kind::DnsRecord).cloned().collect()
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

    /// Returns every reference of a pool that leads nowhere. The pool's status says the same, under
    /// the first one's reason.
    pub fn unresolved(&self, key: &ObjectKey) -> &[Unresolved] {
        self.pools.get(key).map(|result| result.problems.refs.as_slice()).unwrap_or_default()
    }

    /// Returns what is not wrong with a pool's references but worth knowing.
    pub fn notes(&self, key: &ObjectKey) -> &[String] {
        self.pools.get(key).map(|result| result.problems.notes.as_slice()).unwrap_or_default()
    }

    /// Returns what of a pool's spec is valid but does not do what one must expect of it.
    pub fn warnings(&self, key: &ObjectKey) -> &[String] {
        self.pools.get(key).map(|result| result.problems.warnings.as_slice()).unwrap_or_default()
    }

    /// Returns what the status of every pool should say.
    pub fn updates(&self, objects: &Objects) -> Vec<StatusUpdate> {
        let invalid = objects.invalid.keys().filter(|(kind, _)| *kind == Kind::BackendPool);
        let keys: BTreeSet<&ObjectKey> =
            self.pools.keys().chain(invalid.map(|(_, key)| key)).collect();
        keys.into_iter().filter_map(|key| self.update_of(objects, key)).collect()
    }

    /// Returns what the status of one pool should say; nothing where there is no such pool.
    pub fn update_of(&self, objects: &Objects, key: &ObjectKey) -> Option<StatusUpdate> {
        if let Some(result) = self.pools.get(key) {
            let name = PoolName::new(&key.namespace, &key.name);
            let conflicts = self.policies.lost(key);
            let lost = if result.is_settings { conflicts } else { self.lost(&Origin::pool(&name)) };
            let applied = if result.is_settings { self.pools_of(key).len() } else { 0 };
            return Some(conditions::update(key, result, &lost, applied));
        }
        let invalid = objects.invalid.get(&(Kind::BackendPool, key.clone()))?;
        Some(conditions::unreadable(key, invalid.generation, &invalid.message))
    }

    /// Returns what is to be said of every Ingress that is ours.
    pub fn ingress_updates(&self) -> Vec<IngressUpdate> {
        let updates = self.ingresses.keys().filter_map(|key| self.ingress_update_of(key));
        updates.filter(|update| update.is_ours).collect()
    }

    /// Returns what is to be said of an Ingress; nothing where there is none.
    pub fn ingress_update_of(&self, key: &ObjectKey) -> Option<IngressUpdate> {
        let result = self.ingresses.get(key)?;
        let services = result.ports.iter().filter_map(|port| self.services.get(port));
        let services = services.map(|service| &service.problems);
        let lost = self.lost(&Origin::ingress(&key.namespace, &key.name));
        let problems = conditions::of_ingress(&result.problems, services, &lost);
        Some(IngressUpdate { ingress: key.clone(), is_ours: result.ours.is_some(), problems })
    }

    /// Returns the pools of the model that a BackendPool is about: its own, or those of the ports
    /// that have its settings.
    pub fn pools_of(&self, key: &ObjectKey) -> Vec<PoolName> {
        if self.pools.get(key).is_some_and(|result| !result.is_settings) {
            return vec![PoolName::new(&key.namespace, &key.name)];
        }
        let users = self.users.of(Kind::BackendPool, key);
        let ports = users.filter_map(|unit| match unit {
            Unit::Service(port) => Some(port),
            _ => None,
        });
        let has_its = |port: &&ServicePort| {
            self.services.get(*port).is_some_and(|result| result.settings.as_ref() == Some(key))
        };
        ports.filter(has_its).map(ServicePort::pool_name).collect()
    }

    fn lost(&self, origin: &Origin) -> Vec<String> {
        let all = [&self.lost, &self.foreign];
        all.iter().filter_map(|lost| lost.get(origin)).flatten().cloned().collect()
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
        if !work.step.changed.certificates.is_empty() {
            self.judge_terms(&mut work.step);
        }
        for origin in std::mem::take(&mut work.judge) {
            self.judge(&origin, &mut work.step);
            let key = ObjectKey::new(origin.namespace(), origin.name());
            match origin.kind() {
                OriginKind::BackendPool => work.step.judged.insert(key),
                OriginKind::Ingress => work.step.judged_ingresses.insert(key),
            };
        }
        work.step
    }

    fn context<'a>(&'a self, objects: &'a Objects, from: &'a ObjectKey) -> Context<'a> {
        Context { objects, slices: &self.slices, options: &self.options, from }
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
        let times = |result: &Option<PoolResult>| result.as_ref().map(|it| (it.times, it.redirect));
        if times(&old) != times(&new) {
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
        if before.secured != after.secured {
            work.judge.insert(origin.clone());
        }
        if (&before.ours, before.created) != (&after.ours, after.created) {
            // What the class says of settings, and whose class counts for a port.
            work.dirty.extend(after.ports.iter().cloned().map(Unit::Service));
        }
        work.settle.extend(before.pools.symmetric_difference(&after.pools).cloned());
        let certificates = Some(Arc::clone(&after.certificates));
        put_list(
            &mut self.model.certificates,
            &origin,
            certificates,
            &mut work.step.changed.certificates,
        );
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
            service::translate(context, port, &self.policies, of_class)
        });
        let old = self.services.remove(port);
        let used = |result: &Option<ServiceResult>| result.as_ref().map(|r| r.used.clone());
        self.users.follow(&Unit::Service(port.clone()), used(&old).as_ref(), used(&new).as_ref());
        if old.as_ref().map(|old| &old.problems) != new.as_ref().map(|new| &new.problems) {
            let users = self.wanted.get(port).into_iter().flatten();
            work.step.judged_ingresses.extend(users.cloned());
        }
        let times =
            |result: &Option<ServiceResult>| result.as_ref().map(|it| (it.times, it.redirect));
        if times(&old) != times(&new) {
            let users = self.wanted.get(port).into_iter().flatten();
            work.judge.extend(users.map(|key| Origin::ingress(&key.namespace, &key.name)));
        }
        let settings = |result: &Option<ServiceResult>| result.as_ref()?.settings.clone();
        if settings(&old) != settings(&new) {
            work.step.judged.extend(settings(&old).into_iter().chain(settings(&new)));
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

    /// Returns a route of an Ingress with the limits that its pool says. Clear text is sent to https
    /// where the pool says so and the Ingress has TLS for the host.
    fn timed(&self, route: &Route) -> Route {
        let said = match ServicePort::of(&route.pool) {
            Some(port) => self.services.get(&port).map(|result| (result.times, result.redirect)),
            None => {
                let key = ObjectKey::new(route.pool.namespace(), route.pool.name());
                self.pools.get(&key).map(|result| (result.times, result.redirect))
            }
        };
        let (times, redirect) = said.unwrap_or_default();
        let object = &route.id.object;
        let ingress = self.ingresses.get(&ObjectKey::new(object.namespace(), object.name()));
        let is_secured = || ingress.is_some_and(|ingress| ingress.secured.holds(&route.hostnames));
        Route {
            request_timeout: times.request,
            backend_request_timeout: times.backend_request,
            https_redirect: redirect.filter(|_| is_secured()),
            ..route.clone()
        }
    }

    fn put_pool(&mut self, name: &PoolName, new: Option<&Arc<Pool>>, step: &mut Step) {
        if self.model.pools.get(name) == new {
            return;
        }
        step.changed.pools.insert(name.clone());
        match new {
            Some(pool) => self.model.pools.insert(name.clone(), Arc::clone(pool)),
            None => self.model.pools.remove(name),
        };
    }

    fn judge_terms(&mut self, step: &mut Step) {
        let before = std::mem::replace(&mut self.foreign, foreign::terms(&self.model.certificates));
        let origins = before.keys().chain(self.foreign.keys());
        let changed = origins.filter(|origin| before.get(*origin) != self.foreign.get(*origin));
        step.judged.extend(changed.map(|it| ObjectKey::new(it.namespace(), it.name())));
    }

    fn judge(&mut self, origin: &Origin, step: &mut Step) {
        let key = ObjectKey::new(origin.namespace(), origin.name());
        let routes = match origin.kind() {
            OriginKind::BackendPool => self.pools.get(&key).map(|result| &result.routes),
            OriginKind::Ingress => self.ingresses.get(&key).map(|result| &result.routes),
        };
        let (accepted, lost) = self.claims.judge(routes.map(Vec::as_slice).unwrap_or_default());
        if lost.is_empty() {
            self.lost.remove(origin);
        } else {
            self.lost.insert(origin.clone(), lost);
        }
        let accepted = match origin.kind() {
            OriginKind::BackendPool => accepted,
            OriginKind::Ingress => accepted.iter().map(|route| self.timed(route)).collect(),
        };
        put_list(&mut self.model.routes, origin, Some(accepted), &mut step.changed.routes);
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
