//! Many changes of the configuration, under a load that goes through what changes.

use std::fmt::Write as _;

use crate::rig::{HTTP, Rig, until};
use crate::traffic::{Load, NAMESPACE, patch_pool, ready};

/// A host of an Ingress, which gets a part of the load in the clear and by TLS.
const HOST: &str = "web.example.com";

pub fn hundred_changes(rig: &Rig) {
    let authority = ready(rig);
    let secret = |name: &str, host: &str, number| {
        rig.apply(&authority.secret_for(NAMESPACE, name, host, number));
    };
    secret("web-tls", HOST, 1);
    rig.apply(&web(0));
    // A Secret is read once something refers to it, by each replica for itself.
    until("answers, by TLS too", || Load::try_a_moment(rig, &authority, HOST));
    let more = format!("host=shop.example.com,{HOST}");
    let name = "100 changes of pools, Ingresses and Secrets";
    let load = Load::start(rig, name, &authority, &more);
    for number in 0..100 {
        match number % 10 {
            0 => rig.apply(&authority.secret(NAMESPACE, "shop")),
            1 => {
                let algorithm = ["RoundRobin", "LeastRequest", "PeakEwma"][number / 10 % 3];
                patch_pool(
                    rig,
                    &format!(r#"{{"spec":{{"loadBalancing":{{"algorithm":"{algorithm}"}}}}}}"#),
                );
            }
            2 => rig.apply(&other_pool(number)),
            3 => patch_pool(
                rig,
                &format!(r#"{{"spec":{{"timeouts":{{"connect":"{}s"}}}}}}"#, 2 + number % 5),
            ),
            4 => rig.apply(&web(number)),
            5 => secret("web-tls", HOST, number as u64),
            6 => rig.apply(&side(number)),
            7 => rig.apply(&foreign(number)),
            8 => rig.apply(&for_the_rest(number)),
            // The next one's certificate comes late.
            _ => secret(&format!("side-{}", number - 3), &side_host(number - 3), 1),
        }
    }
    until("the last Ingress", || is_served(rig, &side_host(96)));
    until("the default backend", || is_served(rig, "nobody.example.org"));
    rig.kubectl(&format!("delete -n {NAMESPACE} ingress/side-6 ingress/side-16 ingress/rest"));
    until("the end of the default backend", || !is_served(rig, "nobody.example.org"));
    load.end();
    rig.kubectl(&format!("delete -n {NAMESPACE} ingress --all"));
    rig.kubectl("delete ingressclass -l weir.dev/test=foreign");
}

fn is_served(rig: &Rig, host: &str) -> bool {
    rig.fetch(HTTP, host, "/").is_ok_and(|(status, _)| status == 200)
}

/// Returns a pool with another host, to the same backends.
fn other_pool(number: usize) -> String {
    format!(
        "---
apiVersion: weir.dev/v1alpha1
kind: BackendPool
metadata: {{ name: other-{number}, namespace: {NAMESPACE} }}
spec:
  routes: [{{ hostnames: [other-{number}.example.com] }}]
  backends: [{{ service: {{ name: shop, port: 80 }} }}]
"
    )
}

fn side_host(number: usize) -> String {
    format!("side-{number}.example.com")
}

const BACKEND: &str = "{ service: { name: shop, port: { name: http } } }";

/// Returns an Ingress of some class.
pub fn ingress(name: &str, class: &str, rest: &str) -> String {
    format!(
        "---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{ name: {name}, namespace: {NAMESPACE} }}
spec:
  ingressClassName: {class}
{rest}"
    )
}

fn rule(host: &str, path: &str, kind: &str) -> String {
    let path = format!("{{ path: {path}, pathType: {kind}, backend: {BACKEND} }}");
    format!("    - {{ host: {host}, http: {{ paths: [{path}] }} }}\n")
}

/// Returns the Ingress that is under load, with more paths and hosts beside, in turn.
fn web(number: usize) -> String {
    let mut rest = format!("  tls: [{{ hosts: [{HOST}], secretName: web-tls }}]\n  rules:\n");
    rest += &rule(HOST, "/", "Prefix");
    for more in 0..number / 10 % 4 {
        let kind = ["Exact", "Prefix", "ImplementationSpecific"][more % 3];
        rest += &rule(HOST, &format!("/more-{more}"), kind);
        rest += &rule(&format!("'*.web-{number}-{more}.example.com'"), "/", kind);
    }
    ingress("web", "weir", &rest)
}

/// Returns an Ingress that comes beside, whose certificate is not there yet.
fn side(number: usize) -> String {
    let host = side_host(number);
    let mut rest = format!("  tls: [{{ hosts: [{host}], secretName: side-{number} }}]\n  rules:\n");
    rest += &rule(&host, "/", "Prefix");
    ingress(&format!("side-{number}"), "weir", &rest)
}

/// Returns an Ingress of somebody else's class that claims the host under load, and the class.
fn foreign(number: usize) -> String {
    let mut text = format!(
        "---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {{ name: foreign-{number}, labels: {{ weir.dev/test: foreign }} }}
spec: {{ controller: example.com/other }}
"
    );
    let rest =
        String::from("  rules:\n") + &rule(HOST, "/", "Exact").replace("name: shop", "name: none");
    let _ = write!(text, "{}", ingress("foreign", &format!("foreign-{number}"), &rest));
    text
}

/// Returns the Ingress for what no other one is for.
fn for_the_rest(number: usize) -> String {
    let port = if (number / 10).is_multiple_of(2) { "name: http" } else { "number: 80" };
    let backend =
        format!("  defaultBackend: {{ service: {{ name: shop, port: {{ {port} }} }} }}\n");
    ingress("rest", "weir", &backend)
}
