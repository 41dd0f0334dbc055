//! One Ingress: what it means by itself, before it is compared with the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressTLS,
};

use super::backends::{Context, port_of};
use super::certificates;
use super::class::{self, Ours};
use super::pool::created;
use super::problems::Problems;
use super::routes::{Times, all_requests, of_path, prefix};
use super::unit::{Port, ServicePort, Used};
use crate::api::backend_pool::GROUP;
use crate::api::{ConditionReason, Kind, ObjectKey};
use crate::model::{
    Certificate, Hostname, Origin, PathPattern, PoolName, Route, RouteId, RouteMatch, path,
};

/// Name of the route to the default backend.
pub(super) const DEFAULT: &str = "default";

/// IngressResult is what one Ingress means by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct IngressResult {
    /// Creation in seconds since 1970.
    pub(super) created: i64,
    /// Nothing where it is not ours.
    pub(super) ours: Option<Ours>,
    pub(super) routes: Vec<Route>,
    pub(super) certificates: Arc<[Certificate]>,
    /// Hosts that it has TLS for.
    pub(super) secured: Secured,
    /// Ports of Services that it names.
    pub(super) ports: BTreeSet<ServicePort>,
    /// BackendPools that it names.
    pub(super) pools: BTreeSet<ObjectKey>,
    pub(super) problems: Problems,
    pub(super) used: Used,
}

/// Translates one Ingress.
pub(super) fn translate(context: Context<'_>, object: &Ingress) -> IngressResult {
    let mut result =
        IngressResult { created: created(&object.metadata), ..IngressResult::default() };
    result.ours = class::ours(context.objects, context.options, object, &mut result.used);
    let Some(spec) = object.spec.as_ref().filter(|_| result.ours.is_some()) else { return result };
    let tls = spec.tls.as_deref().unwrap_or_default();
    result.secured = Secured::of(tls);
    let mut reader = Reader { context, result, position: 0 };
    let default = spec.default_backend.as_ref();
    let default = default.map(|spec| reader.backend(spec, "spec.defaultBackend"));
    let mut hosts = BTreeSet::new();
    for (index, rule) in spec.rules.iter().flatten().enumerate() {
        reader.rule(index, rule, default.as_ref(), &mut hosts);
    }
    if let Some(pool) = default {
        // Of the hosts with rules it comes before the default backend of another Ingress.
        let secured = reader.result.secured.clone();
        let (with, without): (Vec<_>, Vec<_>) =
            hosts.into_iter().partition(|host| secured.holds(std::slice::from_ref(host)));
        for hosts in [with, without].into_iter().filter(|hosts| !hosts.is_empty()) {
            reader.route(DEFAULT.to_owned(), hosts, all_requests(), pool.clone(), true);
        }
        reader.route(DEFAULT.to_owned(), Vec::new(), all_requests(), pool, true);
    }
    let mut result = reader.result;
    let IngressResult { routes, used, problems, .. } = &mut result;
    result.certificates = certificates::of_ingress(context, tls, routes, used, problems).into();
    result
}

/// Secured are the hosts that an Ingress says to have TLS for, with or without a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Secured {
    hosts: BTreeSet<Hostname>,
    /// An entry without hosts is for those of all rules. Source: Ingress v1 IngressTLS.hosts.
    is_every: bool,
}

impl Secured {
    fn of(tls: &[IngressTLS]) -> Self {
        let listed = tls.iter().flat_map(|entry| entry.hosts.iter().flatten());
        Self {
            hosts: listed.filter_map(|host| Hostname::parse(host).ok()).collect(),
            is_every: tls.iter().any(|entry| entry.hosts.as_ref().is_none_or(Vec::is_empty)),
        }
    }

    /// Returns whether all these hosts are among them. No hosts are any host.
    pub(super) fn holds(&self, hosts: &[Hostname]) -> bool {
        let is_listed = |host: &Hostname| {
            let above = || {
                let suffix = host.as_str().find('.').and_then(|dot| host.as_str().get(dot..))?;
                Hostname::parse(&format!("*{suffix}")).ok()
            };
            self.hosts.contains(host) || above().is_some_and(|above| self.hosts.contains(&above))
        };
        self.is_every || (!hosts.is_empty() && hosts.iter().all(is_listed))
    }
}

struct Reader<'a> {
    context: Context<'a>,
    result: IngressResult,
    position: u32,
}

impl Reader<'_> {
    fn rule(
        &mut self,
        index: usize,
        rule: &IngressRule,
        default: Option<&PoolName>,
        hosts: &mut BTreeSet<Hostname>,
    ) {
        let field = format!("spec.rules[{index}]");
        let host = rule.host.as_deref().filter(|host| !host.is_empty());
        let hostname = match host.map(Hostname::parse).transpose() {
            Ok(hostname) => hostname,
            Err(error) => {
                self.result.problems.spec(&format!("{field}.host"), error);
                return;
            }
        };
        hosts.extend(hostname.clone());
        let hostnames: Vec<Hostname> = hostname.into_iter().collect();
        let paths = rule.http.as_ref().map(|http| http.paths.as_slice()).unwrap_or_default();
        if let (true, Some(pool)) = (paths.is_empty(), default) {
            // Source: Ingress v1 IngressRule.http: without it all of the host is the default's.
            self.route(index.to_string(), hostnames.clone(), all_requests(), pool.clone(), false);
        }
        for (number, path) in paths.iter().enumerate() {
            let field = format!("{field}.http.paths[{number}]");
            let Some(pattern) = self.pattern(path, &field) else { continue };
            let pool = self.backend(&path.backend, &format!("{field}.backend"));
            let pool = if self.knows_type(path, &field) { pool } else { self.nowhere() };
            self.route(
                format!("{index}.{number}"),
                hostnames.clone(),
                of_path(pattern),
                pool,
                false,
            );
        }
    }

    fn route(
        &mut self,
        name: String,
        hostnames: Vec<Hostname>,
        rule: RouteMatch,
        pool: PoolName,
        is_fallback: bool,
    ) {
        let key = self.context.from;
        let is_held = pool.is_nowhere();
        self.result.routes.push(Route {
            id: RouteId {
                created: if is_held { RouteId::LAST } else { self.result.created },
                object: Origin::ingress(&key.namespace, &key.name),
                position: self.position,
                name: name.into(),
            },
            hostnames,
            is_one_label: true,
            is_fallback,
            is_held,
            matches: vec![rule],
            // Those of the pool come when all pools are known.
            request_timeout: Times::default().request,
            backend_request_timeout: Times::default().backend_request,
            https_redirect: None,
            client: None,
            pool,
        });
        self.position += 1;
    }

    fn pattern(&mut self, spec: &HTTPIngressPath, field: &str) -> Option<PathPattern> {
        let problems = &mut self.result.problems;
        let value = spec.path.as_deref().unwrap_or_default();
        // Requests are compared in their normal form, so that is how the declared path must be too.
        let normal = problems.take(&format!("{field}.path"), path::normalise(value))?;
        Some(match spec.path_type.as_str() {
            "Exact" => PathPattern::Exact(normal.into()),
            _ => prefix(&normal),
        })
    }

    fn knows_type(&mut self, spec: &HTTPIngressPath, field: &str) -> bool {
        let kind = spec.path_type.as_str();
        let is_known = matches!(kind, "Exact" | "Prefix" | "ImplementationSpecific");
        if !is_known {
            let right = "use Exact, Prefix or ImplementationSpecific";
            self.result.problems.spec(
                &format!("{field}.pathType"),
                format_args!("{kind:?} is no type of path: {right}"),
            );
        }
        is_known
    }

    /// Returns the pool of a route that says no pool that there could be: it is held.
    fn nowhere(&self) -> PoolName {
        PoolName::nowhere(&self.context.from.namespace)
    }

    /// Returns the pool of a backend, and notes what it is made of.
    fn backend(&mut self, spec: &IngressBackend, field: &str) -> PoolName {
        match (&spec.service, &spec.resource) {
            (Some(service), None) => self.service(service, field),
            (None, Some(reference)) => {
                let is_pool = reference.api_group.as_deref() == Some(GROUP)
                    && reference.kind == Kind::BackendPool.as_str();
                if !is_pool {
                    let group = reference.api_group.as_deref().unwrap_or("the core group");
                    self.result.problems.spec(
                        &format!("{field}.resource"),
                        format_args!(
                            "{} of {group} cannot be a backend: use BackendPool of {GROUP}",
                            reference.kind
                        ),
                    );
                    return self.nowhere();
                }
                self.pool(&reference.name, field)
            }
            _ => {
                self.result.problems.spec(field, "exactly one of service and resource must be set");
                self.nowhere()
            }
        }
    }

    fn service(&mut self, spec: &IngressServiceBackend, field: &str) -> PoolName {
        let service = ObjectKey::new(self.context.from.namespace.clone(), spec.name.clone());
        let port = spec.port.as_ref();
        let number = port.and_then(|port| port.number).filter(|number| *number != 0);
        let name = port.and_then(|port| port.name.clone()).filter(|name| !name.is_empty());
        let port = match (number.map(u16::try_from), name) {
            (Some(Ok(number)), None) => Port::Number(number),
            (None, Some(name)) => Port::Name(name),
            _ => {
                self.result.problems.spec(
                    &format!("{field}.service.port"),
                    "exactly one of number (1 to 65535) and name must be set",
                );
                return self.nowhere();
            }
        };
        self.result.used.note(Kind::Service, &service);
        // A port by name and the same by number are one pool, as far as the Service is known.
        let known = self.context.objects.services.get(&service);
        let number =
            known.and_then(|service| port_of(service, &port).ok()).map(|(_, number, _)| number);
        let port = number.map_or(port, Port::Number);
        let port = ServicePort { service, port };
        let name = port.pool_name();
        self.result.ports.insert(port);
        name
    }

    fn pool(&mut self, name: &str, field: &str) -> PoolName {
        let key = ObjectKey::new(self.context.from.namespace.clone(), name);
        self.result.used.note(Kind::BackendPool, &key);
        let pool = PoolName::new(&key.namespace, &key.name);
        let why = match self.context.objects.backend_pools.get(&key) {
            None => Some(format!("there is no BackendPool {key}")),
            Some(pool) if pool.spec.backends.is_none() => {
                Some(format!("BackendPool {key} has no backends: it is settings for others"))
            }
            Some(_) => None,
        };
        if let Some(why) = why {
            let field = format!("{field}.resource");
            self.result.problems.reference(ConditionReason::BackendNotFound, &field, why);
        }
        self.result.pools.insert(key);
        pool
    }
}
