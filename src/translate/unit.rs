//! What is translated by itself, and what each such unit was made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::api::{Kind, ObjectKey};
use crate::model::PoolName;

/// Unit is what is translated by itself. The order is that in which they depend on each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// An Ingress; it says which ports of Services are wanted.
    Ingress(ObjectKey),
    /// A port of a Service that some Ingress names.
    Service(ServicePort),
    /// A BackendPool.
    BackendPool(ObjectKey),
}

/// ServicePort names a port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServicePort {
    pub(super) service: ObjectKey,
    pub(super) port: Port,
}

/// Port is how a port of a Service is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Port {
    Number(u16),
    Name(String),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl ServicePort {
    /// Returns the port that a pool is, where it is one.
    pub(super) fn of(pool: &PoolName) -> Option<Self> {
        let (service, port) = pool.name().split_once(':')?;
        // The name of a port has a letter in it.
        let port = port.parse().map_or_else(|_| Port::Name(port.to_owned()), Port::Number);
        Some(Self { service: ObjectKey::new(pool.namespace(), service), port })
    }

    /// Returns the name of the pool that the port is.
    pub(super) fn pool_name(&self) -> PoolName {
        PoolName::of_service(&self.service.namespace, &self.service.name, &self.port)
    }
}

/// Used is what a unit was made of, so that a change of it finds the unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// Objects, there or not. An EndpointSlice stands for all slices of the Service of that name,
    /// an IngressClass without a name for whichever is the default.
    pub(super) objects: BTreeSet<(Kind, ObjectKey)>,
    pub(super) other_namespaces: bool,
}

impl Used {
    pub(super) fn note(&mut self, kind: Kind, key: &ObjectKey) {
        self.objects.insert((kind, key.clone()));
    }
}

/// Users knows which units were made of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Users {
    of: BTreeMap<(Kind, ObjectKey), BTreeSet<Unit>>,
    abroad: BTreeSet<Unit>,
}

impl Users {
    /// Puts what a unit is made of now in the place of what it was made of.
    pub(super) fn follow(&mut self, unit: &Unit, old: Option<&Used>, new: Option<&Used>) {
        let nothing = BTreeSet::new();
        let before = old.map_or(&nothing, |used| &used.objects);
        let after = new.map_or(&nothing, |used| &used.objects);
        for object in before.difference(after) {
            let Some(units) = self.of.get_mut(object) else { continue };
            units.remove(unit);
            if units.is_empty() {
                self.of.remove(object);
            }
        }
        for object in after.difference(before) {
            self.of.entry(object.clone()).or_default().insert(unit.clone());
        }
        if new.is_some_and(|new| new.other_namespaces) {
            self.abroad.insert(unit.clone());
        } else {
            self.abroad.remove(unit);
        }
    }

    /// Yields the units that were made of an object.
    pub(super) fn of(&self, kind: Kind, key: &ObjectKey) -> impl Iterator<Item = &Unit> + use<'_> {
        self.of.get(&(kind, key.clone())).into_iter().flatten()
    }

    /// Yields the units that refer to other namespaces.
    pub(super) fn abroad(&self) -> impl Iterator<Item = &Unit> {
        self.abroad.iter()
    }

    /// Yields the objects of a kind that some unit refers to, there or not.
    pub(super) fn wanted(&self, kind: Kind) -> impl Iterator<Item = &ObjectKey> + use<'_> {
        let first = (kind, ObjectKey::new("", ""));
        let all = self.of.range(first..).take_while(move |((other, _), _)| *other == kind);
        all.map(|((_, key), _)| key)
    }
}
