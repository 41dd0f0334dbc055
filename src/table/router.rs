//! Hosts and their rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::hash::TextMap;
use super::host::{canonical_host, one_label_suffix, wildcard_suffixes};
use super::rule::Rule;
use super::rules::Rules;
use super::trace::{Candidate, RouteTrace, Verdict};
use super::{NoRoute, RequestHead, Route};
use crate::model::{self, Origin};

/// Router finds the route of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Router {
    ordinary: Hosts,
    /// What takes only requests that nothing ordinary takes.
    fallback: Hosts,
}

/// Hosts are the rules by configured host.
#[derive(Clone, Debug, Default)]
struct Hosts {
    exact: TextMap<Arc<str>, Arc<Rules>>,
    /// By what follows the star: `.example.com`. The star is exactly one label.
    one_label: TextMap<Arc<str>, Arc<Rules>>,
    /// The same, where the star is one label or more.
    wildcard: TextMap<Arc<str>, Arc<Rules>>,
    any: Arc<Rules>,
}

impl Router {
    /// Returns the route of a request: of the most specific host that has a rule that matches.
    /// Source: Gateway API HTTPRouteSpec.hostnames.
    pub(super) fn find(&self, head: &RequestHead<'_>) -> Result<&Route, NoRoute> {
        let host = canonical_host(head.host.unwrap_or_default());
        // Nearly all find theirs here; what goes through the levels is large to make.
        let exact = self.ordinary.exact.get(&*host).and_then(|rules| rules.find(head));
        if let Some(rule) = exact {
            return Ok(&rule.route);
        }
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

    /// Yields the rules that serve a host, in the order in which they are tried.
    fn levels<'t, 'h>(
        &'t self,
        host: &'h str,
    ) -> impl Iterator<Item = (Level<'h>, &'t Rules)> + use<'t, 'h> {
        let fallback = (!self.fallback.is_empty()).then(|| self.fallback.levels(host));
        let ordinary = self.ordinary.levels(host).map(|(place, rules)| (place, false, rules));
        let fallback = fallback.into_iter().flatten().map(|(place, rules)| (place, true, rules));
        ordinary
            .chain(fallback)
            .map(|(place, is_fallback, rules)| (Level { is_fallback, place }, rules))
    }

    /// Replaces the routes of some pools by others. Hosts that no old or new route of them names
    /// are shared with the router before.
    pub(super) fn replace(
        &mut self,
        old: &[&[model::Route]],
        new: &[(&[model::Route], Vec<Arc<Route>>)],
    ) {
        let mut touched: BTreeMap<Level<'_>, Vec<Arc<Rule>>> = BTreeMap::new();
        let gone: BTreeSet<&Origin> =
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

    fn hosts(&mut self, level: Level<'_>) -> &mut Hosts {
        if level.is_fallback { &mut self.fallback } else { &mut self.ordinary }
    }

    fn at(&self, level: Level<'_>) -> Option<&Rules> {
        let hosts = if level.is_fallback { &self.fallback } else { &self.ordinary };
        match level.place {
            Place::Exact(host) => hosts.exact.get(host).map(Arc::as_ref),
            Place::OneLabel(suffix) => hosts.one_label.get(suffix).map(Arc::as_ref),
            Place::Wildcard(suffix) => hosts.wildcard.get(suffix).map(Arc::as_ref),
            Place::Any => Some(&hosts.any),
        }
    }

    fn put(&mut self, level: Level<'_>, rules: Vec<Arc<Rule>>) {
        let hosts = self.hosts(level);
        let (map, host) = match level.place {
            Place::Exact(host) => (&mut hosts.exact, host),
            Place::OneLabel(suffix) => (&mut hosts.one_label, suffix),
            Place::Wildcard(suffix) => (&mut hosts.wildcard, suffix),
            Place::Any => {
                hosts.any = Arc::new(Rules::new(rules));
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

impl Hosts {
    fn is_empty(&self) -> bool {
        self.exact.is_empty()
            && self.one_label.is_empty()
            && self.wildcard.is_empty()
            && self.any.ordered().is_empty()
    }

    /// Yields the rules that serve a host, from the most to the least specific.
    fn levels<'t, 'h>(
        &'t self,
        host: &'h str,
    ) -> impl Iterator<Item = (Place<'h>, &'t Rules)> + use<'t, 'h> {
        let exact = self.exact.get(host).map(|rules| (Place::Exact(host), &**rules));
        let one_label = if self.one_label.is_empty() { None } else { one_label_suffix(host) };
        let one_label = one_label.and_then(|suffix| {
            self.one_label.get(suffix).map(|rules| (Place::OneLabel(suffix), &**rules))
        });
        let suffixes = (!self.wildcard.is_empty()).then(|| wildcard_suffixes(host));
        let wildcards = suffixes.into_iter().flatten().filter_map(|suffix| {
            self.wildcard.get(suffix).map(|rules| (Place::Wildcard(suffix), &**rules))
        });
        let any = (!self.any.ordered().is_empty()).then_some((Place::Any, &*self.any));
        exact.into_iter().chain(one_label).chain(wildcards).chain(any)
    }
}

/// Level is where rules stand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Level<'a> {
    is_fallback: bool,
    place: Place<'a>,
}

/// Place is a configured host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Exact(&'a str),
    OneLabel(&'a str),
    Wildcard(&'a str),
    Any,
}

impl<'a> Level<'a> {
    fn of(route: &'a model::Route) -> Vec<Self> {
        let level = |place| Level { is_fallback: route.is_fallback, place };
        if route.hostnames.is_empty() {
            return vec![level(Place::Any)];
        }
        let mut levels: Vec<_> = route
            .hostnames
            .iter()
            .map(|name| match name.wildcard_suffix() {
                Some(suffix) if route.is_one_label => level(Place::OneLabel(suffix)),
                Some(suffix) => level(Place::Wildcard(suffix)),
                None => level(Place::Exact(name.as_str())),
            })
            .collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    fn name(self) -> String {
        match self.place {
            Place::Exact(host) => host.to_owned(),
            Place::OneLabel(suffix) | Place::Wildcard(suffix) => format!("*{suffix}"),
            Place::Any => "*".to_owned(),
        }
    }
}
