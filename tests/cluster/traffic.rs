//! What must not cost a request: each scenario runs under the load, and nothing may fail.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::install::{backends, namespace};
use crate::load::Report;
use crate::rig::{HTTP, HTTPS, Rig, json, until};

/// Load without a change before and after what is tried.
const STILL: Duration = Duration::from_secs(3);
pub const NAMESPACE: &str = "traffic";
/// Two replicas, and tunnels that do not hold up an upgrade for a minute.
pub const VALUES: &str = "--set replicaCount=2,drain.timeout=20s";
const HOST: &str = "shop.example.com";

/// Makes sure that Weir and three backends are there, as every scenario finds them.
pub fn ready(rig: &Rig) -> Authority {
    rig.apply(&namespace("weir-system"));
    rig.install(VALUES);
    let authority = Authority::new();
    rig.apply(&namespace(NAMESPACE));
    rig.apply(&authority.secret(NAMESPACE, "shop"));
    rig.apply(&backends(NAMESPACE, "shop", 3));
    patch_pool(rig, r#"{"spec":{"tls":{"certificateRefs":[{"name":"shop"}]}}}"#);
    settle(rig, 3);
    authority
}

/// Waits until exactly that many pods run and Weir uses all of them.
pub fn settle(rig: &Rig, replicas: u32) {
    rig.kubectl(&format!("rollout status -n {NAMESPACE} deployment/shop --timeout=120s"));
    until("all endpoints, and the end of the others", || {
        let pods = json(&rig.kubectl(&format!("get pods -n {NAMESPACE} -l app=shop -o json")));
        let pool = json(&rig.kubectl(&format!("get -n {NAMESPACE} backendpool/shop -o json")));
        let endpoints = &pool["status"]["endpoints"];
        let pods = pods["items"].as_array().map_or(0, Vec::len);
        pods == replicas as usize
            && endpoints["ready"] == replicas
            && endpoints["total"] == replicas
    });
}

fn scale(rig: &Rig, replicas: u32) {
    rig.kubectl(&format!("scale -n {NAMESPACE} deployment/shop --replicas={replicas}"));
    settle(rig, replicas);
}

pub fn patch_pool(rig: &Rig, patch: &str) {
    rig.kubectl(&format!("patch -n {NAMESPACE} backendpool/shop --type=merge -p {patch}"));
}

/// Load is a running load.
pub struct Load {
    child: Child,
    name: &'static str,
    has_no_websocket: bool,
    start: Instant,
}

impl Load {
    pub fn start(rig: &Rig, name: &'static str, authority: &Authority, more: &str) -> Self {
        let ca = authority.file(rig).display().to_string();
        // The kernel remembers connections to pods that are gone, and leads the next one from the
        // same port there. A client that is new has none.
        static LOADS: AtomicU32 = AtomicU32::new(20);
        let source = format!("10.99.0.{}", LOADS.fetch_add(1, Ordering::Relaxed));
        rig.shell(&format!("ip address add {source}/32 dev eth0"));
        let to = format!("address={HTTP} host={HOST} https={HTTPS} source={source} ca={ca}");
        let child = rig.load(&format!("{to} {more}"));
        thread::sleep(STILL);
        let has_no_websocket = more.contains("websocket=false");
        Self { child, name, has_no_websocket, start: Instant::now() }
    }

    /// Returns whether a moment's requests for a host are all served, by TLS too.
    pub fn try_a_moment(rig: &Rig, authority: &Authority, host: &str) -> bool {
        let ca = authority.file(rig).display().to_string();
        let to = format!("address={HTTP} host={host} https={HTTPS} ca={ca} rate=100");
        let mut child = rig.load(&format!("{to} posts=false websocket=false"));
        thread::sleep(Duration::from_millis(500));
        let report = said(&mut child);
        report.requests > 0 && report.failed == 0
    }

    /// Ends the load; nothing may have failed.
    pub fn end(mut self) -> Report {
        let changed = self.start.elapsed();
        thread::sleep(STILL);
        let report = said(&mut self.child);
        println!(
            "{}: {:.0} s, {} requests ({:.0}/s), {} messages over {} WebSockets, {} failed; \
             {} sent again; latency median {} ms, 99% {} ms, most {} ms; the change took {:.1} s",
            self.name,
            report.seconds,
            report.requests,
            report.requests as f64 / report.seconds,
            report.messages,
            report.websockets,
            report.failed,
            report.again,
            report.latency[0],
            report.latency[1],
            report.latency[2],
            changed.as_secs_f64(),
        );
        for failure in report.failures.iter().take(30) {
            println!("  at {:.2} s {}: {}", failure.at, failure.kind, failure.what);
        }
        assert_eq!(report.failed, 0, "requests failed");
        assert!(report.requests as f64 >= 490.0 * report.seconds, "the load was less than asked");
        assert!(report.messages > 0 || self.has_no_websocket);
        report
    }
}

/// Ends a load, and returns what it says.
fn said(child: &mut Child) -> Report {
    drop(child.stdin.take());
    let mut said = String::new();
    let mut out = child.stdout.take().expect("a pipe");
    out.read_to_string(&mut said).expect("the load says something");
    assert!(child.wait().expect("the load ends").success());
    serde_json::from_str(&said).expect("a report")
}

/// Authority signs the certificates that the load sees.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes the authority's certificate for the load.
    fn file(&self, rig: &Rig) -> PathBuf {
        let path = rig.dir().join("authority.pem");
        fs::write(&path, &self.pem).expect("the directory can be written");
        path
    }

    /// Returns a Secret with a new certificate for the host.
    pub fn secret(&self, namespace: &str, name: &str) -> String {
        self.secret_for(namespace, name, HOST, 1)
    }

    /// Returns a Secret with a new certificate for any host, with a serial number. Beside it lies
    /// the authority's, as cert-manager puts it there.
    pub fn secret_for(&self, namespace: &str, name: &str, host: &str, serial: u64) -> String {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([host.to_owned()]).expect("a name");
        params.serial_number = Some(serial.into());
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let lines = |text: String| text.replace('\n', "\n    ");
        format!(
            "---
apiVersion: v1
kind: Secret
metadata:
  name: {name}
  namespace: {namespace}
  annotations: {{ cert-manager.io/certificate-name: {name}, cert-manager.io/revision: '{serial}' }}
type: kubernetes.io/tls
stringData:
  ca.crt: |
    {}
  tls.crt: |
    {}
  tls.key: |
    {}
",
            lines(self.pem.clone()).trim_end(),
            lines(certificate.pem()).trim_end(),
            lines(key.serialize_pem()).trim_end(),
        )
    }
}

pub fn rolling_restart_of_three(rig: &Rig) {
    let authority = ready(rig);
    let load = Load::start(rig, "rolling restart of 3 pods", &authority, "");
    rig.kubectl(&format!("rollout restart -n {NAMESPACE} deployment/shop"));
    settle(rig, 3);
    load.end();
}

pub fn scale_up_restart_and_down(rig: &Rig) {
    let authority = ready(rig);
    let load = Load::start(rig, "scale 3 to 30", &authority, "");
    scale(rig, 30);
    load.end();
    let load = Load::start(rig, "rolling restart of 30 pods", &authority, "");
    rig.kubectl(&format!("rollout restart -n {NAMESPACE} deployment/shop"));
    settle(rig, 30);
    load.end();
    let load = Load::start(rig, "scale 30 to 3", &authority, "");
    scale(rig, 3);
    load.end();
}

/// Idempotent requests only: what an endpoint may have acted on is not sent twice.
pub fn sigkill_of_a_backend(rig: &Rig) {
    let authority = ready(rig);
    let more = "posts=false websocket=false";
    let load = Load::start(rig, "SIGKILL of one pod of three", &authority, more);
    let pods = json(&rig.kubectl(&format!("get pods -n {NAMESPACE} -o json")));
    let id = pods["items"][0]["status"]["containerStatuses"][0]["containerID"].as_str();
    let id = id.expect("a container").trim_start_matches("containerd://");
    rig.shell(&format!("ctr task kill --signal SIGKILL {id}"));
    until("the container to run again", || {
        let pods = json(&rig.kubectl(&format!("get pods -n {NAMESPACE} -o json")));
        let restarts = &pods["items"][0]["status"]["containerStatuses"][0];
        restarts["restartCount"] == 1 && restarts["ready"] == true
    });
    load.end();
}
