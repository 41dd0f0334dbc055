//! Least rights.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cases::{cases, documents, render};
use crate::helm::Helm;

/// No wildcard anywhere, and every verb that writes is one of those that Weir needs.
#[test]
fn it_grants_no_more_than_is_needed() {
    let Some(helm) = Helm::find() else { return };
    let writes = [
        ("weir.dev", "backendpools/status", "patch"),
        ("networking.k8s.io", "ingresses/status", "patch"),
        ("events.k8s.io", "events", "create"),
        ("events.k8s.io", "events", "patch"),
        ("coordination.k8s.io", "leases", "create"),
        ("coordination.k8s.io", "leases", "update"),
    ];
    let expected: BTreeSet<_> =
        writes.map(|(g, r, v)| (g.to_owned(), r.to_owned(), v.to_owned())).into();
    for case in cases().into_iter().filter(|case| case != "minimal") {
        let found: BTreeSet<_> = documents(&render(&helm, &case))
            .iter()
            .flat_map(granted)
            .filter(|(_, _, verb)| !["get", "list", "watch"].contains(&verb.as_str()))
            .collect();
        assert_eq!(found, expected, "{case}");
    }
}

fn granted(document: &Value) -> Vec<(String, String, String)> {
    let strings = |rule: &Value, name: &str| -> Vec<String> {
        let list = rule[name].as_array().cloned().unwrap_or_default();
        list.iter().map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
    };
    let mut all = Vec::new();
    for rule in document["rules"].as_array().into_iter().flatten() {
        for group in strings(rule, "apiGroups") {
            for resource in strings(rule, "resources") {
                for verb in strings(rule, "verbs") {
                    all.push((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    all
}

/// Whoever may only change one namespace can install it.
#[test]
fn without_nodes_a_namespaced_release_has_nothing_outside() {
    let Some(helm) = Helm::find() else { return };
    for document in documents(&render(&helm, "no-cluster-role")) {
        let kind = document["kind"].as_str().unwrap();
        assert_eq!(document["metadata"]["namespace"], "weir-system", "{kind}");
    }
}

/// Where one namespace is watched, nothing of any other can be read.
#[test]
fn who_watches_one_namespace_reads_no_other() {
    let Some(helm) = Helm::find() else { return };
    for case in ["namespaced", "no-cluster-role", "watch-namespace"] {
        let everywhere: BTreeSet<String> = documents(&render(&helm, case))
            .iter()
            .filter(|document| document["kind"] == "ClusterRole")
            .flat_map(granted)
            .map(|(_, resource, _)| resource)
            .collect();
        let harmless = ["ingressclasses", "nodes"].map(str::to_owned).into();
        assert!(everywhere.is_subset(&harmless), "{case}: {everywhere:?}");
    }
}
