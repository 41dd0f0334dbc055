//! Pools with routes on one host whose sessions have one name: a client keeps one of them alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Hostname, Origin, PersistenceKind, Pool, PoolName, Route};

/// Most pools that are named in a warning; those above are counted instead.
const MOST_NAMED: usize = 3;

/// SharedSessions knows which pools keep sessions under which name.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedSessions {
    pools: BTreeMap<PersistenceKind, BTreeSet<PoolName>>,
    /// Whether some pool keeps its sessions elsewhere since the last judgement.
    is_stale: bool,
    /// What is to be said of pools.
    told: BTreeMap<PoolName, BTreeSet<String>>,
}

impl SharedSessions {
    /// Follows a change of one pool.
    pub(super) fn follow(&mut self, name: &PoolName, old: Option<&Pool>, new: Option<&Pool>) {
        let (before, after) = (old.and_then(kind_of), new.and_then(kind_of));
        if before == after {
            return;
        }
        self.is_stale = true;
        if let Some(kind) = before
            && let Some(pools) = self.pools.get_mut(kind)
        {
            pools.remove(name);
            if pools.is_empty() {
                self.pools.remove(kind);
            }
        }
        if let Some(kind) = after {
            self.pools.entry(kind.clone()).or_default().insert(name.clone());
        }
    }

    /// Judges all routes, where a change of pools or routes can matter; returns the pools of which
    /// something else is to be said.
    pub(super) fn judge(
        &mut self,
        routes: &BTreeMap<Origin, Arc<[Route]>>,
        routes_changed: bool,
    ) -> BTreeSet<PoolName> {
        let is_shared = || self.pools.values().any(|pools| pools.len() > 1);
        let can_matter = self.is_stale || (routes_changed && is_shared());
        if !can_matter {
            return BTreeSet::new();
        }
        self.is_stale = false;
        let told = self.tell(routes);
        let before = std::mem::replace(&mut self.told, told);
        let names = before.keys().chain(self.told.keys());
        names.filter(|name| before.get(*name) != self.told.get(*name)).cloned().collect()
    }

    /// Returns what is to be said of a pool.
    pub(super) fn of(&self, name: &PoolName) -> impl Iterator<Item = &String> + use<'_> {
        self.told.get(name).into_iter().flatten()
    }

    fn tell(
        &self,
        routes: &BTreeMap<Origin, Arc<[Route]>>,
    ) -> BTreeMap<PoolName, BTreeSet<String>> {
        let shared = self.pools.iter().filter(|(_, pools)| pools.len() > 1);
        let kinds: BTreeMap<&PoolName, &PersistenceKind> =
            shared.flat_map(|(kind, pools)| pools.iter().map(move |pool| (pool, kind))).collect();
        let mut told = BTreeMap::<PoolName, BTreeSet<String>>::new();
        if kinds.is_empty() {
            return told;
        }
        let mut on_host = BTreeMap::<(&PersistenceKind, Option<&Hostname>), BTreeSet<_>>::new();
        for route in routes.values().flat_map(|routes| routes.iter()) {
            let Some((pool, kind)) = kinds.get_key_value(&route.pool) else { continue };
            let any = route.hostnames.is_empty().then_some(None);
            for host in route.hostnames.iter().map(Some).chain(any) {
                on_host.entry((*kind, host)).or_default().insert(*pool);
            }
        }
        let mut groups = BTreeMap::<(&PersistenceKind, &BTreeSet<&PoolName>), Vec<_>>::new();
        for ((kind, host), pools) in on_host.iter().filter(|(_, pools)| pools.len() > 1) {
            groups.entry((kind, pools)).or_default().push(*host);
        }
        for ((kind, pools), hosts) in groups {
            let text = describe(kind, pools, &hosts);
            for pool in pools {
                told.entry((*pool).clone()).or_default().insert(text.clone());
            }
        }
        told
    }
}

fn kind_of(pool: &Pool) -> Option<&PersistenceKind> {
    pool.persistence.as_ref().map(|persistence| &persistence.kind)
}

fn describe(
    kind: &PersistenceKind,
    pools: &BTreeSet<&PoolName>,
    hosts: &[Option<&Hostname>],
) -> String {
    let (what, name) = match kind {
        PersistenceKind::Cookie(name) => ("cookie", &**name),
        PersistenceKind::Header(name) => ("header", name.as_str()),
    };
    let named: Vec<&str> = pools.iter().take(MOST_NAMED).map(|pool| pool.as_str()).collect();
    let first = hosts.first().copied().flatten().map_or("any host", Hostname::as_str);
    format!(
        "spec.sessionPersistence.sessionName: pools {}{} keep their sessions in one {what}, {name:?}, on \
         {first}{}: a client has one value of it, so that a request to one pool ends the session in \
         the other; leave sessionName out, or use another for each",
        named.join(", "),
        and_more(pools.len() - named.len()),
        and_more(hosts.len().saturating_sub(1)),
    )
}

fn and_more(count: usize) -> String {
    if count > 0 { format!(" and {count} more") } else { String::new() }
}
