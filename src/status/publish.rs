//! Where clients reach Weir, as the status of Ingresses says it.

use std::net::IpAddr;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::IngressLoadBalancerIngress as Address;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::api::ObjectKey;

/// Addresses is where clients reach Weir; nothing while that is not known.
pub type Addresses = Option<Vec<Address>>;

/// Seconds after which a silent watch is taken up anew.
const WATCH_SECONDS: u32 = 55;
/// Without a word of the Service for this long, somebody should know why.
const PATIENCE: Duration = Duration::from_secs(10);

/// Returns an address as the status of an Ingress writes it: an IP address, or else a hostname.
pub fn address(text: &str) -> Address {
    match text.parse::<IpAddr>() {
        Ok(ip) => Address { ip: Some(ip.to_string()), ..Address::default() },
        Err(_) => Address { hostname: Some(text.to_owned()), ..Address::default() },
    }
}

/// Returns where a Service is reached: what its load balancer has, else its external addresses,
/// else, where it has no load balancer, those in the cluster.
pub fn addresses_of(service: &Service) -> Vec<Address> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let kind = spec.type_.as_deref().unwrap_or("ClusterIP");
    if kind == "ExternalName" {
        return spec.external_name.iter().map(|name| address(name)).collect();
    }
    let balancer = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let entries = balancer.and_then(|balancer| balancer.ingress.as_ref());
    let mut found: Vec<Address> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ip.as_ref().or(entry.hostname.as_ref()))
        .map(|text| address(text))
        .collect();
    if found.is_empty() {
        found = spec.external_ips.iter().flatten().map(|text| address(text)).collect();
    }
    if found.is_empty() && kind != "LoadBalancer" {
        let own = spec.cluster_ips.iter().flatten().chain(spec.cluster_ip.iter());
        found = own.filter(|ip| *ip != "None" && !ip.is_empty()).map(|ip| address(ip)).collect();
    }
    found.sort_by(|a, b| (&a.ip, &a.hostname).cmp(&(&b.ip, &b.hostname)));
    found.dedup();
    found
}

/// Follows a Service until nobody listens any more.
pub async fn follow(client: Client, key: ObjectKey, addresses: watch::Sender<Addresses>) {
    let api: Api<Service> = Api::namespaced(client, &key.namespace);
    let fields = format!("metadata.name={}", key.name);
    let config = watcher::Config::default().timeout(WATCH_SECONDS).fields(&fields);
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    let mut listed = None;
    let mut was_warned = false;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = addresses.closed() => return,
            () = tokio::time::sleep(PATIENCE), if addresses.borrow().is_none() && !was_warned => {
                was_warned = true;
                warn!(service = %key, "no word of the Service whose addresses Ingresses get: their \
                    status stays as it is");
                continue;
            }
        };
        let now = match event {
            None => return,
            Some(Err(error)) => {
                debug!(service = %key, "the published Service cannot be watched now: {error}");
                continue;
            }
            Some(Ok(Event::Init)) => {
                listed = None;
                continue;
            }
            Some(Ok(Event::InitApply(service))) => {
                listed = Some(addresses_of(&service));
                continue;
            }
            Some(Ok(Event::InitDone)) => listed.take().unwrap_or_default(),
            Some(Ok(Event::Apply(service))) => addresses_of(&service),
            Some(Ok(Event::Delete(_))) => Vec::new(),
        };
        let now = Some(now);
        addresses.send_if_modified(|before| {
            let is_new = *before != now;
            if is_new {
                info!(service = %key, addresses = ?said(now.as_deref()), "Ingresses are served at");
                *before = now;
            }
            is_new
        });
    }
}

fn said(addresses: Option<&[Address]>) -> Vec<&str> {
    let all = addresses.unwrap_or_default().iter();
    all.filter_map(|address| address.ip.as_deref().or(address.hostname.as_deref())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(spec: &Value, status: &Value) -> Vec<String> {
        let service = json!({ "spec": spec, "status": status });
        let service: Service = serde_json::from_value(service).unwrap();
        said(Some(&addresses_of(&service))).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn the_load_balancer_comes_before_external_addresses_and_those_before_the_clusters() {
        let balancer = json!({ "loadBalancer": { "ingress":
            [{ "hostname": "lb.example.com" }, { "ip": "192.0.2.1" }, { "ip": "192.0.2.1" }] } });
        let spec = json!({ "type": "LoadBalancer", "clusterIP": "10.0.0.1",
            "externalIPs": ["198.51.100.1"] });
        assert_eq!(of(&spec, &balancer), ["lb.example.com", "192.0.2.1"]);
        assert_eq!(of(&spec, &Value::Null), ["198.51.100.1"]);
        let waiting = json!({ "type": "LoadBalancer", "clusterIP": "10.0.0.1" });
        assert!(of(&waiting, &Value::Null).is_empty(), "it waits for its address");
        let inside = json!({ "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"] });
        assert_eq!(of(&inside, &Value::Null), ["10.0.0.1", "fd00::1"]);
        assert!(of(&json!({ "clusterIP": "None" }), &Value::Null).is_empty());
        let elsewhere = json!({ "type": "ExternalName", "externalName": "else.example.com" });
        assert_eq!(of(&elsewhere, &Value::Null), ["else.example.com"]);
    }
}
