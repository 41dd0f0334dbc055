//! Hosts and their rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hash::TextMap;
use super::host::{canonical_host, wildcard_suffixes};
use super::rule::Rule;
use super::rules::Rules;
use super::trace::{Candidate, RouteTrace, Verdict};
use super::{NoRoute, RequestHead, Route};
use crate::model::{self, PoolName};

/// Router finds the route of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Router {
    exact: TextMap<Arc<str>, Arc<Rules>>,
    /// By what follows the star: `.example.com`.
    wildcard: TextMap<Arc<str>, Arc<Rules>>,
    any: Arc<Rules>,
}

impl Router {
    /// Returns the route of a request: of the most specific host that has a rule that matches.
    /// Source: Gateway API HTTPRouteSpec.hostnames.
    pub(super) fn find(&self, head: &RequestHead<'_>) -> Result<&Route, NoRoute> {
        let host = canonical_host(head.host.unwrap_or_default());
        let mut is_known = false;
        for (_, rules) in self.levels(&host) {
            if let Some(rule) = rules.find(head) {
                return Ok(&rule.route);
            }
            is_known = true;
        }
        Err(if is_known { NoRoute::NoMatch } else { NoRoute::UnknownHost })
    }

    /// Finds the route by trying all rules in order, and records each.
    pub(super) fn explain(
        &self,
        head: &RequestHead<'_>,
        trace: &mut RouteTrace,
    ) -> Result<&Route, NoRoute> {
        let host = canonical_host(head.host.unwrap_or_default());
        trace.host = host.clone().into_owned();
        let mut winner = None;
        let mut is_known = false;
        for (level, rules) in self.levels(&host) {
            let hostname: Arc<str> = level.name().into();
            for rule in rules.ordered() {
                let verdict = match rule.mismatch(head) {
                    Some(why) => why,
                    None if winner.is_some() => Verdict::Outranked,
                    None => {
                        winner = Some(&*rule.route);
                        Verdict::Won
                    }
                };
                trace.record(|| Candidate {
                    hostname: Arc::clone(&hostname),
                    route: rule.route.id.clone(),
                    position: rule.position,
                    verdict,
                });
            }
            is_known = true;
        }
        winner.ok_or(if is_known { NoRoute::NoMatch } else { NoRoute::UnknownHost })
    }

    /// Yields the rules that serve a host, from the most to the least specific.
    fn levels<'t, 'h>(
        &'t self,
        host: &'h str,
    ) -> impl Iterator<Item = (Level<'h>, &'t Rules)> + use<'t, 'h> {
        let exact = self.exact.get(host).map(|rules| (Level::Exact(host), &**rules));
        let suffixes = (!self.wildcard.is_empty()).then(|| wildcard_suffixes(host));
        let wildcards = suffixes.into_iter().flatten().filter_map(|suffix| {
            self.wildcard.get(suffix).map(|rules| (Level::Wildcard(suffix), &**rules))
        });
        let any = (!self.any.ordered().is_empty()).then_some((Level::Any, &*self.any));
        exact.into_iter().chain(wildcards).chain(any)
    }

    /// Replaces the routes of some pools by others. Hosts that no old or new route of them names
    /// are shared with the router before.
    pub(super) fn replace(
        &mut self,
        old: &[&[model::Route]],
        new: &[(&[model::Route], Vec<Arc<Route>>)],
    ) {
        let mut touched: BTreeMap<Level<'_>, Vec<Arc<Rule>>> = BTreeMap::new();
        let gone: std::collections::BTreeSet<&PoolName> =
            old.iter().flat_map(|routes| routes.iter()).map(|route| &route.id.object).collect();
        for route in old.iter().flat_map(|routes| routes.iter()) {
            for level in Level::of(route) {
                touched.entry(level).or_default();
            }
        }
        for (declared, compiled) in new {
            for (route, made) in declared.iter().zip(compiled) {
                let rules = route.matches.iter().enumerate();
                let rules: Vec<_> = rules
                    .filter_map(|(position, wanted)| Rule::new(made, position, wanted))
                    .map(Arc::new)
                    .collect();
                for level in Level::of(route) {
                    touched.entry(level).or_default().extend(rules.iter().cloned());
                }
            }
        }
        for (level, mut rules) in touched {
            let kept = self.at(level).map_or(&[][..], Rules::ordered);
            rules.extend(kept.iter().filter(|r| !gone.contains(&r.route.id.object)).cloned());
            self.put(level, rules);
        }
    }

    fn at(&self, level: Level<'_>) -> Option<&Rules> {
        match level {
            Level::Exact(host) => self.exact.get(host).map(Arc::as_ref),
            Level::Wildcard(suffix) => self.wildcard.get(suffix).map(Arc::as_ref),
            Level::Any => Some(&self.any),
        }
    }

    fn put(&mut self, level: Level<'_>, rules: Vec<Arc<Rule>>) {
        let (map, host) = match level {
            Level::Exact(host) => (&mut self.exact, host),
            Level::Wildcard(suffix) => (&mut self.wildcard, suffix),
            Level::Any => {
                self.any = Arc::new(Rules::new(rules));
                return;
            }
        };
        if rules.is_empty() {
            map.remove(host);
        } else {
            map.insert(host.into(), Arc::new(Rules::new(rules)));
        }
    }
}

/// Level is a configured host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level<'a> {
    Exact(&'a str),
    Wildcard(&'a str),
    Any,
}

impl<'a> Level<'a> {
    fn of(route: &'a model::Route) -> Vec<Self> {
        if route.hostnames.is_empty() {
            return vec![Level::Any];
        }
        let mut levels: Vec<_> = route
            .hostnames
            .iter()
            .map(|name| match name.wildcard_suffix() {
                Some(suffix) => Level::Wildcard(suffix),
                None => Level::Exact(name.as_str()),
            })
            .collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    fn name(self) -> String {
        match self {
            Level::Exact(host) => host.to_owned(),
            Level::Wildcard(suffix) => format!("*{suffix}"),
            Level::Any => "*".to_owned(),
        }
    }
}
