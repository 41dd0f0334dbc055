//! Install, upgrade, go back, remove: with helm, on a real API server, and what becomes of the CRD.

use std::process::Command;

use serde_json::{Value, json};

use crate::apiserver::{ApiServer, Options, assets_or_skip};
use crate::cases::{FOLDER, changed_chart};
use crate::helm::Helm;

struct Cluster {
    server: ApiServer,
    helm: Helm,
    home: tempfile::TempDir,
}

impl Cluster {
    async fn start() -> Option<Self> {
        let helm = Helm::find()?;
        assets_or_skip()?;
        let server = ApiServer::start(Options::default()).await.expect("it starts");
        Some(Self { server, helm, home: tempfile::tempdir().unwrap() })
    }

    /// Runs helm in the cluster.
    fn helm(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command: Command = self.helm.command();
        command.args(arguments).args(["--namespace", "weir-system"]);
        command.env("KUBECONFIG", self.server.kubeconfig()).env("HOME", self.home.path());
        for name in ["CACHE", "CONFIG", "DATA"] {
            command.env(format!("HELM_{name}_HOME"), self.home.path());
        }
        let output = command.output().expect("helm starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    async fn get(&self, what: &str) -> Option<Value> {
        let get = ["get", what, "--namespace", "shop", "--output", "json", "--ignore-not-found"];
        let output = self.server.kubectl(get, None).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (!text.is_empty()).then(|| serde_json::from_str(&text).unwrap())
    }

    async fn short_names(&self) -> Value {
        let crd = self.get("crd/backendpools.weir.dev").await.expect("the CRD");
        crd["spec"]["names"]["shortNames"].clone()
    }
}

#[tokio::test]
async fn the_crd_follows_upgrades_and_outlives_the_release() {
    let Some(cluster) = Cluster::start().await else { return };
    // A chart as an older release had it: its CRD lacks something.
    let crd = "files/crds/backendpools.weir.dev.yaml";
    let older = changed_chart(cluster.home.path(), crd, "    shortNames:\n    - bpool\n", "");
    let older = older.to_str().unwrap();
    cluster.helm(&["install", "weir", older, "--create-namespace"]).unwrap();
    assert_eq!(cluster.short_names().await, Value::Null);
    cluster
        .server
        .apply(
            &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } })
                .to_string(),
        )
        .await
        .unwrap();
    let pool = json!({ "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
        "metadata": { "name": "shop", "namespace": "shop" },
        "spec": { "backends": [{ "service": { "name": "shop", "port": 80 } }] } });
    cluster.server.apply(&pool.to_string()).await.unwrap();

    cluster.helm(&["upgrade", "weir", "charts/weir"]).unwrap();
    assert_eq!(cluster.short_names().await, json!(["bpool"]), "an upgrade brings the CRD");
    cluster.helm(&["rollback", "weir", "1"]).unwrap();
    assert_eq!(cluster.short_names().await, Value::Null, "a rollback takes it back");
    cluster.helm(&["upgrade", "weir", "charts/weir"]).unwrap();

    // A second release beside it, which leaves the CRD to the first.
    let taken = cluster.helm(&["install", "second", "charts/weir"]).unwrap_err();
    assert!(taken.contains("backendpools.weir.dev"), "{taken}");
    let own = "crds.enabled=false,ingressClass.name=second";
    cluster.helm(&["install", "second", "charts/weir", "--set", own]).unwrap();
    cluster.helm(&["uninstall", "second"]).unwrap();

    assert!(cluster.get("clusterrole/weir:weir-system").await.is_some());
    let said = cluster.helm(&["uninstall", "weir"]).unwrap();
    assert!(said.contains("[CustomResourceDefinition] backendpools.weir.dev"), "{said}");
    assert!(cluster.get("backendpool/shop").await.is_some(), "no pool is lost");
    assert!(cluster.get("clusterrole/weir:weir-system").await.is_none());
    cluster.helm(&["install", "weir", "charts/weir"]).unwrap();
    assert!(cluster.get("backendpool/shop").await.is_some());

    // A CRD that was applied by hand is taken over only when that is said.
    cluster.helm(&["uninstall", "weir"]).unwrap();
    cluster.server.kubectl(["delete", "crd", "backendpools.weir.dev"], None).await.unwrap();
    cluster.server.apply(&weir::api::crds_yaml().unwrap()).await.unwrap();
    let refused = cluster.helm(&["install", "weir", "charts/weir"]).unwrap_err();
    assert!(refused.contains("backendpools.weir.dev"), "{refused}");
    cluster.helm(&["install", "weir", "charts/weir", "--take-ownership"]).unwrap();
    cluster.helm(&["upgrade", "weir", "charts/weir"]).unwrap();
}

#[tokio::test]
async fn the_next_step_is_said() {
    let Some(cluster) = Cluster::start().await else { return };
    let notes = |case: &str| {
        let values = format!("{FOLDER}/{case}.values.yaml");
        let install = ["install", "weir", "charts/weir", "--dry-run=client", "--values", &values];
        let text = cluster.helm(&install).unwrap();
        text.split("\nNOTES:\n").nth(1).unwrap_or_else(|| panic!("{case}: {text}")).to_owned()
    };
    let defaults = notes("defaults");
    for line in [
        "kubectl -n weir-system rollout status deployment/weir",
        "helm test weir --namespace weir-system",
        "kubectl -n weir-system port-forward service/weir 8080:80 &",
        "curl -H 'Host: NAME.example.com' http://127.0.0.1:8080/",
    ] {
        assert!(defaults.contains(line), "{line}\n{defaults}");
    }
    let at_nodes = notes("daemonset-hostport");
    assert!(at_nodes.contains("rollout status daemonset/weir"), "{at_nodes}");
    assert!(at_nodes.contains("http://NODE:80/"), "{at_nodes}");
    assert!(!notes("minimal").contains("helm test"), "without a Service nothing can be tested");
    let pool = defaults.split("<<'YAML'\n").nth(1).unwrap().split("\nYAML\n").next().unwrap();
    let pool: Value = serde_saphyr::from_str(pool).unwrap();
    assert_eq!(pool["kind"], "BackendPool");
}
