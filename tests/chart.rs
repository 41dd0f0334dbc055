//! The chart lints, refuses wrong values, and renders what is kept in `tests/golden/chart`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test")]

#[path = "support/helm.rs"]
mod helm;
#[path = "support/kept.rs"]
mod kept;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use helm::Helm;
use kept::assert_kept;
use serde_json::Value;

const CASES: &str = "tests/golden/chart";

fn cases() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES);
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the cases can be read")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".values.yaml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 3, "found only {names:?}");
    names
}

fn render(helm: &Helm, case: &str) -> String {
    helm.template(&["--values", &format!("{CASES}/{case}.values.yaml")])
        .unwrap_or_else(|error| panic!("{case}: {error}"))
}

fn documents(rendered: &str) -> Vec<Value> {
    rendered
        .split("\n---\n")
        .map(|text| serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}")))
        .filter(|document: &Value| !document.is_null())
        .collect()
}

#[test]
fn it_lints() {
    let Some(helm) = Helm::find() else { return };
    for case in cases() {
        let values = format!("{CASES}/{case}.values.yaml");
        let output = helm.run(&["lint", "--strict", "charts/weir", "--values", &values]);
        assert!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn it_renders_as_kept() {
    let Some(helm) = Helm::find() else { return };
    for case in cases() {
        assert_kept(&format!("{CASES}/{case}.yaml"), &render(&helm, &case));
    }
}

#[test]
fn it_refuses_wrong_values() {
    let Some(helm) = Helm::find() else { return };
    for (wrong, named) in [
        ("replicas=3", "replicas"),
        ("replicaCount=-1", "replicaCount"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("service.type=Ingress", "type"),
        ("service.ports.http=70000", "http"),
        ("drain.delay=5", "delay"),
        ("logs.access=on", "access"),
        ("image.digest=abc", "digest"),
    ] {
        let error = helm.template(&["--set", wrong]).expect_err(wrong);
        assert!(error.contains(named), "{wrong}: {error}");
    }
}

/// No wildcard anywhere, and every verb that writes is one of those that Weir needs.
#[test]
fn it_grants_no_more_than_is_needed() {
    let Some(helm) = Helm::find() else { return };
    let writes = [
        ("weir.dev", "backendpools/status", "patch"),
        ("events.k8s.io", "events", "create"),
        ("events.k8s.io", "events", "patch"),
        ("coordination.k8s.io", "leases", "create"),
        ("coordination.k8s.io", "leases", "update"),
    ];
    let expected: BTreeSet<_> =
        writes.map(|(g, r, v)| (g.to_owned(), r.to_owned(), v.to_owned())).into();
    for case in cases() {
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

/// What the restricted Pod Security Standard asks, and that an upgrade never takes a pod away
/// before its replacement is ready.
#[test]
fn its_pods_are_restricted_and_replaced_one_by_one() {
    let Some(helm) = Helm::find() else { return };
    for case in cases() {
        let documents = documents(&render(&helm, &case));
        let deployment =
            documents.iter().find(|d| d["kind"] == "Deployment").expect("a Deployment");
        let spec = &deployment["spec"]["template"]["spec"];
        let container = &spec["containers"][0];
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{case}");
        assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{case}");
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false, "{case}");
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{case}");
        assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL", "{case}");
        for absent in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(spec[absent].is_null(), "{case}: {absent}");
        }
        let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
        assert_eq!((&rolling["maxUnavailable"], &rolling["maxSurge"]), (&0.into(), &1.into()));
    }
}

/// The flags that the chart writes are flags that `weir run` has.
#[test]
fn its_arguments_are_understood() {
    use clap::Parser;
    let Some(helm) = Helm::find() else { return };
    for case in cases() {
        let documents = documents(&render(&helm, &case));
        let deployment =
            documents.iter().find(|d| d["kind"] == "Deployment").expect("a Deployment");
        let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
            .as_array()
            .expect("arguments")
            .iter()
            .map(|value| value.as_str().expect("arguments are texts").to_owned());
        let typed = std::iter::once("weir".to_owned()).chain(arguments);
        weir::config::Args::try_parse_from(typed).unwrap_or_else(|error| panic!("{case}: {error}"));
    }
}
