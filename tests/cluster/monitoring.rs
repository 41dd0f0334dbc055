//! A real Prometheus that finds Weir's pods as the chart's monitors say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::discovery;
use crate::rig::{HTTP, Rig, json as read, until};
use crate::scrape;
use crate::traffic::{VALUES, ready};

/// Where it listens inside the node.
const ADDRESS: &str = "127.0.0.1:19090";
const NAMESPACE: &str = "weir-system";
const MONITORS: &str = "--set metrics.podMonitor.enabled=true,metrics.serviceMonitor.enabled=true \
    --set metrics.serviceMonitor.namespace=monitoring,metrics.podMonitor.interval=1s \
    --set metrics.serviceMonitor.interval=1s";

/// Prometheus runs inside the node. It ends when dropped.
struct Prometheus<'a> {
    child: Child,
    rig: &'a Rig,
}

impl<'a> Prometheus<'a> {
    /// Starts it, or says `skipped` where there is none.
    fn start(rig: &'a Rig, jobs: &[Value]) -> Option<Self> {
        if Command::new("prometheus").arg("--version").output().is_err() {
            let is_required = std::env::var_os("WEIR_REQUIRE_PROMTOOL").is_some_and(|v| v == "1");
            assert!(!is_required, "prometheus is required, but not installed");
            println!("skipped: prometheus not installed");
            return None;
        }
        let config = json!({
            "global": { "evaluation_interval": "1s" },
            "rule_files": [concat!(env!("CARGO_MANIFEST_DIR"), "/charts/weir/files/rules.yaml")],
            "scrape_configs": jobs,
        });
        let (file, data) = (rig.dir().join("prometheus.json"), rig.dir().join("prometheus"));
        fs::write(&file, config.to_string()).expect("a file");
        let log = fs::File::create(rig.dir().join("prometheus.log")).expect("a file");
        // It is another process than the one that enters the node.
        let line = format!("echo $$ >{}; exec \"$0\" \"$@\"", pid_file(rig));
        let child = rig
            .inside("bash")
            .args(["-c", &line, "prometheus"])
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={ADDRESS}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus starts");
        let prometheus = Self { child, rig };
        until("Prometheus to be ready", || {
            prometheus.rig.fetch(ADDRESS, "prometheus", "/-/ready").is_ok_and(|(s, _)| s == 200)
        });
        Some(prometheus)
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.rig.fetch(ADDRESS, "prometheus", path).expect("an answer");
        assert_eq!(status, 200, "{path}: {body}");
        read(&body)["data"].clone()
    }

    /// Returns the values of a query, by the label `pod`.
    fn by_pod(&self, query: &str) -> BTreeMap<String, f64> {
        let result = self.get(&format!("/api/v1/query?query={query}"))["result"].clone();
        let pairs = result.as_array().expect("a vector").iter().map(|one| {
            let value = one["value"][1].as_str().expect("a value").parse().expect("a number");
            (one["metric"]["pod"].as_str().unwrap_or_default().to_owned(), value)
        });
        pairs.collect()
    }

    /// Returns the pods that are scraped for a job, those that answer.
    fn up(&self, job: &str) -> BTreeSet<String> {
        let targets = self.get("/api/v1/targets?state=active")["activeTargets"].clone();
        let targets = targets.as_array().expect("a list").clone();
        let of_job = targets.iter().filter(|one| one["scrapePool"] == job && one["health"] == "up");
        of_job.map(|one| one["labels"]["pod"].as_str().expect("a pod").to_owned()).collect()
    }
}

impl Drop for Prometheus<'_> {
    fn drop(&mut self) {
        let line = format!("kill \"$(cat {})\"", pid_file(self.rig));
        self.rig.inside("bash").args(["-c", &line]).status().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.rig.dir().join("prometheus.log")).unwrap_or_default();
            println!("--- log of Prometheus\n{log}");
        }
    }
}

/// Writes what is there to be scraped, as Prometheus's own discovery would find it.
fn discover(rig: &Rig) {
    for role in ["pod", "endpointslice"] {
        let found = discovery::targets(rig, role, NAMESPACE).to_string();
        let (new, file) = (rig.dir().join("found.new"), rig.dir().join(format!("{role}.json")));
        fs::write(&new, found).and_then(|()| fs::rename(new, file)).expect("a file");
    }
}

fn pid_file(rig: &Rig) -> String {
    rig.dir().join("prometheus.pid").display().to_string()
}

/// Returns the pods of Weir that run and do not end.
fn pods(rig: &Rig) -> BTreeSet<String> {
    let selector = "-l app.kubernetes.io/name=weir -o json";
    let pods = read(&rig.kubectl(&format!("get pods -n {NAMESPACE} {selector}")));
    let pods = pods["items"].as_array().expect("a list").clone();
    let here = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    here.map(|pod| pod["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
}

pub fn by_the_monitors_of_the_chart(rig: &Rig) {
    ready(rig);
    // Without the operator's CRDs the monitors cannot be stored; what they say is read as it does.
    let rendered = rig.helm(&format!(
        "template weir charts/weir --namespace {NAMESPACE} {VALUES} {MONITORS} \
         --show-only templates/monitors.yaml"
    ));
    let monitors = rendered.split("\n---\n").map(|text| {
        let monitor: Value =
            serde_saphyr::from_str(text.trim_start_matches("---\n")).expect("YAML");
        monitor
    });
    let jobs: Vec<Value> = monitors.flat_map(|it| scrape::configs(&it, rig.dir())).collect();
    let names: Vec<&str> = jobs.iter().filter_map(|job| job["job_name"].as_str()).collect();
    assert_eq!(names, ["podMonitor/weir-system/weir/0", "serviceMonitor/monitoring/weir/0"]);
    discover(rig);
    let Some(prometheus) = Prometheus::start(rig, &jobs) else { return };
    let before = pods(rig);
    assert_eq!(before.len(), 2);
    for name in &names {
        until("each pod to be scraped, and no other", || prometheus.up(name) == before);
    }
    for _ in 0..20 {
        assert_eq!(rig.fetch(HTTP, "shop.example.com", "/").expect("an answer").0, 200);
    }
    // Each is found twice, and is one by its labels.
    let of_job =
        |job: &str, what: &str| format!("{what}{{job=\"{job}\",namespace=\"{NAMESPACE}\"}}");
    for job in ["weir-metrics", "weir-system/weir"] {
        let info = format!("sum%20by%20(pod)%20({})", of_job(job, "weir_build_info"));
        until("a series of each pod", || {
            let found = prometheus.by_pod(&encode(&info));
            found.keys().cloned().collect::<BTreeSet<_>>() == before
                && found.values().all(|value| *value >= 1.0)
        });
        let served = of_job(job, "weir_downstream_requests_total");
        until("the requests", || {
            let all = prometheus.by_pod(&encode(&format!("sum%20by%20(pod)%20({served})")));
            all.values().sum::<f64>() >= 20.0
        });
    }
    // A pod that comes is found, and one that ends is forgotten.
    let gone = before.first().expect("a pod");
    rig.kubectl(&format!("delete pod -n {NAMESPACE} {gone} --timeout=60s"));
    rig.kubectl(&format!("rollout status -n {NAMESPACE} deployment/weir --timeout=60s"));
    let after = pods(rig);
    assert!(!after.contains(gone) && after.len() == 2, "{after:?}");
    for name in &names {
        until("the new pod to be scraped, and not the old one", || {
            discover(rig);
            prometheus.up(name) == after
        });
    }
}

/// Escapes what a query has besides letters; blanks are escaped already.
fn encode(query: &str) -> String {
    let escapes =
        [("{", "%7B"), ("}", "%7D"), ("\"", "%22"), ("=", "%3D"), (",", "%2C"), ("/", "%2F")];
    escapes.iter().fold(query.to_owned(), |text, (plain, escaped)| text.replace(plain, escaped))
}
