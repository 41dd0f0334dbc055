//! What the API server would refuse of the kinds that are not ours. What is right of such an object
//! is of use still, and what is wrong is taken out of it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::problem::{FieldPath, MAX_PROBLEMS, MORE, Problem, shortened};
use crate::api::Object;

/// Returns what is right of an object, and what is wrong.
pub(super) fn apart(object: Object) -> (Object, Vec<Problem>) {
    let mut flaws = Flaws::default();
    let object = match object {
        Object::EndpointSlice(slice) => {
            let mut slice = Arc::unwrap_or_clone(slice);
            of_slice(&mut slice, &mut flaws);
            Object::EndpointSlice(Arc::new(slice))
        }
        Object::Service(service) => {
            let mut service = Arc::unwrap_or_clone(service);
            of_service(&mut service, &mut flaws);
            Object::Service(Arc::new(service))
        }
        Object::Secret(secret) => {
            of_secret(&secret, &mut flaws);
            Object::Secret(secret)
        }
        other => other,
    };
    (object, flaws.0)
}

#[derive(Default)]
struct Flaws(Vec<Problem>);

impl Flaws {
    /// Notes a flaw, up to a bound.
    fn add(&mut self, path: &str, message: impl Into<String>) {
        match self.0.len() {
            count if count < MAX_PROBLEMS => {
                self.0.push(Problem::new(FieldPath::parse(path), message));
            }
            MAX_PROBLEMS => self.0.push(Problem::at(&[], MORE)),
            _ => {}
        }
    }

    /// Returns whether a number is that of a port, and notes where it is not.
    fn is_port(&mut self, path: &str, port: i32) -> bool {
        let is_port = (1..=65_535).contains(&port);
        if !is_port {
            self.add(path, format!("must be 1 to 65535, not {port}"));
        }
        is_port
    }
}

/// Source: Kubernetes EndpointSlice.addressType, Endpoint.addresses, EndpointPort.
fn of_slice(slice: &mut EndpointSlice, flaws: &mut Flaws) {
    let kind = slice.address_type.clone();
    let is_right = |address: &str| match kind.as_str() {
        "IPv4" => address.parse::<Ipv4Addr>().is_ok(),
        "IPv6" => address.parse::<Ipv6Addr>().is_ok(),
        // None of them is dialled.
        _ => true,
    };
    if !["IPv4", "IPv6", "FQDN"].contains(&kind.as_str()) {
        flaws.add(
            "addressType",
            format!(
                "must be IPv4 or IPv6, not {:?}: none of its endpoints is used",
                shortened(&kind)
            ),
        );
    }
    for (index, endpoint) in slice.endpoints.iter_mut().enumerate() {
        let mut position = 0..;
        endpoint.addresses.retain(|address| {
            let position = position.next().unwrap_or(0);
            let is_right = is_right(address);
            if !is_right {
                let path = format!("endpoints[{index}].addresses[{position}]");
                let address = shortened(address);
                let what =
                    format!("must be an {kind} address, as addressType says, not {address:?}");
                flaws.add(&path, what);
            }
            is_right
        });
    }
    let Some(ports) = &mut slice.ports else { return };
    let mut position = 0..;
    ports.retain(|port| {
        let path = format!("ports[{}].port", position.next().unwrap_or(0));
        port.port.is_none_or(|port| flaws.is_port(&path, port))
    });
}

/// Source: Kubernetes ServicePort.
fn of_service(service: &mut Service, flaws: &mut Flaws) {
    let Some(ports) = service.spec.as_mut().and_then(|spec| spec.ports.as_mut()) else { return };
    let is_one = ports.len() == 1;
    let mut first = BTreeMap::new();
    let mut position = 0..;
    ports.retain(|port| {
        let position = position.next().unwrap_or(0);
        let path = format!("spec.ports[{position}]");
        let name = port.name.clone().unwrap_or_default();
        if name.is_empty() && !is_one {
            let what = "is required where there are several ports: name each, as its endpoints do";
            flaws.add(&format!("{path}.name"), what);
        }
        let is_port = flaws.is_port(&format!("{path}.port"), port.port);
        // Its endpoints are found by this name.
        let holder = *first.entry(name.clone()).or_insert(position);
        if holder != position && !name.is_empty() {
            let name = shortened(&name);
            let what = format!("{name:?} is the name of spec.ports[{holder}]: write another");
            flaws.add(&format!("{path}.name"), what);
        }
        is_port && holder == position
    });
}

/// Says nothing of what is in it. Source: Kubernetes, Secrets of type kubernetes.io/tls.
fn of_secret(secret: &Secret, flaws: &mut Flaws) {
    if secret.type_.as_deref() != Some("kubernetes.io/tls") {
        return;
    }
    let parts = [("tls.crt", "CERTIFICATE", "a chain"), ("tls.key", "PRIVATE KEY", "a key")];
    for (name, block, what) in parts {
        let data = secret.data.as_ref().and_then(|data| data.get(name));
        let data = data.map(|data| String::from_utf8_lossy(&data.0));
        let why = match data {
            None => "is required of the type kubernetes.io/tls",
            Some(text) if !text.contains(&format!("{block}-----")) => "holds none",
            Some(_) => continue,
        };
        flaws.0.push(Problem::at(
            &["data", name],
            format!("{why}: write {what} in PEM, as -----BEGIN {block}-----"),
        ));
    }
}
