//! Every render, as a real API server sees it: its schema, its validation, and Pod Security.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::apiserver::{ApiServer, Options, assets_or_skip};
use crate::cases::{cases, documents, is_on_node_ports, render, workload};
use crate::helm::{Helm, tools_or_skip};
use crate::schemas;

/// Where pods must be restricted, and where they may be anything.
const SYSTEM: &str = "weir-system";
const FREE: &str = "privileged";

/// The folder with the CRDs of the Prometheus operator, which the chart's monitors need.
fn monitoring_crds() -> Option<PathBuf> {
    tools_or_skip("hack/tools/monitoring-crds", "--no-fetch")
}

/// A cluster that has both families of addresses, as one of the cases asks for them.
fn dual_stack() -> Options {
    let ranges = "--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112".to_owned();
    Options { apiserver_args: vec![ranges], ..Options::default() }
}

/// One server for all tests here, with the CRDs and the namespaces of all cases.
async fn server(helm: &Helm) -> Option<&'static ApiServer> {
    static SHARED: OnceCell<ApiServer> = OnceCell::const_new();
    assets_or_skip()?;
    let folder = monitoring_crds()?;
    let start = async {
        let server = ApiServer::start(dual_stack()).await.expect("it starts");
        server.apply(&weir::api::crds_yaml().unwrap()).await.unwrap();
        let mut wait = vec!["wait".to_owned(), "--for=condition=Established".to_owned()];
        wait.extend(["--timeout=60s".to_owned(), "crd/backendpools.weir.dev".to_owned()]);
        for plural in ["servicemonitors", "podmonitors", "prometheusrules"] {
            let file = folder.join(format!("monitoring.coreos.com_{plural}.yaml"));
            let create = ["create".into(), "--filename".into(), file.into_os_string()];
            server.kubectl(create, None).await.unwrap();
            wait.push(format!("crd/{plural}.monitoring.coreos.com"));
        }
        server.kubectl(&wait, None).await.unwrap();
        prepare(&server, helm).await;
        server
    };
    Some(SHARED.get_or_init(|| start).await)
}

/// Makes the namespaces, and the accounts that pods name.
async fn prepare(server: &ApiServer, helm: &Helm) {
    let mut namespaces = BTreeSet::from([SYSTEM.to_owned(), FREE.to_owned()]);
    let mut accounts = BTreeSet::from([(SYSTEM.to_owned(), "default".to_owned())]);
    for case in cases() {
        for document in documents(&render(helm, &case)) {
            let namespace = document["metadata"]["namespace"].as_str().unwrap_or(SYSTEM);
            namespaces.insert(namespace.to_owned());
            let account = document["spec"]["template"]["spec"]["serviceAccountName"].as_str();
            for account in account.into_iter().chain(["default"]) {
                accounts.insert((namespace.to_owned(), account.to_owned()));
                accounts.insert((FREE.to_owned(), account.to_owned()));
            }
        }
    }
    let mut all: Vec<Value> = Vec::new();
    for name in namespaces {
        let level = if name == FREE { "privileged" } else { "restricted" };
        all.push(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name,
            "labels": { "pod-security.kubernetes.io/enforce": level } } }));
    }
    for (namespace, name) in accounts {
        all.push(json!({ "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": name, "namespace": namespace } }));
    }
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": all });
    server.apply(&list.to_string()).await.unwrap();
}

const DRY_RUN: [&str; 5] = ["apply", "--dry-run=server", "--validate=strict", "--filename", "-"];

#[tokio::test]
async fn every_render_is_taken_without_a_warning() {
    let Some(helm) = Helm::find() else { return };
    let Some(server) = server(&helm).await else { return };
    for case in cases() {
        let rendered = render(&helm, &case);
        let count = documents(&rendered).len();
        let said = server.kubectl(DRY_RUN, Some(&rendered)).await;
        let said = said.unwrap_or_else(|error| panic!("{case}: {error}"));
        let (out, warnings) = (String::from_utf8(said.stdout), String::from_utf8(said.stderr));
        assert_eq!(out.unwrap().lines().count(), count, "{case}: objects");
        let warnings = warnings.unwrap();
        // Pod Security warns of what it would refuse; the next test looks at that.
        let is_on_node_ports = is_on_node_ports(&workload(&helm, &case));
        let unexpected = warnings
            .lines()
            .filter(|line| !(is_on_node_ports && line.contains("would violate PodSecurity")));
        assert_eq!(unexpected.collect::<Vec<_>>(), Vec::<&str>::new(), "{case}");
    }
    let hello = include_str!("../../manifests/hello.yaml")
        .replace("namespace: default", "namespace: weir-system");
    let said = server.kubectl(DRY_RUN, Some(&hello)).await.expect("the example is taken");
    assert_eq!(String::from_utf8(said.stderr).unwrap(), "", "hello.yaml: a warning");
    let wrong = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, nam: b}}";
    let refused = server.kubectl(DRY_RUN, Some(wrong)).await;
    assert!(refused.unwrap_err().contains("metadata.nam"), "the server must be able to refuse");
}

#[tokio::test]
async fn pods_start_where_only_restricted_ones_may() {
    let Some(helm) = Helm::find() else { return };
    let Some(server) = server(&helm).await else { return };
    for case in cases() {
        let workload = workload(&helm, &case);
        let mut pods = vec![workload["spec"]["template"].clone()];
        let test = documents(&render(&helm, &case)).into_iter().find(|d| d["kind"] == "Pod");
        pods.extend(test);
        for (number, pod) in pods.iter_mut().enumerate() {
            pod["apiVersion"] = "v1".into();
            pod["kind"] = "Pod".into();
            pod["metadata"]["name"] = "weir".into();
            let create = |namespace: &str| {
                let mut pod = pod.clone();
                pod["metadata"]["namespace"] = namespace.into();
                async move { server.kubectl(DRY_RUN, Some(&pod.to_string())).await }
            };
            let taken = create(SYSTEM).await;
            if number == 0 && is_on_node_ports(&workload) {
                let refusal = taken.expect_err(&case);
                assert!(refusal.contains("violates PodSecurity"), "{case}: {refusal}");
                create(FREE).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            } else {
                taken.unwrap_or_else(|error| panic!("{case}: {error}"));
            }
        }
    }
    let workload = workload(&helm, "defaults");
    let mut pod = workload["spec"]["template"].clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"] = json!({ "name": "weir", "namespace": SYSTEM });
    pod["spec"]["containers"][0]["securityContext"] = json!({});
    let refusal = server.kubectl(DRY_RUN, Some(&pod.to_string())).await.unwrap_err();
    assert!(refusal.contains("violates PodSecurity \"restricted:latest\""), "{refusal}");
}

#[tokio::test]
async fn kubeconform_finds_nothing_wrong() {
    let Some(helm) = Helm::find() else { return };
    let Some(server) = server(&helm).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let count = schemas::write(&server.client().await, folder.path()).await;
    assert!(count > 60, "only {count} schemas");
    let location =
        format!("{}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json", folder.path().display());
    let check = |file: &Path| {
        let mut command = Command::new(helm.beside("kubeconform"));
        let command =
            command.args(["-strict", "-summary", "-schema-location", &location]).arg(file);
        let output = command.output().expect("kubeconform starts");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let file = folder.path().join("render.yaml");
    for case in cases() {
        let rendered = render(&helm, &case);
        std::fs::write(&file, &rendered).unwrap();
        let (is_valid, said) = check(&file);
        assert!(is_valid, "{case}: {said}");
        let all =
            format!("Valid: {}, Invalid: 0, Errors: 0, Skipped: 0", documents(&rendered).len());
        assert!(said.contains(&all), "{case}: {said}");
    }
    let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/install.yaml");
    let (is_valid, said) = check(&install);
    assert!(is_valid, "{said}");
    std::fs::write(&file, "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {typ: b}}")
        .unwrap();
    let (is_valid, said) = check(&file);
    assert!(!is_valid && said.contains("typ"), "kubeconform must be able to refuse: {said}");
}
