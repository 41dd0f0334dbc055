//! On which terms TLS is spoken for the hosts of an Ingress: those of the pools that it leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::claims::field_of;
use super::ingress::Secured;
use crate::model::{Certificate, Hostname, PoolName, Route, TlsTerms};

/// HostTerms are the terms that pools say for the hosts of an Ingress. No host is any host.
#[derive(Debug, Default)]
pub(super) struct HostTerms {
    of: BTreeMap<Option<Hostname>, (PoolName, Arc<TlsTerms>)>,
    /// What cannot be held, for people.
    pub(super) lost: Vec<String>,
}

impl HostTerms {
    /// Joins what the pools of routes say, in the order of the routes. All of one host is under one
    /// handshake, so the strictest counts; where that cannot be, the first.
    pub(super) fn of<'a>(routes: impl Iterator<Item = (&'a Route, Arc<TlsTerms>)>) -> Self {
        let mut all = Self::default();
        for (route, terms) in routes {
            let any = [None];
            let named: Vec<_> = route.hostnames.iter().cloned().map(Some).collect();
            for host in if named.is_empty() { any.to_vec() } else { named } {
                all.add(route, host, &terms);
            }
        }
        all
    }

    fn add(&mut self, route: &Route, host: Option<Hostname>, terms: &Arc<TlsTerms>) {
        let Some((first, known)) = self.of.get_mut(&host) else {
            self.of.insert(host, (route.pool.clone(), Arc::clone(terms)));
            return;
        };
        if known == terms {
            return;
        }
        let (joined, is_whole) = stricter(known, terms);
        if !is_whole {
            let text = format!(
                "{}: TLS for {} is spoken on terms of {first}, which a rule before leads to: those \
                 of {} cannot hold beside them",
                field_of(&route.id),
                name(host.as_ref()),
                route.pool
            );
            self.lost.push(text);
        }
        *known = Arc::new(joined);
    }

    /// Returns the certificates of the Ingress on the terms of the hosts that they are shown for.
    pub(super) fn hold(
        &mut self,
        certificates: &[Certificate],
        secured: &Secured,
    ) -> Vec<Certificate> {
        let shown: BTreeSet<&Hostname> = certificates.iter().flat_map(|it| &it.names).collect();
        let mut settled = Vec::new();
        let mut held = BTreeSet::new();
        for certificate in certificates {
            let mut by_terms: BTreeMap<Arc<TlsTerms>, Vec<Hostname>> = BTreeMap::new();
            for name in &certificate.names {
                held.insert(name.clone());
                by_terms.entry(self.find(Some(name))).or_default().push(name.clone());
                // A host whose certificate is that of the wildcard above it.
                for host in self.below(name).filter(|host| !shown.contains(host)) {
                    held.insert(host.clone());
                    by_terms.entry(self.find(Some(host))).or_default().push(host.clone());
                }
            }
            let rest = self.find(None);
            if certificate.is_default || by_terms.is_empty() {
                by_terms.entry(Arc::clone(&rest)).or_default();
            }
            settled.extend(by_terms.into_iter().map(|(terms, names)| {
                let is_rest = terms == rest;
                let other_names =
                    if is_rest { certificate.other_names.clone() } else { Vec::new() };
                let is_default = is_rest && certificate.is_default;
                Certificate { names, other_names, is_default, terms, ..certificate.clone() }
            }));
        }
        let has_default = certificates.iter().any(|certificate| certificate.is_default);
        self.note_unheld(&held, has_default, secured);
        settled
    }

    /// Notes terms of hosts that the Ingress has no certificate for: whoever has one says them.
    /// Where the Ingress has no TLS for the host there is nothing to say, but that clients cannot
    /// show certificates.
    fn note_unheld(&mut self, held: &BTreeSet<Hostname>, has_default: bool, secured: &Secured) {
        for (host, (pool, terms)) in &self.of {
            let is_held = host.as_ref().map_or(has_default, |host| held.contains(host));
            let needs = terms.client.as_ref().is_some_and(|rule| !rule.is_optional);
            let is_meant = needs || secured.holds(host.as_slice());
            if is_held || !is_meant || **terms == TlsTerms::default() {
                continue;
            }
            self.lost.push(format!(
                "spec.tls: the terms of TLS that {pool} says for {} do not hold, as this Ingress \
                 has no certificate for it: name a Secret in an entry of tls with that host",
                name(host.as_ref())
            ));
        }
    }

    /// Yields the hosts of rules that a wildcard is the certificate's name for.
    fn below<'a>(&'a self, name: &'a Hostname) -> impl Iterator<Item = &'a Hostname> {
        let suffix = name.wildcard_suffix();
        self.of.keys().flatten().filter(move |host| {
            let label = suffix.and_then(|suffix| host.as_str().strip_suffix(suffix));
            host.wildcard_suffix().is_none()
                && label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
        })
    }

    fn find(&self, name: Option<&Hostname>) -> Arc<TlsTerms> {
        let above = || {
            let name = name?.as_str();
            let suffix = name.find('.').and_then(|dot| name.get(dot..))?;
            self.of.get(&Some(Hostname::parse(&format!("*{suffix}")).ok()?))
        };
        let found = self.of.get(&name.cloned()).or_else(above).or_else(|| self.of.get(&None));
        found.map(|(_, terms)| Arc::clone(terms)).unwrap_or_default()
    }
}

fn name(host: Option<&Hostname>) -> &str {
    host.map_or("any host", Hostname::as_str)
}

/// Returns terms as strict as both, and whether they are: versions that do not meet, other suites
/// and another rule for clients are those of the first.
fn stricter(first: &TlsTerms, second: &TlsTerms) -> (TlsTerms, bool) {
    let mut joined = first.clone();
    let lowest = first.min_version.max(second.min_version);
    let highest = first.max_version.min(second.max_version);
    let meet = lowest <= highest;
    if meet {
        (joined.min_version, joined.max_version) = (lowest, highest);
    }
    if joined.suites.is_empty() && meet {
        joined.suites.clone_from(&second.suites);
    }
    joined.client = first.client.clone().or_else(|| second.client.clone());
    let same_suites = second.suites.is_empty() || joined.suites == second.suites;
    let same_client = second.client.is_none() || joined.client == second.client;
    (joined, meet && same_suites && same_client)
}
