//! Changes, upgrades of Weir itself, and outages of the control plane, under the load.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::install::{backends, namespace};
use crate::rig::{Rig, json, until};
use crate::traffic::{Load, NAMESPACE, VALUES, ready, settle};

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
    follows(rig, "after-outage");
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

/// The container of the lease's holder is killed whenever it runs, so that the lease is not given
/// back, until the other replica writes. What was in flight in a killed process is lost, and until
/// the Service has forgotten the pod some new connections are refused: no balancer that works on
/// connections can save them. So here clients send idempotent requests again when their connection
/// breaks; an answer other than 200 is a failure still.
pub fn sigkill_of_the_leases_holder(rig: &Rig) {
    let authority = ready(rig);
    until("a holder", || holder(rig).is_some());
    let before = holder(rig).expect("a holder");
    let more = "posts=false websocket=false again=true";
    let load = Load::start(rig, "SIGKILL of the lease's holder", &authority, more);
    let (mut killed, mut last, mut kills) = (String::new(), Instant::now(), 0);
    until("another holder", || {
        if let Some(id) = running(rig, &before).filter(|id| *id != killed) {
            rig.shell(&format!("ctr task kill --signal SIGKILL {id}"));
            (killed, last, kills) = (id, Instant::now(), kills + 1);
        }
        holder(rig).is_some_and(|now| now != before)
    });
    let taken = last.elapsed();
    println!("killed {kills} times; another one took over after {:.1} s", taken.as_secs_f64());
    assert!(taken < Duration::from_secs(20), "{taken:?}");
    works(rig, "after-kill");
    load.end();
    // Another pod in its place, without the pause that a container gets that ended so often.
    rig.kubectl(&format!("delete pod -n weir-system {before} --timeout=60s"));
    rig.kubectl("rollout status -n weir-system deployment/weir --timeout=60s");
}

/// Returns the container of a pod where it runs.
fn running(rig: &Rig, pod: &str) -> Option<String> {
    let pod = json(&rig.kubectl(&format!("get pod -n weir-system {pod} -o json")));
    let container = &pod["status"]["containerStatuses"][0];
    let id =
        container["containerID"].as_str().filter(|_| container["state"]["running"].is_object());
    Some(id?.trim_start_matches("containerd://").to_owned())
}

/// Sees how soon Weir follows a change that needs nobody else: a pool of endpoints that are there.
///
/// A new Deployment, as in [`works`], also waits for the controllers, the scheduler, the kubelet and
/// kube-proxy, whose own pauses between two tries have grown to half a minute and more by then.
fn follows(rig: &Rig, name: &str) {
    let began = Instant::now();
    let pool = format!(
        "apiVersion: weir.dev/v1alpha1
kind: BackendPool
metadata: {{ name: {name}, namespace: {NAMESPACE} }}
spec:
  routes: [{{ hostnames: [{name}.example.com] }}]
  backends: [{{ service: {{ name: shop, port: 80 }} }}]
"
    );
    until("the API server to take a pool", || rig.try_apply(&pool).is_ok());
    until("an answer of the new pool", || {
        let answer = rig.fetch(crate::rig::HTTP, &format!("{name}.example.com"), "/");
        answer.is_ok_and(|(status, _)| status == 200)
    });
    println!("a new pool served {:.1} s after the outage", began.elapsed().as_secs_f64());
    rig.kubectl(&format!("delete -n {NAMESPACE} backendpool/{name}"));
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
    let weir = json(&rig.kubectl("get pods -n weir-system -o json"));
    for pod in weir["items"].as_array().expect("a list") {
        let admin = format!("{}:9090", pod["status"]["podIP"].as_str().expect("an address"));
        until("readyz to tell of it", || {
            let (status, body) = rig.fetch(&admin, "admin", "/readyz").expect("an answer");
            assert_eq!(status, 200, "others are served: {body}");
            body.contains("invalid/")
        });
    }
    settle(rig, 3);
    rig.kubectl("delete namespace invalid --timeout=60s");
    load.end();
}
