//! Pools with routes on one host whose sessions have one name: a client keeps one of them alone.
//!
//! All of it is kept by place, which is a name on a host, so that a change costs what it touches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Hostname, PersistenceKind, Pool, PoolName, Route};

/// Most pools that are named in a warning; those above are counted instead.
const MOST_NAMED: usize = 3;

/// A host of a route; nothing is any host.
type Host = Option<Hostname>;

/// Place is where a client keeps one value.
type Place = (PersistenceKind, Host);

/// Group is pools that keep their sessions under one name on the same hosts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    kind: PersistenceKind,
    pools: BTreeSet<PoolName>,
}

/// SharedSessions knows which pools keep sessions under which name on which host.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedSessions {
    kinds: BTreeMap<PoolName, PersistenceKind>,
    /// How many routes lead from a host to a pool, whether it has sessions or not.
    hosts: BTreeMap<(PoolName, Host), usize>,
    places: BTreeMap<Place, BTreeSet<PoolName>>,
    /// Places whose pools may be others than when they were judged.
    stale: BTreeSet<Place>,
    /// The groups of places with several pools, as they were judged.
    judged: BTreeMap<Place, Arc<Group>>,
    groups: BTreeMap<Arc<Group>, BTreeSet<Host>>,
    groups_of: BTreeMap<PoolName, BTreeSet<Arc<Group>>>,
}

impl SharedSessions {
    /// Follows a change of one pool.
    pub(super) fn follow(&mut self, name: &PoolName, old: Option<&Pool>, new: Option<&Pool>) {
        let (before, after) = (old.and_then(kind_of), new.and_then(kind_of));
        if before == after {
            return;
        }
        let first = (name.clone(), None);
        let hosts = self.hosts.range(first..).map(|((pool, host), _)| (pool, host));
        let hosts: Vec<Host> =
            hosts.take_while(|(pool, _)| *pool == name).map(|(_, host)| host.clone()).collect();
        for host in hosts {
            if let Some(kind) = before {
                self.leave((kind.clone(), host.clone()), name);
            }
            if let Some(kind) = after {
                self.enter((kind.clone(), host), name);
            }
        }
        match after {
            Some(kind) => self.kinds.insert(name.clone(), kind.clone()),
            None => self.kinds.remove(name),
        };
    }

    /// Follows a change of the routes of one object.
    pub(super) fn follow_routes(&mut self, old: &[Route], new: &[Route]) {
        // What stays is never at none between the two.
        for (pool, host) in new.iter().flat_map(leads) {
            let count = self.hosts.entry((pool.clone(), host.clone())).or_default();
            *count += 1;
            if *count == 1
                && let Some(kind) = self.kinds.get(pool)
            {
                self.enter((kind.clone(), host), pool);
            }
        }
        for (pool, host) in old.iter().flat_map(leads) {
            let key = (pool.clone(), host);
            let Some(count) = self.hosts.get_mut(&key) else { continue };
            *count -= 1;
            if *count > 0 {
                continue;
            }
            self.hosts.remove(&key);
            if let Some(kind) = self.kinds.get(pool) {
                self.leave((kind.clone(), key.1), pool);
            }
        }
    }

    fn enter(&mut self, place: Place, pool: &PoolName) {
        self.places.entry(place.clone()).or_default().insert(pool.clone());
        self.stale.insert(place);
    }

    fn leave(&mut self, place: Place, pool: &PoolName) {
        if let Some(pools) = self.places.get_mut(&place) {
            pools.remove(pool);
            if pools.is_empty() {
                self.places.remove(&place);
            }
        }
        self.stale.insert(place);
    }

    /// Judges the places that changed; returns the pools of which something else is to be said.
    pub(super) fn judge(&mut self) -> BTreeSet<PoolName> {
        let mut touched = BTreeSet::new();
        for place in std::mem::take(&mut self.stale) {
            let pools = self.places.get(&place).filter(|pools| pools.len() > 1);
            let kind = &place.0;
            let new = pools.map(|pools| Group { kind: kind.clone(), pools: pools.clone() });
            if self.judged.get(&place).map(AsRef::as_ref) == new.as_ref() {
                continue;
            }
            if let Some(old) = self.judged.remove(&place) {
                self.take_from(&old, &place.1);
                touched.insert(old);
            }
            if let Some(new) = new {
                let new = self.add_to(new, place.1.clone());
                touched.insert(Arc::clone(&new));
                self.judged.insert(place, new);
            }
        }
        touched.iter().flat_map(|group| group.pools.iter().cloned()).collect()
    }

    fn take_from(&mut self, group: &Arc<Group>, host: &Host) {
        let Some(hosts) = self.groups.get_mut(group) else { return };
        hosts.remove(host);
        if !hosts.is_empty() {
            return;
        }
        self.groups.remove(group);
        for pool in &group.pools {
            if let Some(groups) = self.groups_of.get_mut(pool) {
                groups.remove(group);
                if groups.is_empty() {
                    self.groups_of.remove(pool);
                }
            }
        }
    }

    fn add_to(&mut self, group: Group, host: Host) -> Arc<Group> {
        let known = self.groups.get_key_value(&group).map(|(known, _)| Arc::clone(known));
        let group = known.unwrap_or_else(|| {
            let group = Arc::new(group);
            for pool in &group.pools {
                self.groups_of.entry(pool.clone()).or_default().insert(Arc::clone(&group));
            }
            group
        });
        self.groups.entry(Arc::clone(&group)).or_default().insert(host);
        group
    }

    /// Returns what is to be said of a pool.
    pub(super) fn of(&self, name: &PoolName) -> impl Iterator<Item = String> + use<'_> {
        let groups = self.groups_of.get(name).into_iter().flatten();
        groups.filter_map(|group| Some(describe(group, self.groups.get(group)?)))
    }
}

/// Yields the pool of a route with each of its hosts.
fn leads(route: &Route) -> impl Iterator<Item = (&PoolName, Host)> {
    let any = route.hostnames.is_empty().then_some(None);
    route.hostnames.iter().cloned().map(Some).chain(any).map(move |host| (&route.pool, host))
}

fn kind_of(pool: &Pool) -> Option<&PersistenceKind> {
    pool.persistence.as_ref().map(|persistence| &persistence.kind)
}

fn describe(group: &Group, hosts: &BTreeSet<Host>) -> String {
    let Group { kind, pools } = group;
    let (what, name) = match kind {
        PersistenceKind::Cookie(name) => ("cookie", &**name),
        PersistenceKind::Header(name) => ("header", name.as_str()),
    };
    let named: Vec<&str> = pools.iter().take(MOST_NAMED).map(PoolName::as_str).collect();
    let first = hosts.first().and_then(Option::as_ref).map_or("any host", Hostname::as_str);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Origin, Persistence, RouteId};

    fn name(text: &str) -> PoolName {
        PoolName::new("shop", text)
    }

    fn pool(text: &str, session: &str) -> Pool {
        let kind = PersistenceKind::Cookie(session.into());
        let absolute_timeout = Some(Duration::from_secs(1));
        Pool { persistence: Some(Persistence { kind, absolute_timeout }), ..Pool::new(name(text)) }
    }

    fn route(pool: &str, hosts: &[&str]) -> Route {
        let object = Origin::pool(&name(pool));
        Route {
            id: RouteId { created: 0, object, position: 0, name: "0".into() },
            hostnames: hosts.iter().map(|host| Hostname::parse(host).unwrap()).collect(),
            is_one_label: false,
            is_fallback: false,
            is_held: false,
            matches: Vec::new(),
            request_timeout: None,
            backend_request_timeout: None,
            https_redirect: None,
            client: None,
            pool: name(pool),
        }
    }

    /// Pools a, b and c on a.test, and d and e on d.test, all under one name.
    fn world() -> SharedSessions {
        let mut sessions = SharedSessions::default();
        for (text, host) in
            [("a", "a.test"), ("b", "a.test"), ("c", "a.test"), ("d", "d.test"), ("e", "d.test")]
        {
            sessions.follow_routes(&[], &[route(text, &[host])]);
            sessions.follow(&name(text), None, Some(&pool(text, "sid")));
        }
        assert_eq!(sessions.judge().len(), 5);
        sessions
    }

    fn names(text: &str) -> BTreeSet<PoolName> {
        text.split(' ').map(name).collect()
    }

    #[test]
    fn a_change_of_routes_looks_at_the_hosts_that_it_adds_or_takes_alone() {
        let mut sessions = world();
        // Of another pool, and of one that has sessions, in other than its host.
        sessions.follow_routes(&[], &[route("f", &["a.test", "f.test"])]);
        let once = [route("d", &["d.test"])];
        let twice = [route("d", &["d.test"]), route("d", &["d.test"])];
        sessions.follow_routes(&once, &twice);
        sessions.follow_routes(&twice, &once);
        assert!(sessions.stale.is_empty(), "{:?}", sessions.stale);
        // One of its own host is one place to look at, and nothing to say.
        sessions.follow_routes(&once, &[route("d", &["d.test", "own.test"])]);
        assert_eq!(sessions.stale.len(), 1);
        assert!(sessions.judge().is_empty());
        sessions.follow_routes(&[], &[route("b", &["own.test"])]);
        assert_eq!(sessions.stale.len(), 1);
        assert_eq!(sessions.judge(), names("b d"));
        assert_eq!(sessions.of(&name("b")).count(), 2);
    }

    #[test]
    fn a_change_of_one_name_is_said_of_those_on_its_hosts_alone() {
        let mut sessions = world();
        sessions.follow(&name("e"), Some(&pool("e", "sid")), Some(&pool("e", "own")));
        assert_eq!(sessions.judge(), names("d e"));
        assert_eq!(sessions.of(&name("d")).count(), 0);
        sessions.follow(&name("c"), Some(&pool("c", "sid")), None);
        assert_eq!(sessions.judge(), names("a b c"));
        let said: Vec<String> = sessions.of(&name("a")).collect();
        assert!(said.len() == 1 && said[0].contains("pools shop/a, shop/b keep"), "{said:?}");
    }

    #[test]
    fn nothing_is_kept_of_what_is_gone() {
        let mut sessions = world();
        for (text, host) in
            [("a", "a.test"), ("b", "a.test"), ("c", "a.test"), ("d", "d.test"), ("e", "d.test")]
        {
            sessions.follow(&name(text), Some(&pool(text, "sid")), None);
            sessions.follow_routes(&[route(text, &[host])], &[]);
        }
        assert_eq!(sessions.judge().len(), 5);
        assert_eq!(format!("{sessions:?}"), format!("{:?}", SharedSessions::default()));
    }
}
