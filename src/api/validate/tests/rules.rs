//! Every CEL rule of the CRD, both ways.

use super::*;
use crate::api::backend_pool_crd;

const BACKENDS: &str = "backends: [{service: {name: a, port: 80}}]";

/// A spec that breaks a rule, where, what is said, and a spec that keeps it.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "backends: [{weight: 1}]",
        "spec.backends[0]",
        "exactly one of service and endpoint must be set",
        "backends: [{endpoint: {address: '::1', port: 1}}]",
    ),
    (
        "backends: [{service: {name: a, port: 80}, endpoint: {address: 127.0.0.1, port: 1}}]",
        "spec.backends[0]",
        "exactly one of service and endpoint must be set",
        "backends: [{service: {name: a, port: 80}}]",
    ),
    (
        "backends: [{service: {name: a, port: 80}, weight: 0}]",
        "spec",
        "at least one backend needs a weight above 0",
        "backends: [{service: {name: a, port: 80}, weight: 0}, {service: {name: b, port: 80}}]",
    ),
    (
        "{tls: {certificateRefs: [{name: a}, {name: b}]}, routes: [{}]}",
        "spec",
        "tls without hostnames takes exactly one certificateRef: it becomes the default certificate",
        "{tls: {certificateRefs: [{name: a}, {name: b}]}, routes: [{hostnames: [a.example]}]}",
    ),
    (
        "loadBalancing: {algorithm: Maglev}",
        "spec",
        "loadBalancing.hashOn is required for the algorithms RingHash and Maglev: say what to hash, \
         e.g. [{clientAddress: true}]",
        "loadBalancing: {algorithm: Maglev, hashOn: [{clientAddress: true}]}",
    ),
    (
        "loadBalancing: {hashOn: [{path: true}]}",
        "spec",
        "loadBalancing.hashOn is only used by the algorithms RingHash and Maglev",
        "loadBalancing: {algorithm: RingHash, hashOn: [{path: true}]}",
    ),
    (
        "loadBalancing: {algorithm: RingHash, hashOn: [{header: a, cookie: b}]}",
        "spec.loadBalancing.hashOn[0]",
        "exactly one of header, cookie, queryParam, clientAddress and path must be set",
        "loadBalancing: {algorithm: RingHash, hashOn: [{header: a}, {cookie: b}]}",
    ),
    (
        "loadBalancing: {algorithm: RingHash, hashOn: [{path: false}]}",
        "spec.loadBalancing.hashOn[0]",
        "clientAddress and path take only the value true: leave the field out instead",
        "loadBalancing: {algorithm: RingHash, hashOn: [{queryParam: q}]}",
    ),
    (
        "loadBalancing: {locality: {prefer: ClientRegion}}",
        "spec.loadBalancing.locality",
        "locality.regions is required when prefer is ClientRegion: say where each region is and \
         whose clients belong to it",
        "loadBalancing: {locality: {prefer: ClientRegion, regions: \
         [{name: a, location: {latitude: 1.5, longitude: -2}}]}}",
    ),
    (
        "loadBalancing: {locality: {prefer: Zone, regions: \
         [{name: a, location: {latitude: 1, longitude: 2}}]}}",
        "spec.loadBalancing.locality",
        "locality.regions is only used when prefer is ClientRegion",
        "loadBalancing: {locality: {prefer: Zone}}",
    ),
    (
        "healthCheck: {http: {}, tcp: {}}",
        "spec.healthCheck",
        "exactly one of http, tcp and grpc must be set",
        "healthCheck: {grpc: {}}",
    ),
    (
        "healthCheck: {tcp: {}, timeout: 1m1s}",
        "spec.healthCheck",
        "healthCheck.timeout must not be longer than healthCheck.interval",
        "healthCheck: {tcp: {}, timeout: 500ms, interval: 500ms}",
    ),
    (
        "healthCheck: {http: {expectedStatuses: [{start: 300, end: 299}]}}",
        "spec.healthCheck.http.expectedStatuses[0]",
        "start must not be above end",
        "healthCheck: {http: {expectedStatuses: [{start: 299, end: 299}]}}",
    ),
    (
        "limits: {queueTimeout: 1s}",
        "spec.limits",
        "limits.queueTimeout needs limits.maxPending: without a queue nothing waits",
        "limits: {queueTimeout: 1s, maxPending: 1, maxRequests: 1}",
    ),
    (
        "limits: {maxPending: 5}",
        "spec.limits",
        "limits.maxPending needs limits.maxRequests or limits.perEndpoint.maxRequests: without it \
         nothing has to wait",
        "limits: {maxPending: 5, perEndpoint: {maxRequests: 2}}",
    ),
    (
        "routes: [{matches: [{path: {value: a}}]}]",
        "spec.routes[0].matches[0].path",
        "path.value must start with / for the types Exact and PathPrefix",
        "routes: [{matches: [{path: {type: RegularExpression, value: a}}]}]",
    ),
    (
        "routes: [{matches: [{path: {value: /a/../b}}]}]",
        "spec.routes[0].matches[0].path",
        "path.value must be a normal form: no //, /./ or /../, as no request has them after \
         normalisation",
        "routes: [{matches: [{path: {value: /a/..b}}]}]",
    ),
    (
        "routes: [{matches: [{path: {type: Exact, value: '/a?b'}}]}]",
        "spec.routes[0].matches[0].path",
        "path.value must not hold a query (?) or a fragment (#): use queryParams",
        "routes: [{matches: [{path: {type: RegularExpression, value: '/a?b'}}]}]",
    ),
    (
        "routes: [{timeouts: {request: 1s, backendRequest: 1500ms}}]",
        "spec.routes[0].timeouts",
        "timeouts.backendRequest must not be longer than timeouts.request",
        "routes: [{timeouts: {request: 0s, backendRequest: 1m}}]",
    ),
];

fn whole(spec: &str) -> String {
    let inner = spec.strip_prefix('{').and_then(|s| s.strip_suffix('}')).unwrap_or(spec);
    if inner.starts_with("backends") {
        inner.to_owned()
    } else {
        format!("{{{inner}, {BACKENDS}}}")
    }
}

#[test]
fn a_broken_rule_is_refused_at_its_field_with_its_message() {
    for (bad, path, message, _) in CASES {
        assert_eq!(problems(&whole(bad)), [format!("{path}: {message}")], "{bad}");
    }
}

#[test]
fn a_kept_rule_is_accepted() {
    for (_, _, _, good) in CASES {
        assert_eq!(problems(&whole(good)), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn every_rule_of_the_crd_has_a_case() {
    fn messages(node: &serde_json::Value, found: &mut Vec<String>) {
        let rules = node.get("x-kubernetes-validations").and_then(|rules| rules.as_array());
        for rule in rules.into_iter().flatten() {
            found.push(rule["message"].as_str().unwrap().to_owned());
        }
        let children = node.as_object().into_iter().flat_map(|o| o.values());
        children.chain(node.as_array().into_iter().flatten()).for_each(|n| messages(n, found));
    }
    let mut rules = Vec::new();
    messages(&serde_json::to_value(backend_pool_crd()).unwrap(), &mut rules);
    assert!(rules.len() >= 15, "{}", rules.len());
    for rule in rules {
        assert!(CASES.iter().any(|(_, _, message, _)| *message == rule), "no case for {rule:?}");
    }
}

#[test]
fn several_broken_rules_are_all_said() {
    let said = problems(&whole("limits: {maxPending: 5}, healthCheck: {http: {}, tcp: {}}"));
    assert_eq!(said.len(), 2, "{said:?}");
}

#[test]
fn a_field_that_is_not_known_hides_no_broken_rule() {
    let said = problems("{backends: [{weight: 1}], algorythm: x}");
    assert_eq!(said.len(), 2, "{said:?}");
}
