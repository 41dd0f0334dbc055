//! Changes, upgrades of Weir itself, and outages of the control plane, under the load.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use crate::install::{backends, namespace};
use crate::rig::{Rig, json, until};
use crate::traffic::{Load, NAMESPACE, VALUES, patch_pool, ready, settle};

pub fn hundred_changes(rig: &Rig) {
    let authority = ready(rig);
    let load = Load::start(rig, "100 changes of pools and Secrets", &authority, "");
    for number in 0..100 {
        match number % 4 {
            0 => rig.apply(&authority.secret(NAMESPACE, "shop")),
            1 => {
                let algorithm = ["RoundRobin", "LeastRequest", "PeakEwma"][number / 4 % 3];
                patch_pool(
                    rig,
                    &format!(r#"{{"spec":{{"loadBalancing":{{"algorithm":"{algorithm}"}}}}}}"#),
                );
            }
            2 => rig.apply(&other_pool(number)),
            _ => patch_pool(
                rig,
                &format!(r#"{{"spec":{{"timeouts":{{"connect":"{}s"}}}}}}"#, 2 + number % 5),
            ),
        }
    }
    load.end();
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

pub fn upgrade_rollback_and_deletion(rig: &Rig) {
    let authority = ready(rig);
    let load = Load::start(rig, "helm upgrade of Weir", &authority, "");
    rig.install(&format!("{VALUES} --set podAnnotations.round=two,logs.level=debug"));
    load.end();

    let load = Load::start(rig, "helm rollback of Weir", &authority, "");
    rig.helm("rollback weir --namespace weir-system --wait --timeout 120s");
    load.end();

    let load = Load::start(rig, "deletion of one pod of Weir", &authority, "");
    rig.kubectl(&format!("delete pod -n weir-system {} --timeout=60s", names_of_weir(rig)[0]));
    rig.kubectl("rollout status -n weir-system deployment/weir --timeout=60s");
    load.end();
}

fn names_of_weir(rig: &Rig) -> Vec<String> {
    let pods = rig.kubectl("get pods -n weir-system -l app.kubernetes.io/name=weir -o name");
    pods.lines().map(|name| name.trim_start_matches("pod/").to_owned()).collect()
}

/// Returns the pod that writes status.
fn holder(rig: &Rig) -> Option<String> {
    let leases = json(&rig.kubectl("get leases -n weir-system -o json"));
    let holder = leases["items"][0]["spec"]["holderIdentity"].as_str()?;
    names_of_weir(rig).into_iter().find(|name| holder.starts_with(name.as_str()))
}

pub fn outages_of_the_control_plane(rig: &Rig) {
    let authority = ready(rig);
    let load = Load::start(rig, "60 s without an API server", &authority, "");
    rig.control_plane("stop-apiserver --kill");
    thread::sleep(Duration::from_secs(60));
    rig.control_plane("start-apiserver");
    works(rig, "after-apiserver");
    load.end();

    let load = Load::start(rig, "restart of etcd", &authority, "");
    rig.control_plane("restart-etcd");
    works(rig, "after-etcd");
    load.end();

    let load = Load::start(rig, "end of the lease's holder", &authority, "");
    until("a holder", || holder(rig).is_some());
    let before = holder(rig).expect("a holder");
    rig.kubectl(&format!("delete pod -n weir-system {before} --wait=false"));
    until("another holder", || holder(rig).is_some_and(|now| now != before));
    works(rig, "after-holder");
    rig.kubectl("rollout status -n weir-system deployment/weir --timeout=60s");
    load.end();
}

/// Sees that changes reach traffic and status.
fn works(rig: &Rig, name: &str) {
    let pool = backends("traffic", name, 1);
    until("the API server to take it", || rig.try_apply(&pool).is_ok());
    let wait = format!("wait -n {NAMESPACE} backendpool/{name} --timeout=5s --for");
    until("the new pool to be programmed", || {
        rig.try_kubectl(&format!("{wait} condition=Programmed")).is_ok()
    });
    until("an answer", || {
        let answer = rig.fetch(crate::rig::HTTP, &format!("{name}.example.com"), "/");
        answer.is_ok_and(|(status, _)| status == 200)
    });
    rig.kubectl(&format!("delete -n {NAMESPACE} backendpool/{name} deployment/{name}"));
    rig.kubectl(&format!("delete -n {NAMESPACE} service/{name}"));
}

pub fn invalid_objects(rig: &Rig) {
    let authority = ready(rig);
    let load = Load::start(rig, "300 invalid objects", &authority, "");
    let mut text = namespace("invalid");
    for number in 0..100 {
        let _ = write!(
            text,
            "---
apiVersion: v1
kind: Secret
metadata: {{ name: broken-{number}, namespace: invalid }}
type: kubernetes.io/tls
stringData: {{ tls.crt: 'not a certificate {number}', tls.key: 'nor a key' }}
---
apiVersion: weir.dev/v1alpha1
kind: BackendPool
metadata: {{ name: nothing-{number}, namespace: invalid }}
spec:
  routes: [{{ hostnames: [shop.example.com, nothing-{number}.example.com] }}]
  backends: [{{ service: {{ name: missing-{number}, port: 80 }} }}]
  tls: {{ certificateRefs: [{{ name: broken-{number} }}] }}
---
apiVersion: weir.dev/v1alpha1
kind: BackendPool
metadata: {{ name: stranger-{number}, namespace: invalid }}
spec:
  routes: [{{ hostnames: ['*.example.com'], matches: [{{ path: {{ type: RegularExpression, value: '(' }} }}] }}]
  backends: [{{ service: {{ name: shop, namespace: {NAMESPACE}, port: 80 }} }}]
"
        );
    }
    rig.apply(&text);
    until("each to be refused", || {
        let pools = json(&rig.kubectl("get -n invalid backendpools -o json"));
        let pools = pools["items"].as_array().expect("a list").clone();
        let refused = pools.iter().filter(|pool| {
            let conditions = pool["status"]["conditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|one| one["status"] == "False"))
        });
        refused.count() == 200
    });
    settle(rig, 3);
    rig.kubectl("delete namespace invalid --timeout=60s");
    load.end();
}
