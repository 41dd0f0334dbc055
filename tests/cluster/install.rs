//! Install, serve, upgrade, uninstall.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::rig::{HTTP, Rig, helm_folder, json, until};

/// Manifests of a namespace that wants the restricted Pod Security Standard.
pub fn namespace(name: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
  labels: {{ pod-security.kubernetes.io/enforce: restricted }}
"
    )
}

/// Manifests of backends behind a Service, and of a pool for `HOST.example.com`. The rest of the
/// pool's spec may follow.
pub fn backends(namespace: &str, name: &str, replicas: u32) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: {name}, namespace: {namespace} }}
spec:
  replicas: {replicas}
  selector: {{ matchLabels: {{ app: {name} }} }}
  template:
    metadata: {{ labels: {{ app: {name} }} }}
    spec:
      terminationGracePeriodSeconds: 15
      securityContext: {{ runAsNonRoot: true, seccompProfile: {{ type: RuntimeDefault }} }}
      containers:
        - name: backend
          image: weir:dev
          args: [backend, '--listen=0.0.0.0:8080', --name=$(POD_NAME)]
          env: [{{ name: POD_NAME, valueFrom: {{ fieldRef: {{ fieldPath: metadata.name }} }} }}]
          ports: [{{ name: http, containerPort: 8080 }}]
          readinessProbe: {{ httpGet: {{ path: /healthz, port: http }}, periodSeconds: 1 }}
          # Answers until everybody knows that it goes.
          lifecycle: {{ preStop: {{ sleep: {{ seconds: 3 }} }} }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{ drop: [ALL] }}
---
apiVersion: v1
kind: Service
metadata: {{ name: {name}, namespace: {namespace} }}
spec:
  selector: {{ app: {name} }}
  ports: [{{ name: http, port: 80, targetPort: http }}]
---
apiVersion: weir.dev/v1alpha1
kind: BackendPool
metadata: {{ name: {name}, namespace: {namespace} }}
spec:
  routes: [{{ hostnames: [{name}.example.com] }}]
  backends: [{{ service: {{ name: {name}, port: 80 }} }}]
"
    );
    text
}

/// Returns who answers that many requests.
fn names(rig: &Rig, count: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for _ in 0..count {
        let (status, body) = rig.fetch(HTTP, "shop.example.com", "/").expect("an answer");
        assert_eq!(status, 200, "{body}");
        names.insert(json(&body)["backend"].as_str().expect("a name").to_owned());
    }
    names
}

pub fn serves_and_leaves_nothing(rig: &Rig) {
    rig.apply(&namespace("weir-system"));
    rig.install("--set replicaCount=1");
    rig.apply(&(namespace("first") + &backends("first", "shop", 3)));
    rig.kubectl("rollout status -n first deployment/shop --timeout=60s");
    rig.kubectl("wait -n first --for=condition=Programmed backendpool/shop --timeout=60s");
    until("three endpoints", || {
        let pool = json(&rig.kubectl("get -n first backendpool/shop -o json"));
        pool["status"]["endpoints"]["ready"] == 3
    });

    let pods = json(&rig.kubectl("get pods -n first -o json"));
    let pods: BTreeSet<String> = pods["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|pod| pod["metadata"]["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(names(rig, 9), pods, "every pod answers");

    // The pods of Weir run as the chart says, and were let in by the restricted standard.
    let weir = json(&rig.kubectl("get pods -n weir-system -o json"));
    let pod = &weir["items"][0];
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
    let admin = format!("{}:9090", pod["status"]["podIP"].as_str().expect("an address"));
    for (path, part) in [("/readyz", ""), ("/livez", ""), ("/metrics", "weir_build_info")] {
        let (status, body) = rig.fetch(&admin, "admin", path).expect("an answer");
        assert_eq!(status, 200, "{path}: {body}");
        assert!(body.contains(part), "{path}: {body}");
    }
    let (status, _) = rig.fetch(HTTP, "other.example.com", "/").expect("an answer");
    assert_eq!(status, 404, "a host that nobody declared");

    rig.install("--set replicaCount=2,logs.access=json");
    assert_eq!(names(rig, 9), pods, "every pod answers after an upgrade");
    let weir = json(&rig.kubectl("get deployment weir -n weir-system -o json"));
    assert_eq!(weir["status"]["readyReplicas"], 2);

    rig.helm("uninstall weir --namespace weir-system --wait");
    // (Helm waits for the Deployment, not for its pods, which drain.)
    rig.kubectl("wait pods --all -n weir-system --for=delete --timeout=90s");
    for kinds in [
        "all,configmaps,secrets,serviceaccounts,roles,rolebindings,poddisruptionbudgets,leases -n weir-system",
        "clusterroles,clusterrolebindings",
    ] {
        let left = rig.kubectl(&format!(
            "get {kinds} -l app.kubernetes.io/instance=weir -o name --ignore-not-found"
        ));
        assert_eq!(left.trim(), "", "helm uninstall leaves these");
    }
    rig.kubectl("delete namespace first --wait=true --timeout=60s");
}

/// What `hack/kind-up` does once there is a cluster, `helm test` included.
pub fn by_the_steps_of_kind_up(rig: &Rig) {
    let helm = helm_folder().expect("helm was there at the start");
    let said = rig.shell(&format!(
        "PATH=$PATH:{} hack/install weir:dev --set service.type=NodePort \
         --set service.nodePorts.http=30080 --set service.nodePorts.https=30443",
        helm.display()
    ));
    assert!(said.contains("TEST SUITE:     weir-test"), "{said}");
    let (status, body) = rig.fetch(HTTP, "hello.example.com", "/").expect("an answer");
    assert_eq!(status, 200, "{body}");
    rig.kubectl("delete --filename manifests/hello.yaml --wait=true --timeout=60s");
}
