//! What differs between two models.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Model, Origin, PoolName};

/// Changed names what differs between two models, so that what is built from a model is built
/// again only where it must be. What vanished is named too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Pools that are different, new or gone.
    pub pools: BTreeSet<PoolName>,
    /// Objects whose accepted routes are different, new or gone.
    pub routes: BTreeSet<Origin>,
    /// Objects whose certificates are different, new or gone.
    pub certificates: BTreeSet<Origin>,
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

fn differing<N: Clone + Ord, T: PartialEq + ?Sized>(
    old: &BTreeMap<N, Arc<T>>,
    new: &BTreeMap<N, Arc<T>>,
) -> BTreeSet<N> {
    let gone = old.keys().filter(|name| !new.contains_key(name));
    let other = new.iter().filter(|(name, part)| {
        old.get(name).is_none_or(|before| !Arc::ptr_eq(before, part) && before != *part)
    });
    gone.chain(other.map(|(name, _)| name)).cloned().collect()
}
