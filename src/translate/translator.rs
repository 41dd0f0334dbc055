//! The translation of a change, at the cost of the change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::backends::Context;
use super::claims::Claims;
use super::pool::{self, PoolResult};
use super::slices::Slices;
use super::{Options, conditions};
use crate::api::{Change, Kind, ObjectKey, Objects, StatusUpdate};
use crate::model::{Changed, Model, PoolName};

/// Translator keeps what every pool means, and follows changes of objects.
#[derive(Clone, Debug, Default)]
pub struct Translator {
    options: Options,
    slices: Slices,
    results: BTreeMap<ObjectKey, PoolResult>,
    claims: Claims,
    lost: BTreeMap<ObjectKey, Vec<String>>,
    users: BTreeMap<(Kind, ObjectKey), BTreeSet<ObjectKey>>,
    abroad: BTreeSet<ObjectKey>,
    model: Model,
}

/// Step says what a change did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What is different in the model.
    pub changed: Changed,
    /// Pools whose status may have to say something else.
    pub judged: BTreeSet<ObjectKey>,
}

impl Step {
    /// Returns whether the model is as it was.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }
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

    /// Returns the Secrets that pools refer to.
    pub fn secrets(&self) -> BTreeSet<ObjectKey> {
        // Secrets stand between grants and Services: the others are not looked at.
        let nothing = ObjectKey::new("", "");
        let secrets = (Kind::Secret, nothing.clone())..(Kind::Service, nothing);
        self.users.range(secrets).map(|((_, key), _)| key.clone()).collect()
    }

    /// Translates all objects anew.
    pub fn restart(&mut self, objects: &Objects) -> Step {
        self.slices = Slices::of(objects);
        let known: BTreeSet<ObjectKey> =
            self.results.keys().chain(objects.backend_pools.keys()).cloned().collect();
        let invalid = objects.invalid.keys().filter(|(kind, _)| *kind == Kind::BackendPool);
        let dirty = known.into_iter().chain(invalid.map(|(_, key)| key.clone())).collect();
        self.translate(objects, dirty)
    }

    /// Follows changes that were already applied to `objects`.
    pub fn apply(&mut self, objects: &Objects, changes: &[Change]) -> Step {
        let mut dirty = BTreeSet::new();
        for change in changes {
            match change.kind {
                Kind::BackendPool => {
                    dirty.insert(change.key.clone());
                }
                Kind::EndpointSlice => {
                    for service in self.slices.update(objects, &change.key) {
                        self.add_users(Kind::Service, &service, &mut dirty);
                    }
                }
                Kind::ReferenceGrant => dirty.extend(self.abroad.iter().cloned()),
                Kind::Node | Kind::Secret | Kind::Service => {
                    self.add_users(change.kind, &change.key, &mut dirty);
                }
            }
        }
        self.translate(objects, dirty)
    }

    /// Returns what the status of every pool should say.
    pub fn updates(&self, objects: &Objects) -> Vec<StatusUpdate> {
        let invalid = objects.invalid.keys().filter(|(kind, _)| *kind == Kind::BackendPool);
        let keys: BTreeSet<&ObjectKey> =
            self.results.keys().chain(invalid.map(|(_, key)| key)).collect();
        keys.into_iter().filter_map(|key| self.update_of(objects, key)).collect()
    }

    /// Returns what the status of one pool should say; nothing where there is no such pool.
    pub fn update_of(&self, objects: &Objects, key: &ObjectKey) -> Option<StatusUpdate> {
        if let Some(result) = self.results.get(key) {
            let lost = self.lost.get(key).map(Vec::as_slice).unwrap_or_default();
            return Some(conditions::update(key, result, lost));
        }
        let invalid = objects.invalid.get(&(Kind::BackendPool, key.clone()))?;
        Some(conditions::unreadable(key, invalid.generation, &invalid.message))
    }

    fn add_users(&self, kind: Kind, key: &ObjectKey, dirty: &mut BTreeSet<ObjectKey>) {
        dirty.extend(self.users.get(&(kind, key.clone())).into_iter().flatten().cloned());
    }

    fn translate(&mut self, objects: &Objects, dirty: BTreeSet<ObjectKey>) -> Step {
        let mut step = Step::default();
        let mut judge = BTreeSet::new();
        for key in dirty {
            let context =
                Context { objects, slices: &self.slices, options: self.options, pool: &key };
            let object = objects.backend_pools.get(&key);
            let new = object.map(|object| pool::translate(context, object));
            judge.extend(self.replace(&key, new, &mut step));
            step.judged.insert(key);
        }
        for key in judge {
            self.judge(&key, &mut step);
            step.judged.insert(key);
        }
        step
    }

    /// Puts a new result in the place of the old; returns the pools whose routes must be judged.
    fn replace(
        &mut self,
        key: &ObjectKey,
        new: Option<PoolResult>,
        step: &mut Step,
    ) -> BTreeSet<ObjectKey> {
        let name = PoolName::new(&key.namespace, &key.name);
        let old = self.results.remove(key);
        let mut judge = BTreeSet::new();
        let empty: &[crate::model::Route] = &[];
        let old_routes = old.as_ref().map_or(empty, |old| old.routes.as_slice());
        let new_routes = new.as_ref().map_or(empty, |new| new.routes.as_slice());
        if old_routes != new_routes {
            judge.extend(self.claims.remove(old_routes));
            judge.extend(self.claims.add(new_routes));
            judge.insert(key.clone());
        }
        self.follow_users(key, old.as_ref(), new.as_ref());
        let pool = new.as_ref().and_then(|new| new.pool.clone());
        let same = match (&pool, self.model.pools.get(&name)) {
            (Some(new), Some(old)) => new == old,
            (new, old) => new.is_none() && old.is_none(),
        };
        if !same {
            step.changed.pools.insert(name.clone());
            match pool {
                Some(pool) => self.model.pools.insert(name.clone(), pool),
                None => self.model.pools.remove(&name),
            };
        }
        let certificates =
            new.as_ref().map_or_else(|| Arc::from([]), |n| Arc::clone(&n.certificates));
        let before = self.model.certificates.get(&name).map(AsRef::as_ref).unwrap_or_default();
        if *before != *certificates {
            step.changed.certificates.insert(name.clone());
            if certificates.is_empty() {
                self.model.certificates.remove(&name);
            } else {
                self.model.certificates.insert(name, certificates);
            }
        }
        if let Some(new) = new {
            self.results.insert(key.clone(), new);
        }
        judge
    }

    fn judge(&mut self, key: &ObjectKey, step: &mut Step) {
        let name = PoolName::new(&key.namespace, &key.name);
        let routes = self.results.get(key).map(|r| r.routes.as_slice()).unwrap_or_default();
        let (accepted, lost) = self.claims.judge(routes);
        if lost.is_empty() {
            self.lost.remove(key);
        } else {
            self.lost.insert(key.clone(), lost);
        }
        let before = self.model.routes.get(&name).map(AsRef::as_ref).unwrap_or_default();
        if *before == *accepted {
            return;
        }
        step.changed.routes.insert(name.clone());
        if accepted.is_empty() {
            self.model.routes.remove(&name);
        } else {
            self.model.routes.insert(name, accepted);
        }
    }

    fn follow_users(
        &mut self,
        key: &ObjectKey,
        old: Option<&PoolResult>,
        new: Option<&PoolResult>,
    ) {
        for used in used_by(old) {
            if let Some(users) = self.users.get_mut(&used) {
                users.remove(key);
                if users.is_empty() {
                    self.users.remove(&used);
                }
            }
        }
        for used in used_by(new) {
            self.users.entry(used).or_default().insert(key.clone());
        }
        if new.is_some_and(|new| new.used.other_namespaces) {
            self.abroad.insert(key.clone());
        } else {
            self.abroad.remove(key);
        }
    }
}

fn used_by(result: Option<&PoolResult>) -> impl Iterator<Item = (Kind, ObjectKey)> {
    result.into_iter().flat_map(|result| {
        let of = |kind: Kind, keys: &BTreeSet<ObjectKey>| {
            keys.iter().map(|key| (kind, key.clone())).collect::<Vec<_>>()
        };
        let used = &result.used;
        [
            of(Kind::Service, &used.services),
            of(Kind::Secret, &used.secrets),
            of(Kind::Node, &used.nodes),
        ]
        .into_iter()
        .flatten()
    })
}
