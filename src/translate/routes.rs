//! Routes: from what was declared to checked matches.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::could_match;
use super::problems::Problems;
use crate::api::backend_pool::{
    HeaderMatch, PathMatch, PathMatchType, PoolTimeouts, Route as RouteSpec,
    RouteMatch as MatchSpec, ValueMatchType,
};
use crate::model::{
    HeaderName, Hostname, HttpsRedirect, InvalidName, Origin, PathPattern, Pattern, PoolName,
    Route, RouteId, RouteMatch, TlsTerms, ValueMatch, ValuePattern, path,
};

/// Times are the limits of a request on a route. Nothing is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) request: Option<Duration>,
    pub(super) backend_request: Option<Duration>,
}

impl Default for Times {
    fn default() -> Self {
        Self { request: None, backend_request: Some(Duration::from_secs(60)) }
    }
}

impl Times {
    /// Returns what a pool says for routes that say nothing.
    pub(super) fn of(spec: Option<&PoolTimeouts>, problems: &mut Problems) -> Self {
        let mut times = Self::default();
        let Some(spec) = spec else { return times };
        if let Some(time) = &spec.request {
            times.request = problems.take("spec.timeouts.request", time.parse()).and_then(limit);
        }
        if let Some(time) = &spec.backend_request {
            let time = problems.take("spec.timeouts.backendRequest", time.parse());
            times.backend_request = time.and_then(limit);
        }
        times
    }
}

/// ForRoutes is what a pool says for routes of Ingresses that lead to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ForRoutes {
    pub(super) times: Times,
    /// How clear text is sent to https.
    pub(super) redirect: Option<HttpsRedirect>,
    /// On which terms TLS is spoken; nothing where it does not say it.
    pub(super) terms: Option<Arc<TlsTerms>>,
}

fn limit(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

/// Translates the routes of a pool. A route with anything wrong in it is held, and loses every tie;
/// one that no request can match is left out.
pub(super) fn translate(
    specs: &[RouteSpec],
    pool: &PoolName,
    created: i64,
    times: Times,
    problems: &mut Problems,
) -> Vec<Route> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    specs
        .iter()
        .enumerate()
        .filter_map(|(index, spec)| {
            let field = format!("spec.routes[{index}]");
            let position = u32::try_from(index).unwrap_or(u32::MAX);
            let mut name = spec.name.clone().unwrap_or_else(|| position.to_string());
            let mut is_held = false;
            if let Some(first) = names.get(&name) {
                let by = if specs.get(*first).is_some_and(|route| route.name.is_some()) {
                    "has this name already"
                } else {
                    "has no name, so its position is it"
                };
                let what = format_args!("{name:?}: spec.routes[{first}] {by}; write another");
                problems.spec(&format!("{field}.name"), what);
                is_held = true;
                // No declared name has this character.
                name = format!("{name}#{position}");
            }
            names.entry(name.clone()).or_insert(index);
            let id = RouteId { created, object: Origin::pool(pool), position, name: name.into() };
            let route = route(spec, id, (pool, times), &field, problems)?;
            Some(if is_held { held(route) } else { route })
        })
        .collect()
}

fn held(route: Route) -> Route {
    let id = RouteId { created: RouteId::LAST, ..route.id };
    Route { id, is_held: true, ..route }
}

fn route(
    spec: &RouteSpec,
    id: RouteId,
    (pool, times): (&PoolName, Times),
    field: &str,
    problems: &mut Problems,
) -> Option<Route> {
    let before = problems.spec.len();
    let hostnames = spec
        .hostnames
        .iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, name)| {
            problems.take(&format!("{field}.hostnames[{index}]"), Hostname::parse(name))
        })
        .collect::<BTreeSet<_>>();
    let everything = [MatchSpec::default()];
    let matches = spec.matches.as_deref().unwrap_or(&everything);
    let matches: Vec<_> = matches
        .iter()
        .enumerate()
        .filter_map(|(index, spec)| {
            let field = format!("{field}.matches[{index}]");
            request_match(spec, &field, problems)
        })
        .collect();
    let timeouts = spec.timeouts.as_ref();
    let mut duration = |name: &str, value: Option<&crate::api::DurationString>| {
        let field = format!("{field}.timeouts.{name}");
        value.and_then(|value| problems.take(&field, value.parse()))
    };
    let request = duration("request", timeouts.and_then(|t| t.request.as_ref()));
    let backend = duration("backendRequest", timeouts.and_then(|t| t.backend_request.as_ref()));
    // What no request can match is not any host, and not any request.
    let is_nobody =
        hostnames.is_empty() && spec.hostnames.as_ref().is_some_and(|it| !it.is_empty());
    if is_nobody || matches.is_empty() {
        return None;
    }
    let route = Route {
        pool: pool.clone(),
        id,
        hostnames: hostnames.into_iter().collect(),
        is_one_label: false,
        is_fallback: false,
        is_held: false,
        matches,
        request_timeout: request.map_or(times.request, limit),
        backend_request_timeout: backend.map_or(times.backend_request, limit),
        https_redirect: None,
        client: None,
    };
    Some(if problems.spec.len() == before { route } else { held(route) })
}

/// Translates a match. One that is wrong has conditions in it that take no less than it could have
/// meant; nothing where no request can match it.
fn request_match(spec: &MatchSpec, field: &str, problems: &mut Problems) -> Option<RouteMatch> {
    let path = match &spec.path {
        None => everything(),
        Some(path) => {
            let is_regex = path.kind == PathMatchType::RegularExpression;
            match problems.take(&format!("{field}.path.value"), path_pattern(path)) {
                Some(pattern) => pattern,
                None if is_regex => could_match::path(&path.value).unwrap_or_else(everything),
                // Paths are compared in their normal form: one that has none is nobody's.
                None => return None,
            }
        }
    };
    // Whether a condition could be met by any value, and whether another one says more.
    let mut is_any = false;
    let mut is_narrow = path != everything() || spec.method.is_some();
    let mut list = |name: &str, specs: Option<&Vec<HeaderMatch>>| {
        let specs = specs.map(Vec::as_slice).unwrap_or_default();
        let mut values = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            let field = format!("{field}.{name}[{index}]");
            let value = problems.take(&format!("{field}.value"), value_pattern(spec));
            let value = value.or_else(|| could_match::value(&spec.value));
            is_any |= value.is_none();
            is_narrow |= value.is_some();
            if let Some(value) = value.or_else(|| could_match::any_value(&spec.value)) {
                values.push((field, spec.name.clone(), value));
            }
        }
        values
    };
    let headers = list("headers", spec.headers.as_ref());
    let query = list("queryParams", spec.query_params.as_ref());
    let cookies = list("cookies", spec.cookies.as_ref());
    let headers = header_matches(headers, problems)?;
    if is_any && !is_narrow {
        // Nearly every client may have the field: it takes what no other route of the host does.
        return Some(all_requests());
    }
    Some(RouteMatch {
        path,
        method: spec.method.as_deref().map(Into::into),
        headers,
        query: plain(query),
        cookies: plain(cookies),
    })
}

fn everything() -> PathPattern {
    PathPattern::Prefix("/".into())
}

/// Returns the match that every request of a host meets, and that comes last.
pub(super) fn all_requests() -> RouteMatch {
    of_path(everything())
}

/// Returns a match of a path alone.
pub(super) fn of_path(path: PathPattern) -> RouteMatch {
    let (headers, query, cookies) = (Vec::new(), Vec::new(), Vec::new());
    RouteMatch { path, method: None, headers, query, cookies }
}

/// A condition: its field, the name of what it is on, and what that must be.
type Condition = (String, String, ValuePattern);

fn plain(conditions: Vec<Condition>) -> Vec<ValueMatch<Arc<str>>> {
    let named = conditions.into_iter();
    let mut values: Vec<_> =
        named.map(|(_, name, value)| ValueMatch { name: name.as_str().into(), value }).collect();
    values.sort();
    values
}

/// Takes the conditions on headers, one for each; nothing where no request has such a header.
fn header_matches(
    conditions: Vec<Condition>,
    problems: &mut Problems,
) -> Option<Vec<ValueMatch<HeaderName>>> {
    let mut matches = Vec::new();
    let mut first = BTreeMap::new();
    for (field, text, value) in conditions {
        let name_field = format!("{field}.name");
        let name = problems.take(&name_field, HeaderName::parse(&text))?;
        match first.entry(name.clone()) {
            Entry::Vacant(free) => {
                free.insert(field);
                matches.push(ValueMatch { name, value });
            }
            Entry::Occupied(first) => {
                let first = first.get();
                let what = format_args!(
                    "{text:?} is the header of {first}, as case does not matter: write one \
                     condition of it"
                );
                problems.spec(&name_field, what);
            }
        }
    }
    matches.sort();
    Some(matches)
}

fn path_pattern(spec: &PathMatch) -> Result<PathPattern, String> {
    // Requests are compared in their normal form, so that is how the declared path must be too.
    let normal = || path::normalise(&spec.value).map_err(|error| error.to_string());
    Ok(match spec.kind {
        PathMatchType::Exact => PathPattern::Exact(normal()?.into()),
        PathMatchType::PathPrefix => prefix(&normal()?),
        PathMatchType::RegularExpression => {
            let pattern = Pattern::parse(&spec.value).map_err(|error| error.to_string())?;
            PathPattern::Regex(pattern)
        }
    })
}

/// Returns the pattern of a prefix in its normal form: a trailing slash does not matter.
pub(super) fn prefix(value: &str) -> PathPattern {
    let value = value.trim_end_matches('/');
    PathPattern::Prefix(if value.is_empty() { "/" } else { value }.into())
}

fn value_pattern(spec: &HeaderMatch) -> Result<ValuePattern, InvalidName> {
    Ok(match spec.kind {
        ValueMatchType::Exact => ValuePattern::Exact(spec.value.as_str().into()),
        ValueMatchType::RegularExpression => ValuePattern::Regex(Pattern::parse(&spec.value)?),
    })
}
