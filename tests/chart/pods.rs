//! What is said of the pods: security, rollouts, flags, and time to drain.

use std::time::Duration;

use clap::Parser;
use weir::config::{Args, Command};

use crate::cases::{cases, documents, is_on_node_ports, render, workload};
use crate::helm::Helm;

/// What the restricted Pod Security Standard asks, and that an upgrade never takes a pod away
/// before its replacement is ready, but where two pods cannot be on one node.
#[test]
fn they_are_restricted_and_replaced_one_by_one() {
    let Some(helm) = Helm::find() else { return };
    for case in cases() {
        let workload = workload(&helm, &case);
        let spec = &workload["spec"]["template"]["spec"];
        let container = &spec["containers"][0];
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{case}");
        assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{case}");
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false, "{case}");
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{case}");
        assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL", "{case}");
        for absent in ["hostPID", "hostIPC"] {
            assert!(spec[absent].is_null(), "{case}: {absent}");
        }
        let strategy = match workload["kind"].as_str() {
            Some("Deployment") => &workload["spec"]["strategy"],
            _ => &workload["spec"]["updateStrategy"],
        };
        let least = i32::from(is_on_node_ports(&workload));
        if strategy["type"] != "OnDelete" {
            assert_eq!(strategy["rollingUpdate"]["maxUnavailable"], least, "{case}");
        }
    }
}

/// The flags that the chart writes are flags that `weir run` has, and they leave enough time.
#[test]
fn their_arguments_are_understood() {
    let Some(helm) = Helm::find() else { return };
    for case in cases() {
        let workload = workload(&helm, &case);
        let spec = &workload["spec"]["template"]["spec"];
        let Command::Run(args) = parse(&case, &spec["containers"][0]["args"]) else {
            panic!("{case}: another command")
        };
        let grace = spec["terminationGracePeriodSeconds"].as_u64().expect("a number");
        let drain = args.drain_delay + args.drain_timeout;
        assert!(Duration::from_secs(grace) >= drain, "{case}: {grace} s for {drain:?}");
        let ports = spec["containers"][0]["ports"].as_array().expect("ports");
        for (port, address) in ports.iter().zip([args.http, args.https, args.admin]) {
            let address = address.expect("the chart says where to listen");
            assert_eq!(port["containerPort"], address.port(), "{case}");
        }
        if let Some(file) = args.geoip_database {
            let mounts = spec["containers"][0]["volumeMounts"].as_array().expect("mounts");
            let is_there = |mount: &serde_json::Value| {
                file.starts_with(mount["mountPath"].as_str().expect("a path"))
            };
            assert!(mounts.iter().any(is_there), "{case}: {}", file.display());
        }
    }
}

#[test]
fn the_time_to_drain_follows_its_flags() {
    let Some(helm) = Helm::find() else { return };
    for (set, seconds) in [
        ("drain.delay=5s", 75),
        ("drain.delay=1m30s,drain.timeout=1h", 3700),
        ("drain.delay=500ms,drain.timeout=1s", 12),
        ("terminationGracePeriodSeconds=65", 65),
    ] {
        let rendered = helm.template(&["--set", set]).expect(set);
        let line = format!("terminationGracePeriodSeconds: {seconds}\n");
        assert!(rendered.contains(&line), "{set}");
    }
}

/// `helm test` runs commands that exist.
#[test]
fn the_arguments_of_the_test_are_understood() {
    let Some(helm) = Helm::find() else { return };
    let mut found = 0;
    for case in cases() {
        for pod in documents(&render(&helm, &case)).iter().filter(|d| d["kind"] == "Pod") {
            let spec = &pod["spec"];
            let endpoint = parse(&case, &spec["initContainers"][0]["args"]);
            let request = parse(&case, &spec["containers"][0]["args"]);
            let (Command::Backend(endpoint), Command::Probe(request)) = (endpoint, request) else {
                panic!("{case}: other commands")
            };
            assert_eq!(request.contains.as_deref(), Some(endpoint.name.as_str()));
            found += 1;
        }
    }
    assert!(found >= 12, "{found} tests");
}

fn parse(case: &str, args: &serde_json::Value) -> Command {
    let args = args.as_array().expect("arguments").iter();
    let args = args.map(|value| value.as_str().expect("arguments are texts").to_owned());
    let typed = std::iter::once("weir".to_owned()).chain(args);
    Args::try_parse_from(typed).unwrap_or_else(|error| panic!("{case}: {error}")).command
}
