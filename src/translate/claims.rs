//! Who serves a request that several objects claim: the older.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ingress::DEFAULT;
use crate::model::{Hostname, Origin, OriginKind, Route, RouteId, RouteMatch};

/// Claim is a match on a host. What stands on another level of the table is another claim: a
/// wildcard for one label and one for more, and what is only for requests that nobody else takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    is_fallback: bool,
    is_one_label: bool,
    host: Option<Hostname>,
    rule: RouteMatch,
}

/// Claims knows who claims which (host, match).
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    claimants: BTreeMap<Claim, BTreeSet<RouteId>>,
}

fn claims_of(route: &Route) -> impl Iterator<Item = Claim> + use<'_> {
    let Route { is_fallback, is_one_label, .. } = *route;
    let hosts: Vec<Option<Hostname>> = if route.hostnames.is_empty() {
        vec![None]
    } else {
        route.hostnames.iter().cloned().map(Some).collect()
    };
    hosts.into_iter().flat_map(move |host| {
        let is_wildcard = host.as_ref().is_some_and(|host| host.wildcard_suffix().is_some());
        route.matches.iter().map(move |rule| Claim {
            is_fallback,
            is_one_label: is_one_label && is_wildcard,
            host: host.clone(),
            rule: rule.clone(),
        })
    })
}

impl Claims {
    /// Adds the claims of routes; returns the objects that claim some of the same.
    pub(super) fn add(&mut self, routes: &[Route]) -> BTreeSet<Origin> {
        let mut others = BTreeSet::new();
        for route in routes {
            for claim in claims_of(route) {
                let claimants = self.claimants.entry(claim).or_default();
                note_others(claimants, route, &mut others);
                claimants.insert(route.id.clone());
            }
        }
        others
    }

    /// Removes the claims of routes; returns the objects that claim some of the same.
    pub(super) fn remove(&mut self, routes: &[Route]) -> BTreeSet<Origin> {
        let mut others = BTreeSet::new();
        for route in routes {
            for claim in claims_of(route) {
                let Some(claimants) = self.claimants.get_mut(&claim) else { continue };
                claimants.remove(&route.id);
                note_others(claimants, route, &mut others);
                if claimants.is_empty() {
                    self.claimants.remove(&claim);
                }
            }
        }
        others
    }

    /// Returns what an object may serve of its routes, and why not the rest.
    pub(super) fn judge(&self, routes: &[Route]) -> (Arc<[Route]>, Vec<String>) {
        let (mut accepted, mut lost) = (Vec::new(), Vec::new());
        for route in routes {
            let mut kept: BTreeMap<Option<Hostname>, Vec<RouteMatch>> = BTreeMap::new();
            let before = lost.len();
            for claim in claims_of(route) {
                let winner = self.claimants.get(&claim).and_then(BTreeSet::first);
                let Claim { host, rule, .. } = claim;
                match winner {
                    Some(winner) if winner.object != route.id.object => lost.push(format!(
                        "{}: {} is served by {}, which {}",
                        field_of(&route.id),
                        describe(host.as_ref(), &rule),
                        winner.object,
                        if winner.created < route.id.created {
                            "is older"
                        } else {
                            "comes first by name"
                        }
                    )),
                    _ => kept.entry(host).or_default().push(rule),
                }
            }
            if lost.len() == before {
                accepted.push(route.clone());
                continue;
            }
            accepted.extend(kept.into_iter().map(|(host, matches)| Route {
                hostnames: host.into_iter().collect(),
                matches,
                ..route.clone()
            }));
        }
        (accepted.into(), lost)
    }
}

fn note_others(claimants: &BTreeSet<RouteId>, route: &Route, others: &mut BTreeSet<Origin>) {
    others.extend(
        claimants.iter().filter(|id| id.object != route.id.object).map(|id| id.object.clone()),
    );
}

/// Returns the field that declares a route.
pub(super) fn field_of(id: &RouteId) -> String {
    match (id.object.kind(), id.name.split_once('.')) {
        (OriginKind::BackendPool, _) => format!("spec.routes[{}]", id.position),
        (OriginKind::Ingress, Some((rule, path))) => {
            format!("spec.rules[{rule}].http.paths[{path}]")
        }
        (OriginKind::Ingress, None) if &*id.name == DEFAULT => "spec.defaultBackend".to_owned(),
        (OriginKind::Ingress, None) => format!("spec.rules[{}]", id.name),
    }
}

fn describe(host: Option<&Hostname>, rule: &RouteMatch) -> String {
    use crate::model::PathPattern::{Exact, Prefix, Regex};
    let path = match &rule.path {
        Exact(path) => format!("path {path}"),
        Prefix(path) => format!("path prefix {path}"),
        Regex(path) => format!("path expression {}", path.as_str()),
    };
    let more = rule.headers.len() + rule.query.len() + rule.cookies.len();
    let more = if more > 0 { " with the same conditions" } else { "" };
    let method = rule.method.as_deref().map(|m| format!("{m} ")).unwrap_or_default();
    match host {
        Some(host) => format!("{method}{path}{more} of host {host}"),
        None => format!("{method}{path}{more} of any host"),
    }
}
