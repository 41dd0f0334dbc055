//! What the chart's service account may do, as the API server of the cluster says it.

use std::collections::BTreeSet;

use crate::rig::Rig;
use crate::traffic::ready;

/// Everywhere: what it reads, and where it tells.
const EVERYWHERE: &[&str] = &[
    "backendpools.weir.dev [] [] [get list watch]",
    "backendpools.weir.dev/status [] [] [patch]",
    "configmaps [] [] [list watch]",
    "endpointslices.discovery.k8s.io [] [] [list watch]",
    "events.events.k8s.io [] [] [create patch]",
    "ingressclasses.networking.k8s.io [] [] [list watch]",
    "ingresses.networking.k8s.io [] [] [get list watch]",
    "ingresses.networking.k8s.io/status [] [] [patch]",
    "nodes [] [] [get list watch]",
    "referencegrants.gateway.networking.k8s.io [] [] [list watch]",
    "secrets [] [] [list watch]",
    "services [] [] [list watch]",
];
/// In its own namespace: the lease.
const AT_HOME: &[&str] = &[
    "leases.coordination.k8s.io [] [] [create]",
    "leases.coordination.k8s.io [] [weir-status] [get update]",
];

pub fn of_the_service_account(rig: &Rig) {
    ready(rig);
    let everywhere: BTreeSet<String> = EVERYWHERE.iter().map(|&one| one.to_owned()).collect();
    assert_eq!(given(rig, "default"), everywhere);
    let at_home = AT_HOME.iter().map(|&one| one.to_owned());
    assert_eq!(given(rig, "weir-system"), everywhere.into_iter().chain(at_home).collect());
}

/// Returns what the account may do in a namespace and one without any binding may not.
fn given(rig: &Rig, namespace: &str) -> BTreeSet<String> {
    let list = |account: &str| -> BTreeSet<String> {
        let said = rig.kubectl(&format!(
            "auth can-i --list -n {namespace} --no-headers --as=system:serviceaccount:weir-system:{account}"
        ));
        let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        said.lines().map(line).collect()
    };
    &list("weir") - &list("nobody")
}
