//! What is to be said of objects.

use std::collections::BTreeSet;

use super::conditions::{self, Applied, Lost};
use super::problems::Unresolved;
use super::settings::{Layer, Replaced};
use super::translator::Translator;
use super::unit::{ServicePort, Unit};
use crate::api::{IngressUpdate, Kind, ObjectKey, Objects, StatusUpdate};
use crate::model::{Origin, PoolName};

impl Translator {
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

    /// Returns every reference of a pool that leads nowhere. The pool's status says the same, under
    /// the first one's reason.
    pub fn unresolved(&self, key: &ObjectKey) -> &[Unresolved] {
        self.pools.get(key).map(|result| result.problems.refs.as_slice()).unwrap_or_default()
    }

    /// Returns what is not wrong with a pool's references but worth knowing.
    pub fn notes(&self, key: &ObjectKey) -> &[String] {
        self.pools.get(key).map(|result| result.problems.notes.as_slice()).unwrap_or_default()
    }

    /// Returns what of a pool's spec is valid but does not do what one must expect of it, by itself
    /// or beside the others.
    pub fn warnings(&self, key: &ObjectKey) -> Vec<String> {
        let own = self.pools.get(key).into_iter().flat_map(|result| &result.problems.warnings);
        let said = self.pools_of(key).into_iter();
        let said = said.filter(|pool| self.sessions_of(pool).as_ref() == Some(key));
        let shared: BTreeSet<String> =
            said.flat_map(|pool| self.shared_sessions.of(&pool)).collect();
        own.cloned().chain(shared).collect()
    }

    /// Returns the BackendPool that says how clients of a pool stay on their endpoints.
    pub(super) fn sessions_of(&self, pool: &PoolName) -> Option<ObjectKey> {
        match ServicePort::of(pool) {
            Some(port) => self.services.get(&port)?.sessions_of.clone(),
            None => Some(ObjectKey::new(pool.namespace(), pool.name())),
        }
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
            let origin = Origin::pool(&name);
            let lost = if result.is_settings {
                Lost { claims: self.policies.lost(key), rest: "" }
            } else if self.serves(&origin) {
                Lost { claims: self.lost(&origin), rest: "; the rest is served" }
            } else {
                Lost { claims: self.lost(&origin), rest: "; none of its routes is served" }
            };
            let applied = if result.is_settings { self.applied(key) } else { Applied::default() };
            return Some(conditions::update(key, result, &lost, &applied, &self.warnings(key)));
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

    /// Returns whether any route of an object is served.
    pub fn serves(&self, origin: &Origin) -> bool {
        self.model().routes.contains_key(origin)
    }

    /// Returns the pools of the model that a BackendPool is about: its own, or those of the ports
    /// that have its settings.
    pub fn pools_of(&self, key: &ObjectKey) -> Vec<PoolName> {
        if self.pools.get(key).is_some_and(|result| !result.is_settings) {
            return vec![PoolName::new(&key.namespace, &key.name)];
        }
        let layers = self.layers_of(key).filter(|(_, layer)| !layer.is_replaced);
        layers.map(|(port, _)| port.pool_name()).collect()
    }

    /// Yields what became of settings, by port.
    fn layers_of<'a>(
        &'a self,
        key: &'a ObjectKey,
    ) -> impl Iterator<Item = (&'a ServicePort, &'a Layer)> {
        self.users.of(Kind::BackendPool, key).filter_map(move |unit| {
            let Unit::Service(port) = unit else { return None };
            let layers = &self.services.get(port)?.layers;
            Some((port, layers.iter().find(|layer| layer.pool == *key)?))
        })
    }

    fn applied(&self, key: &ObjectKey) -> Applied {
        let mut applied = Applied::default();
        for (ServicePort { service, port }, layer) in self.layers_of(key) {
            applied.ports += usize::from(!layer.is_replaced);
            for Replaced { field, by, is_taken_back } in &layer.replaced {
                let how = if *is_taken_back { "does not inherit" } else { "says" };
                applied.replaced.push(format!(
                    "{field} of Service {service}, port {port}, which BackendPool {by} {how}"
                ));
            }
        }
        applied
    }

    fn lost(&self, origin: &Origin) -> Vec<String> {
        let all = [&self.lost, &self.foreign];
        all.iter().filter_map(|lost| lost.get(origin)).flatten().cloned().collect()
    }
}
