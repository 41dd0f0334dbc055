//! Several releases in one cluster, and what a user's labels may not do.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cases::{documents, workload};
use crate::helm::Helm;

/// Which objects a release of that name renders into a namespace.
fn objects(helm: &Helm, release: &str, namespace: &str, more: &[&str]) -> Vec<Value> {
    let fixed = ["template", release, "charts/weir", "--namespace", namespace, "--skip-tests"];
    let output = helm.run(&[&fixed, more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    documents(&String::from_utf8(output.stdout).expect("UTF-8"))
}

fn identities(objects: &[Value]) -> BTreeSet<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    objects
        .iter()
        .map(|d| {
            let metadata = &d["metadata"];
            (text(&d["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
        })
        .collect()
}

/// Helm refuses what another release owns: by one name in two namespaces, by two in one, and by names
/// that are the same when they are put together.
#[test]
fn two_releases_share_no_object() {
    let Some(helm) = Helm::find() else { return };
    let second =
        "crds.enabled=false,ingressClass.name=internal,ingressClass.controller=example.com/b";
    for watched in ["", ",watchNamespace=shop,rbac.secretNamespaces={shop,cart}"] {
        let values = format!("{second}{watched}");
        for (first, other) in [
            (("weir", "a"), ("weir", "b")),
            (("weir", "a"), ("weir-internal", "a")),
            (("weir", "prod-x"), ("weir-prod", "x")),
            (("weir", "x"), ("weir", "x-secrets")),
        ] {
            let plain = format!("logs.format=json{watched}");
            let ours = identities(&objects(&helm, first.0, first.1, &["--set", &plain]));
            let theirs = identities(&objects(&helm, other.0, other.1, &["--set", &values]));
            let both: Vec<_> = ours.intersection(&theirs).collect();
            assert!(both.is_empty(), "{first:?} and {other:?}: {both:?}");
        }
    }
}

/// In one namespace a lease for both would leave the Ingresses of one without a status.
#[test]
fn each_release_has_a_lease_of_its_own_and_the_right_to_it() {
    let Some(helm) = Helm::find() else { return };
    for (release, lease) in [("weir", "weir-status"), ("internal", "internal-weir-status")] {
        let all = objects(&helm, release, "a", &[]);
        let of = |kind: &str| all.iter().filter(|d| d["kind"] == kind).collect::<Vec<_>>();
        let arguments = &of("Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["args"];
        let arguments: Vec<_> = arguments.as_array().unwrap().iter().collect();
        assert!(arguments.contains(&&Value::from(format!("--lease={lease}"))), "{arguments:?}");
        let rules = of("Role").into_iter().flat_map(|role| role["rules"].as_array().unwrap());
        let named: Vec<_> = rules.filter(|rule| rule["resources"][0] == "leases").collect();
        assert_eq!(named[0]["resourceNames"][0], lease);
    }
}

/// A workload whose pods its own selector does not find is refused by the API server.
#[test]
fn no_label_takes_pods_from_their_workload() {
    let Some(helm) = Helm::find() else { return };
    let workload = workload(&helm, "second-release");
    let labels = &workload["spec"]["template"]["metadata"]["labels"];
    for (name, value) in workload["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&labels[name], value, "{name}");
    }
    assert_eq!(labels["team"], "night", "those of pods before those of all objects");
}
