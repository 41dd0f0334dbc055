//! Backends: from references to endpoints.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::{Endpoint as SliceEndpoint, EndpointSlice};

use super::app_protocol::{self, Speech};
use super::policy::Policies;
use super::problems::Problems;
use super::refused::refusal;
use super::slices::Slices;
use super::unit::{Port, Used};
use super::{Options, grants};
use crate::api::backend_pool::{Backend as BackendSpec, ServiceRef, StaticEndpoint};
use crate::api::{ConditionReason, Kind, ObjectKey, Objects};
use crate::model::{Backend, Endpoint, Hostname, Protocol, Readiness, RegionName};

/// Context is what backends are looked up in.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) objects: &'a Objects,
    pub(super) slices: &'a Slices,
    pub(super) options: &'a Options,
    pub(super) policies: &'a Policies,
    pub(super) speech: Speech,
    /// The object that refers to others: a pool, an Ingress, or the Service itself.
    pub(super) from: &'a ObjectKey,
}

/// Translates the backends of a pool.
pub(super) fn translate(
    context: Context<'_>,
    specs: &[BackendSpec],
    used: &mut Used,
    problems: &mut Problems,
) -> Vec<Backend> {
    let mut first = BTreeMap::new();
    specs
        .iter()
        .enumerate()
        .filter_map(|(index, spec)| {
            let field = format!("spec.backends[{index}]");
            if let Some(first) = identity(context, spec).and_then(|id| seen(&mut first, id, index)) {
                let what = format_args!(
                    "is what spec.backends[{first}] is: leave one out, and give the other the weight \
                     of both"
                );
                problems.spec(&field, what);
                return None;
            }
            let (origin, is_service, (protocol, endpoints)) = match (&spec.service, &spec.endpoint)
            {
                (Some(service), None) => {
                    let field = format!("{field}.service");
                    let (origin, found) = of_ref(context, service, &field, used, problems);
                    (origin, true, found)
                }
                (None, Some(endpoint)) => {
                    let field = format!("{field}.endpoint");
                    let endpoint = of_address(context, endpoint, &field, problems);
                    let found = (Protocol::default(), endpoint.into_iter().collect());
                    ("endpoint".into(), false, found)
                }
                _ => {
                    problems.spec(&field, "exactly one of service and endpoint must be set");
                    return None;
                }
            };
            Some(Backend {
                origin,
                is_service,
                weight: u32::try_from(spec.weight).unwrap_or(0),
                tier: u8::try_from(spec.tier).unwrap_or(0),
                protocol,
                endpoints,
            })
        })
        .collect()
}

/// Says what a backend is, however it is written.
fn identity(context: Context<'_>, spec: &BackendSpec) -> Option<(String, String, i32)> {
    if let Some(StaticEndpoint { address, port, .. }) = &spec.endpoint {
        let address = address.parse::<IpAddr>().ok()?.to_canonical();
        return Some((String::new(), address.to_string(), *port));
    }
    let ServiceRef { name, namespace, port } = spec.service.as_ref()?;
    let namespace = namespace.as_ref().unwrap_or(&context.from.namespace);
    Some((namespace.clone(), name.clone(), *port))
}

/// Returns where a thing was seen before.
fn seen<T: Ord>(first: &mut BTreeMap<T, usize>, thing: T, index: usize) -> Option<usize> {
    let first = *first.entry(thing).or_insert(index);
    (first != index).then_some(first)
}

fn of_address(
    context: Context<'_>,
    spec: &StaticEndpoint,
    field: &str,
    problems: &mut Problems,
) -> Option<Endpoint> {
    let Ok(address) = spec.address.parse::<IpAddr>() else {
        problems.spec(
            &format!("{field}.address"),
            format_args!("{:?} is not an address: write IPv4 or IPv6", spec.address),
        );
        return None;
    };
    let port = problems.take(&format!("{field}.port"), u16::try_from(spec.port))?;
    let socket = SocketAddr::new(address.to_canonical(), port);
    if let Some(why) = refusal(socket, context.options) {
        problems.reference(
            ConditionReason::UnsafeAddress,
            &format!("{field}.address"),
            format_args!("{address} is {why}, which is never dialled: use the address of a host"),
        );
        return None;
    }
    Some(Endpoint {
        address: socket,
        zone: spec.zone.as_deref().map(Into::into),
        region: spec.region.as_deref().map(|region| RegionName(region.into())),
        readiness: Readiness::Ready,
    })
}

fn of_ref(
    context: Context<'_>,
    spec: &ServiceRef,
    field: &str,
    used: &mut Used,
    problems: &mut Problems,
) -> (Arc<str>, Found) {
    let namespace = spec.namespace.as_ref().unwrap_or(&context.from.namespace);
    let key = ObjectKey::new(namespace.clone(), spec.name.clone());
    let origin: Arc<str> = format!("{key}:{}", spec.port).into();
    used.other_namespaces |= key.namespace != context.from.namespace;
    if !grants::allows(context.objects, context.from, Kind::Service, &key) {
        used.note(Kind::Service, &key);
        problems.reference(
            ConditionReason::RefNotPermitted,
            field,
            format_args!(
                "Service {key} is in another namespace: it needs a ReferenceGrant in {namespace} \
                 from BackendPool in {} to Service",
                context.from.namespace
            ),
        );
        return (origin, Found::default());
    }
    let port = Port::Number(u16::try_from(spec.port).unwrap_or(0));
    (origin, of_service(context, &key, &port, field, used, problems))
}

/// Found is what the endpoints of a port speak, and the endpoints.
type Found = (Protocol, Vec<Endpoint>);

/// Returns the endpoints of a port of a Service.
pub(super) fn of_service(
    context: Context<'_>,
    key: &ObjectKey,
    port: &Port,
    field: &str,
    used: &mut Used,
    problems: &mut Problems,
) -> Found {
    used.note(Kind::Service, key);
    used.note(Kind::EndpointSlice, key);
    let Some(service) = context.objects.services.get(key) else {
        let what = match context.objects.invalid.get(&(Kind::Service, key.clone())) {
            Some(invalid) => format!("Service {key} cannot be read: {}", invalid.message),
            None => format!("there is no Service {key}"),
        };
        problems.reference(ConditionReason::BackendNotFound, field, what);
        return Found::default();
    };
    let (port_name, port, spoken) = match port_of(service, port) {
        Ok(found) => found,
        Err(why) => {
            problems.reference(
                ConditionReason::BackendNotFound,
                field,
                format_args!("Service {key} {why}"),
            );
            return Found::default();
        }
    };
    let mut said = spoken;
    let mut found = BTreeMap::new();
    if is_alias(service) {
        of_alias(context, (key, service), port, field, (&mut found, used, problems));
        leave_out_refused(context, key, field, &mut found, problems);
        return spoken_to(context, (key, said), field, found, problems);
    }
    for slice in context.slices.of_service(context.objects, key) {
        if !matches!(slice.address_type.as_str(), "IPv4" | "IPv6") {
            let name = slice.metadata.name.as_deref().unwrap_or_default();
            let kind = &slice.address_type;
            problems.notes.push(format!(
                "EndpointSlice {name} is left out: its addresses are of type {kind}"
            ));
            continue;
        }
        let of_slice = of_slice(context, slice, port_name, &mut found, used);
        // A Service without a selector may leave it to whoever writes its slices.
        said = said.or(of_slice);
    }
    leave_out_refused(context, key, field, &mut found, problems);
    spoken_to(context, (key, said), field, found, problems)
}

/// Returns what the endpoints speak, and those that can be spoken to.
fn spoken_to(
    context: Context<'_>,
    said: (&ObjectKey, Option<&str>),
    field: &str,
    found: BTreeMap<SocketAddr, Endpoint>,
    problems: &mut Problems,
) -> Found {
    match app_protocol::spoken(context, said, field, problems) {
        Some(protocol) => (protocol, found.into_values().collect()),
        None => Found::default(),
    }
}

/// Leaves out addresses that are never dialled, and says so.
fn leave_out_refused(
    context: Context<'_>,
    key: &ObjectKey,
    field: &str,
    found: &mut BTreeMap<SocketAddr, Endpoint>,
    problems: &mut Problems,
) {
    let mut refused = Vec::new();
    found.retain(|address, _| {
        let refusal = refusal(*address, context.options);
        refused.extend(refusal.map(|why| format!("{} is {why}", address.ip())));
        refusal.is_none()
    });
    if !refused.is_empty() {
        problems.reference(
            ConditionReason::UnsafeAddress,
            field,
            format_args!("Service {key}: {}, which is never dialled", refused.join(", ")),
        );
    }
}

/// Returns whether a Service is an alias for a name elsewhere.
fn is_alias(service: &Service) -> bool {
    let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    kind == Some("ExternalName")
}

/// Finds the addresses of the name that a Service is an alias for.
/// Source: Kubernetes ServiceSpec.externalName.
fn of_alias(
    context: Context<'_>,
    (key, service): (&ObjectKey, &Service),
    port: u16,
    field: &str,
    (found, used, problems): (&mut BTreeMap<SocketAddr, Endpoint>, &mut Used, &mut Problems),
) {
    let name = service.spec.as_ref().and_then(|spec| spec.external_name.as_deref());
    let name = name.unwrap_or_default();
    let mut wrong = |why: &str| {
        let reason = ConditionReason::BackendNotFound;
        problems.reference(reason, field, format_args!("Service {key} leads to {name:?}: {why}"));
    };
    let addresses = if let Ok(address) = name.parse::<IpAddr>() {
        vec![address]
    } else {
        let hostname = Hostname::parse(name).ok().filter(|name| name.wildcard_suffix().is_none());
        let Some(hostname) = hostname else {
            return wrong("it is no name: write for instance db.example.com");
        };
        let name = ObjectKey::new("", hostname.as_str());
        used.note(Kind::DnsRecord, &name);
        // Until there is an answer there is nothing to say.
        let Some(record) = context.objects.dns_records.get(&name) else { return };
        if let Some(trouble) = &record.trouble {
            wrong(trouble);
        }
        record.addresses.clone()
    };
    for address in addresses {
        let address = SocketAddr::new(address.to_canonical(), port);
        let endpoint = Endpoint { address, zone: None, region: None, readiness: Readiness::Ready };
        found.insert(address, endpoint);
    }
}

/// Returns name, number and application protocol of a port; the name is empty where a Service has
/// one port.
pub(super) fn port_of<'a>(
    service: &'a Service,
    port: &Port,
) -> Result<(&'a str, u16, Option<&'a str>), String> {
    let spec = service.spec.as_ref();
    let ports = spec.and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let is_tcp = |protocol: &Option<String>| protocol.as_deref().is_none_or(|name| name == "TCP");
    // HTTP/3 has made it common that one number is there for UDP and for TCP.
    let mut same = ports.iter().filter(|one| match port {
        Port::Number(number) => one.port == i32::from(*number),
        Port::Name(name) => one.name.as_deref().unwrap_or_default() == name,
    });
    let tcp = same.clone().find(|one| is_tcp(&one.protocol));
    let quoted = match port {
        Port::Number(number) => number.to_string(),
        Port::Name(name) => format!("{name:?}"),
    };
    let alias = match port {
        Port::Number(number) if is_alias(service) => Some(*number),
        _ => None,
    };
    match tcp.or_else(|| same.next()) {
        Some(one) if is_tcp(&one.protocol) => Ok((
            one.name.as_deref().unwrap_or_default(),
            u16::try_from(one.port).unwrap_or(0),
            one.app_protocol.as_deref(),
        )),
        Some(_) => Err(format!("has port {quoted}, but not for TCP")),
        // Its ports are not those of anything in the cluster, and it needs to list none.
        None if alias.is_some() => Ok(("", alias.unwrap_or_default(), None)),
        None => {
            let there = ports.iter().map(|one| match port {
                Port::Number(_) => one.port.to_string(),
                Port::Name(_) => format!("{:?}", one.name.as_deref().unwrap_or_default()),
            });
            let there = there.collect::<Vec<_>>().join(", ");
            let there = if there.is_empty() { "none" } else { &there };
            Err(format!("has no port {quoted}; it has {there}"))
        }
    }
}

/// Adds the endpoints of a slice, and returns the application protocol of their port.
fn of_slice<'a>(
    context: Context<'_>,
    slice: &'a EndpointSlice,
    port_name: &str,
    found: &mut BTreeMap<SocketAddr, Endpoint>,
    used: &mut Used,
) -> Option<&'a str> {
    let port = slice.ports.iter().flatten().find(|port| {
        port.name.as_deref().unwrap_or_default() == port_name
            && port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP")
    });
    let app_protocol = port?.app_protocol.as_deref();
    let port = u16::try_from(port?.port?).ok()?;
    for endpoint in &slice.endpoints {
        let Some(readiness) = readiness(endpoint) else { continue };
        // All addresses of one endpoint are the same pod: the first counts.
        let address = endpoint.addresses.first().and_then(|text| text.parse::<IpAddr>().ok());
        let Some(address) = address else { continue };
        let address = SocketAddr::new(address.to_canonical(), port);
        let node = endpoint.node_name.as_ref().and_then(|name| {
            let key = ObjectKey::new("", name.clone());
            let node = context.objects.nodes.get(&key);
            used.note(Kind::Node, &key);
            node
        });
        let zone = endpoint.zone.as_deref().or_else(|| label(node, "topology.kubernetes.io/zone"));
        let region = label(node, "topology.kubernetes.io/region");
        let new = Endpoint {
            address,
            zone: zone.map(Into::into),
            region: region.map(|region| RegionName(region.into())),
            readiness,
        };
        found
            .entry(address)
            .and_modify(|old| old.readiness = old.readiness.min(readiness))
            .or_insert(new);
    }
    app_protocol
}

/// Returns how an endpoint may be used, or nothing where it may not. An absent `ready` is ready,
/// and an absent `serving` is what `ready` is.
/// Source: Kubernetes EndpointSlice EndpointConditions.
fn readiness(endpoint: &SliceEndpoint) -> Option<Readiness> {
    let conditions = endpoint.conditions.as_ref();
    let ready = conditions.and_then(|c| c.ready).unwrap_or(true);
    let serving = conditions.and_then(|c| c.serving).unwrap_or(ready);
    let terminating = conditions.and_then(|c| c.terminating).unwrap_or(false);
    match (ready, serving && terminating) {
        // Also where it is terminating: a Service with publishNotReadyAddresses wants it so.
        (true, _) => Some(Readiness::Ready),
        (false, true) => Some(Readiness::Terminating),
        (false, false) => None,
    }
}

fn label<'a>(node: Option<&'a Arc<Node>>, name: &str) -> Option<&'a str> {
    node?.metadata.labels.as_ref()?.get(name).map(String::as_str)
}
