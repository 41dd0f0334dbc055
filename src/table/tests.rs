//! The router against a naive oracle, and tables that follow one another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{HeaderMap, Method};
use proptest::prelude::*;

use super::host::canonical_host;
use super::{NoRoute, RequestHead, RouteTrace, Table, Verdict, path};
use crate::metrics::Metrics;
use crate::model::{
    Changed, HeaderName, Hostname, Model, Origin, PathPattern, Pattern, PoolName, Route, RouteId,
    RouteMatch, ValueMatch, ValuePattern,
};
use crate::upstream::{Millis, Pools};

/// A request that owns its parts.
#[derive(Clone, Debug)]
struct Request {
    host: String,
    path: String,
    query: Option<String>,
    method: Method,
    headers: HeaderMap,
}

impl Request {
    fn get(host: &str, path: &str) -> Self {
        let (host, path) = (host.to_owned(), path.to_owned());
        Self { host, path, query: None, method: Method::GET, headers: HeaderMap::new() }
    }

    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            host: Some(&self.host),
            path: &self.path,
            query: self.query.as_deref(),
            method: &self.method,
            headers: &self.headers,
        }
    }
}

fn any_match(path: PathPattern) -> RouteMatch {
    RouteMatch { path, method: None, headers: vec![], query: vec![], cookies: vec![] }
}

fn prefix(path: &str) -> RouteMatch {
    any_match(PathPattern::Prefix(path.into()))
}

fn route(pool: &str, created: i64, hostnames: &[&str], matches: Vec<RouteMatch>) -> Route {
    let pool = PoolName::new("test", pool);
    Route {
        id: RouteId { created, object: Origin::pool(&pool), position: 0, name: "0".into() },
        hostnames: hostnames.iter().map(|name| Hostname::parse(name).unwrap()).collect(),
        is_one_label: false,
        is_fallback: false,
        is_held: false,
        matches,
        request_timeout: None,
        backend_request_timeout: None,
        https_redirect: None,
        client: None,
        pool,
    }
}

fn model(routes: Vec<Route>) -> Model {
    let mut by_object: BTreeMap<Origin, Vec<Route>> = BTreeMap::new();
    let pools: BTreeSet<PoolName> = routes.iter().map(|route| route.pool.clone()).collect();
    for mut route in routes {
        let routes = by_object.entry(route.id.object.clone()).or_default();
        route.id.position = u32::try_from(routes.len()).unwrap();
        route.id.name = route.id.position.to_string().into();
        routes.push(route);
    }
    Model {
        pools: pools.iter().map(|name| (name.clone(), empty_pool(name))).collect(),
        routes: by_object.into_iter().map(|(name, routes)| (name, routes.into())).collect(),
        certificates: BTreeMap::new(),
    }
}

fn empty_pool(name: &PoolName) -> Arc<crate::model::Pool> {
    Arc::new(crate::pool_support::pool(name.clone(), Vec::new()))
}

fn build(model: &Model) -> Table {
    Table::build(
        model,
        &Pools::new(crate::upstream::Options::default(), Metrics::new(1)).0,
        &Metrics::new(1),
        Millis(0),
    )
}

fn found(table: &Table, request: &Request) -> Result<RouteId, NoRoute> {
    table.find(&request.head(), None).map(|route| route.id.clone())
}

/// Tries every match of every route, and takes the best by the words of the specification.
/// Source: Gateway API HTTPRouteRule.matches.
fn oracle(model: &Model, request: &Request) -> Result<RouteId, NoRoute> {
    let host = canonical_host(&request.host);
    let mut best: Option<((bool, usize), &RouteMatch, &Route)> = None;
    let mut is_known = false;
    for route in model.routes.values().flat_map(|routes| routes.iter()) {
        let levels = route.hostnames.iter().filter_map(|name| match name.wildcard_suffix() {
            Some(suffix) if host.len() > suffix.len() && host.ends_with(suffix) => {
                let is_one = host.strip_suffix(suffix).is_some_and(|label| !label.contains('.'));
                if route.is_one_label { is_one.then_some(900) } else { Some(suffix.len()) }
            }
            None if name.as_str() == host => Some(1_000),
            _ => None,
        });
        let level = if route.hostnames.is_empty() { Some(0) } else { levels.max() };
        let Some(level) = level.map(|level| (!route.is_fallback, level)) else { continue };
        is_known = true;
        for wanted in route.matches.iter().filter(|wanted| holds(wanted, request)) {
            let is_better = best.is_none_or(|(best_level, best_match, best_route)| {
                level
                    .cmp(&best_level)
                    .reverse()
                    .then_with(|| wanted.precedence(best_match))
                    .then_with(|| route.id.cmp(&best_route.id))
                    .is_lt()
            });
            if is_better {
                best = Some((level, wanted, route));
            }
        }
    }
    let error = if is_known { NoRoute::NoMatch } else { NoRoute::UnknownHost };
    best.map(|(_, _, route)| route.id.clone()).ok_or(error)
}

fn holds(wanted: &RouteMatch, request: &Request) -> bool {
    let value_holds = |wanted: &ValuePattern, value: &str| match wanted {
        ValuePattern::Exact(text) => &**text == value,
        ValuePattern::Regex(pattern) => pattern.matches(value.as_bytes()),
    };
    let path_holds = match &wanted.path {
        PathPattern::Exact(path) => **path == *request.path,
        PathPattern::Regex(pattern) => pattern.matches(request.path.as_bytes()),
        PathPattern::Prefix(path) => {
            let path = path.trim_end_matches('/');
            request.path == path || request.path.starts_with(&format!("{path}/"))
        }
    };
    let header = |name: &HeaderName| request.headers.get(name.as_str())?.to_str().ok();
    let query = |name: &str| {
        let pairs = request.query.as_deref()?.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    path_holds
        && wanted.method.as_ref().is_none_or(|method| **method == *request.method.as_str())
        && wanted.headers.iter().all(|h| header(&h.name).is_some_and(|v| value_holds(&h.value, v)))
        && wanted.query.iter().all(|q| query(&q.name).is_some_and(|v| value_holds(&q.value, v)))
}

const HOSTS: &[&str] = &["a.example.com", "b.a.example.com", "*.example.com", "*.a.example.com"];
const PATHS: &[&str] = &["/", "/a", "/a/", "/a/b", "/ab", "/a/b/c"];

fn value_pattern() -> impl Strategy<Value = ValuePattern> {
    prop_oneof![
        Just(ValuePattern::Exact("1".into())),
        Just(ValuePattern::Exact("2".into())),
        Just(ValuePattern::Regex(Pattern::parse("[12]").unwrap())),
    ]
}

fn a_match() -> impl Strategy<Value = RouteMatch> {
    let path = prop_oneof![
        prop::sample::select(PATHS).prop_map(|path| PathPattern::Exact(path.into())),
        prop::sample::select(PATHS).prop_map(|path| PathPattern::Prefix(path.into())),
        prop::sample::select(&["/a.*", "/[ab]+", "/a/b?"][..])
            .prop_map(|path| PathPattern::Regex(Pattern::parse(path).unwrap())),
    ];
    let method = prop::option::weighted(0.3, prop::sample::select(&["GET", "POST"][..]));
    let header = prop::option::weighted(0.3, ("x-[ab]", value_pattern()));
    let query = prop::option::weighted(0.3, ("[pq]", value_pattern()));
    (path, method, header, query).prop_map(|(path, method, header, query)| RouteMatch {
        path,
        method: method.map(Into::into),
        headers: header
            .map(|(name, value)| ValueMatch { name: HeaderName::parse(&name).unwrap(), value })
            .into_iter()
            .collect(),
        query: query
            .map(|(name, value)| ValueMatch { name: name.into(), value })
            .into_iter()
            .collect(),
        cookies: vec![],
    })
}

fn some_routes() -> impl Strategy<Value = Vec<Route>> {
    let hosts = prop::collection::vec(prop::sample::select(HOSTS), 0..3);
    let matches = prop::collection::vec(a_match(), 1..4);
    let route = ("[a-d]", "[a-d]", any::<[bool; 3]>(), hosts, matches).prop_map(
        |(object, pool, [is_ingress, is_one_label, is_fallback], hosts, matches)| {
            // One object has one time of creation.
            let age = i64::from(object.as_bytes()[0] % 2);
            let mut route = route(&object, age, &hosts, matches);
            if is_ingress {
                route.id.object = Origin::ingress("test", &object);
                route.pool = PoolName::new("test", &pool);
                (route.is_one_label, route.is_fallback) = (is_one_label, is_fallback);
            }
            route
        },
    );
    prop::collection::vec(route, 0..12)
}

fn request() -> impl Strategy<Value = Request> {
    let host = prop::sample::select(
        &["a.example.com", "b.a.example.com", "c.b.a.example.com", "x.example.com", "else", ""][..],
    );
    let path =
        prop::sample::select(&["/", "/a", "/a/", "/a/b", "/ab", "/a/b/c", "/a/b/c/d", "/b"][..]);
    let method = prop::sample::select(&[Method::GET, Method::POST, Method::PUT][..]);
    let header = prop::option::of(("x-[ab]", "[123]"));
    let query = prop::option::of("(&|p=1|q=2|p=3|&){1,3}");
    (host, path, method, header, query).prop_map(|(host, path, method, header, query)| {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        Request { host: host.into(), path: path.into(), query, method, headers }
    })
}

proptest! {
    #[test]
    fn lookup_equals_trying_everything(routes in some_routes(), request in request()) {
        let model = model(routes);
        let table = build(&model);
        let expected = oracle(&model, &request);
        prop_assert_eq!(found(&table, &request), expected.clone());
        let mut trace = RouteTrace::default();
        let explained = table.find(&request.head(), Some(&mut trace)).map(|r| r.id.clone());
        prop_assert_eq!(&explained, &expected);
        let won: Vec<_> =
            trace.candidates.iter().filter(|c| c.verdict == Verdict::Won).collect();
        prop_assert_eq!(won.iter().map(|c| &c.route).collect::<Vec<_>>(),
            expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn case_port_and_trailing_dot_of_the_host_do_not_matter(
        routes in some_routes(), request in request(), mask in any::<u32>(),
    ) {
        let table = build(&model(routes));
        let mut shouted = request.clone();
        let letters = request.host.chars().enumerate();
        shouted.host = letters
            .map(|(i, c)| if mask >> (i % 32) & 1 == 1 { c.to_ascii_uppercase() } else { c })
            .chain(".:8080".chars())
            .collect();
        prop_assert_eq!(found(&table, &shouted), found(&table, &request));
    }

    #[test]
    fn a_spelling_of_a_path_goes_where_its_normal_form_goes(
        routes in some_routes(), request in request(), raw in "(/|a|b|%61|%62|\\.|\\.\\.|%2e){0,8}",
    ) {
        let table = build(&model(routes));
        let mut first = request.clone();
        let spelling = format!("/{raw}");
        first.path = path::normalise(&spelling).unwrap().into_owned();
        let mut second = request;
        second.path = path::normalise(&first.path).unwrap().into_owned();
        prop_assert_eq!(found(&table, &first), found(&table, &second));
    }

    #[test]
    fn the_next_table_equals_one_built_at_once(
        versions in prop::collection::vec(some_routes(), 1..5), requests in prop::collection::vec(request(), 8),
    ) {
        let (pools, _readers) = Pools::new(crate::upstream::Options::default(), Metrics::new(1));
        let metrics = Metrics::new(1);
        let mut before = Model::default();
        let mut table = Table::default();
        for routes in versions {
            let after = model(routes);
            let changed = Changed::between(&before, &after);
            table = table.next(&after, &changed, &pools, &metrics, Millis(0));
            for request in &requests {
                let route = table.find(&request.head(), None);
                prop_assert_eq!(route.map(|r| r.id.clone()), oracle(&after, request));
                if let Ok(route) = route {
                    let pool = table.pool(route).unwrap();
                    let declared = after.routes.values().flat_map(|routes| routes.iter());
                    let declared = declared.filter(|other| other.id == route.id);
                    prop_assert!(declared.into_iter().all(|r| r.pool == pool.model.name));
                }
            }
            prop_assert!(table.pools().map(|p| &p.model.name).eq(after.pools.keys()));
            before = after;
        }
    }
}

#[test]
fn a_change_of_endpoints_shares_the_router_and_the_other_pools() {
    let (pools, _readers) = Pools::new(crate::upstream::Options::default(), Metrics::new(1));
    let metrics = Metrics::new(1);
    let before = model(vec![
        route("a", 0, &["a.example.com"], vec![prefix("/")]),
        route("b", 0, &["b.example.com"], vec![prefix("/")]),
    ]);
    let first = Table::build(&before, &pools, &metrics, Millis(0));
    let mut after = before.clone();
    let name = PoolName::new("test", "a");
    Arc::make_mut(after.pools.get_mut(&name).unwrap()).panic_threshold = 50;
    let changed = Changed::between(&before, &after);
    assert_eq!(changed.pools.len() + changed.routes.len(), 1);
    let second = first.next(&after, &changed, &pools, &metrics, Millis(0));
    let request = Request::get("b.example.com", "/");
    let (one, two) = (first.find(&request.head(), None), second.find(&request.head(), None));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(std::ptr::eq(one, two));
    assert!(Arc::ptr_eq(first.pool(one).unwrap(), second.pool(two).unwrap()));
    assert!(!Arc::ptr_eq(first.pool_named(&name).unwrap(), second.pool_named(&name).unwrap()));
    assert_eq!((first.generation(), second.generation()), (1, 2));
}

#[test]
fn a_trace_says_why_each_candidate_lost() {
    let mut picky = prefix("/");
    picky.headers = vec![ValueMatch {
        name: HeaderName::parse("x-plan").unwrap(),
        value: ValuePattern::Exact("gold".into()),
    }];
    let mut posting = prefix("/");
    posting.method = Some("POST".into());
    let table = build(&model(vec![
        route("a", 0, &["shop.example.com"], vec![picky, posting, prefix("/cart"), prefix("/")]),
        route("b", 0, &["*.example.com"], vec![prefix("/")]),
        route("c", 0, &["else.example.com"], vec![prefix("/")]),
    ]));
    let mut trace = RouteTrace::default();
    table.find(&Request::get("SHOP.example.com:80", "/x").head(), Some(&mut trace)).unwrap();
    let verdicts: Vec<_> = trace
        .candidates
        .iter()
        .map(|c| format!("{} {}#{}: {}", c.hostname, c.route.object, c.position, c.verdict))
        .collect();
    assert_eq!(trace.host, "shop.example.com");
    assert_eq!(
        verdicts,
        [
            "shop.example.com BackendPool test/a#2: the path does not match",
            "shop.example.com BackendPool test/a#1: the method is another",
            "shop.example.com BackendPool test/a#0: the header x-plan does not match",
            "shop.example.com BackendPool test/a#3: takes the request",
            "*.example.com BackendPool test/b#0: matches, but another comes first",
        ]
    );
}

#[test]
fn a_repeated_header_is_one_list() {
    let wanted = |value| ValueMatch { name: HeaderName::parse("x-tag").unwrap(), value };
    let mut exact = any_match(PathPattern::Exact("/".into()));
    exact.headers = vec![wanted(ValuePattern::Exact("a,b".into()))];
    let mut regex = prefix("/");
    regex.headers = vec![wanted(ValuePattern::Regex(Pattern::parse("a,.*,c").unwrap()))];
    let table = build(&model(vec![route("a", 0, &[], vec![exact, regex])]));
    let mut request = Request::get("", "/");
    request.headers.append("x-tag", "a".parse().unwrap());
    assert_eq!(found(&table, &request), Err(NoRoute::NoMatch));
    request.headers.append("x-tag", "b".parse().unwrap());
    assert!(found(&table, &request).is_ok());
    request.headers.append("x-tag", "c".parse().unwrap());
    assert!(found(&table, &request).is_ok());
    request.headers.append("x-tag", "d".parse().unwrap());
    assert_eq!(found(&table, &request), Err(NoRoute::NoMatch));
}

#[test]
fn an_ipv6_host_reaches_routes_of_any_host() {
    let table = build(&model(vec![route("a", 0, &[], vec![prefix("/")])]));
    assert!(found(&table, &Request::get("[::1]:8080", "/")).is_ok());
    let table = build(&model(vec![route("a", 0, &["a.example.com"], vec![prefix("/")])]));
    assert_eq!(found(&table, &Request::get("[::1]:8080", "/")), Err(NoRoute::UnknownHost));
}
