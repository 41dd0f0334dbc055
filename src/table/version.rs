//! One version of the table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::router::Router;
use super::{NoRoute, RequestHead, Route, RouteTrace};
use crate::metrics::{Metrics, RouteLabels};
use crate::model::{self, Certificate, Changed, Model, Origin, PoolName, shown};
use crate::tls::Scopes;
use crate::upstream::{Millis, Pool, Pools};

/// Table is everything that a request needs, at one moment. It never changes.
#[derive(Clone, Debug, Default)]
pub struct Table {
    generation: u64,
    router: Arc<Router>,
    /// Empty places are those of pools that went away; new pools take them.
    pools: Vec<Option<Arc<Pool>>>,
    places: Arc<BTreeMap<PoolName, usize>>,
    /// What the router was made of, to find the hosts of routes that go away.
    declared: Arc<BTreeMap<Origin, Arc<[model::Route]>>>,
    /// The objects whose routes lead to a pool, but for the pool's own.
    users: Arc<BTreeMap<PoolName, Arc<BTreeSet<Origin>>>>,
    certificates: Arc<[Certificate]>,
    scopes: Arc<Scopes>,
}

impl Table {
    /// Makes the table of a whole model.
    pub fn build(model: &Model, pools: &Pools, metrics: &Metrics, now: Millis) -> Self {
        let changed = Changed::between(&Model::default(), model);
        Self::default().next(model, &changed, pools, metrics, now)
    }

    /// Makes the table that follows this one. What `changed` does not name is shared: a change of
    /// endpoints copies a list of pointers and makes the pools anew that it names.
    #[must_use]
    pub fn next(
        &self,
        model: &Model,
        changed: &Changed,
        pools: &Pools,
        metrics: &Metrics,
        now: Millis,
    ) -> Self {
        let mut next = self.clone();
        next.generation += 1;
        // A route knows its pool by place: where a pool comes or goes, its routes are made anew.
        let mut routes: BTreeSet<Origin> = changed.routes.clone();
        for name in &changed.pools {
            match model.pools.get(name) {
                Some(pool) => {
                    if next.put(name, pools.bind(pool, now)) {
                        next.add_users(name, &mut routes);
                    }
                }
                None => {
                    next.remove(name);
                    next.add_users(name, &mut routes);
                }
            }
        }
        if !routes.is_empty() {
            next.replace_routes(model, &routes, metrics);
        }
        if !changed.certificates.is_empty() {
            next.certificates = shown(&model.certificates).into_values().flatten().collect();
            next.scopes = Arc::new(Scopes::of(&next.certificates));
        }
        next
    }

    /// Puts a pool in its place, and returns whether that is a new one.
    fn put(&mut self, name: &PoolName, pool: Arc<Pool>) -> bool {
        if let Some(place) = self.places.get(name).and_then(|place| self.pools.get_mut(*place)) {
            *place = Some(pool);
            return false;
        }
        let free = if self.places.len() < self.pools.len() {
            self.pools.iter().position(Option::is_none)
        } else {
            None
        };
        let place = free.unwrap_or(self.pools.len());
        match self.pools.get_mut(place) {
            Some(free) => *free = Some(pool),
            None => self.pools.push(Some(pool)),
        }
        Arc::make_mut(&mut self.places).insert(name.clone(), place);
        true
    }

    /// Adds the objects whose routes lead to a pool.
    fn add_users(&self, name: &PoolName, users: &mut BTreeSet<Origin>) {
        users.insert(Origin::pool(name));
        users.extend(self.users.get(name).into_iter().flat_map(|all| all.iter().cloned()));
    }

    fn remove(&mut self, name: &PoolName) {
        let Some(place) = Arc::make_mut(&mut self.places).remove(name) else { return };
        if let Some(place) = self.pools.get_mut(place) {
            *place = None;
        }
    }

    fn replace_routes(&mut self, model: &Model, origins: &BTreeSet<Origin>, metrics: &Metrics) {
        let before = Arc::clone(&self.declared);
        let old: Vec<_> = origins.iter().filter_map(|it| before.get(it)).map(|r| &**r).collect();
        let mut new = Vec::new();
        for origin in origins {
            let was = before.get(origin).map(AsRef::as_ref).unwrap_or_default();
            let routes = model.routes.get(origin);
            self.follow_users(origin, was, routes.map(AsRef::as_ref).unwrap_or_default());
            let declared = Arc::make_mut(&mut self.declared);
            match routes {
                Some(routes) => {
                    declared.insert(origin.clone(), Arc::clone(routes));
                    new.push((&**routes, compile(routes, &self.places, metrics)));
                }
                None => {
                    declared.remove(origin);
                }
            }
        }
        Arc::make_mut(&mut self.router).replace(&old, &new);
    }

    /// Keeps `users` right where the routes of an object change.
    fn follow_users(&mut self, origin: &Origin, old: &[model::Route], new: &[model::Route]) {
        let pools = |routes: &[model::Route]| -> BTreeSet<PoolName> {
            let foreign = routes.iter().filter(|route| Origin::pool(&route.pool) != *origin);
            foreign.map(|route| route.pool.clone()).collect()
        };
        let (old, new) = (pools(old), pools(new));
        if old == new {
            return;
        }
        let users = Arc::make_mut(&mut self.users);
        for pool in old.difference(&new) {
            let Some(origins) = users.get_mut(pool) else { continue };
            Arc::make_mut(origins).remove(origin);
            if origins.is_empty() {
                users.remove(pool);
            }
        }
        for pool in new.difference(&old) {
            Arc::make_mut(users.entry(pool.clone()).or_default()).insert(origin.clone());
        }
    }

    /// Returns the route of a request. With a trace, every candidate is recorded.
    ///
    /// # Errors
    /// Where no route serves the host, or none of those that do matches.
    pub fn find(
        &self,
        head: &RequestHead<'_>,
        trace: Option<&mut RouteTrace>,
    ) -> Result<&Route, NoRoute> {
        match trace {
            None => self.router.find(head),
            Some(trace) => self.router.explain(head, trace),
        }
    }

    /// Returns the pool of a route that was found in this table. There is none only if the route
    /// is of another table.
    pub fn pool(&self, route: &Route) -> Option<&Arc<Pool>> {
        self.pools.get(route.pool)?.as_ref()
    }

    /// Returns a pool by its name.
    pub fn pool_named(&self, name: &PoolName) -> Option<&Arc<Pool>> {
        self.pools.get(*self.places.get(name)?)?.as_ref()
    }

    /// Yields all pools, in the order of their names.
    pub fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.places.values().filter_map(|place| self.pools.get(*place)?.as_ref())
    }

    /// Yields all accepted routes as declared, in the order of the objects.
    pub fn routes(&self) -> impl Iterator<Item = &model::Route> {
        self.declared.values().flat_map(|routes| routes.iter())
    }

    /// Returns all certificates.
    pub fn certificates(&self) -> &Arc<[Certificate]> {
        &self.certificates
    }

    /// Returns which connections may carry requests for which hosts.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Returns the number of this table: 0 for the first, empty one.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

fn compile(
    routes: &[model::Route],
    places: &BTreeMap<PoolName, usize>,
    metrics: &Metrics,
) -> Vec<Arc<Route>> {
    let compiled = routes.iter().map(|route| {
        let labels = RouteLabels { pool: route.pool.as_str().into(), route: route.id.label() };
        Arc::new(Route {
            id: route.id.clone(),
            // A pool that is nowhere has no place in any table.
            pool: places.get(&route.pool).copied().unwrap_or(usize::MAX),
            is_held: route.is_held,
            request_timeout: route.request_timeout,
            backend_request_timeout: route.backend_request_timeout,
            https_redirect: route.https_redirect,
            client: route.client.clone(),
            stats: metrics.route(labels),
        })
    });
    compiled.collect()
}
