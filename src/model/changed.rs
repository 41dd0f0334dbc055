//! What differs between two models.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Model, PoolName};

/// Changed names the pools whose parts differ between two models, so that what is built from a
/// model is built again only where it must be. Vanished pools are named too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Pools that are different, new or gone.
    pub pools: BTreeSet<PoolName>,
    /// Pools whose accepted routes are different, new or gone.
    pub routes: BTreeSet<PoolName>,
    /// Pools whose certificates are different, new or gone.
    pub certificates: BTreeSet<PoolName>,
}

impl Changed {
    /// Compares two models; parts that are shared are not looked into.
    pub fn between(old: &Model, new: &Model) -> Self {
        Self {
            pools: differing(&old.pools, &new.pools),
            routes: differing(&old.routes, &new.routes),
            certificates: differing(&old.certificates, &new.certificates),
        }
    }

    /// Returns whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.pools.is_empty() && self.routes.is_empty() && self.certificates.is_empty()
    }
}

fn differing<T: PartialEq + ?Sized>(
    old: &BTreeMap<PoolName, Arc<T>>,
    new: &BTreeMap<PoolName, Arc<T>>,
) -> BTreeSet<PoolName> {
    let gone = old.keys().filter(|name| !new.contains_key(name));
    let other = new.iter().filter(|(name, part)| {
        old.get(name).is_none_or(|before| !Arc::ptr_eq(before, part) && before != *part)
    });
    gone.chain(other.map(|(name, _)| name)).cloned().collect()
}
