//! A Prometheus on loopback, from Debian's package, and what the chart has for it.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::rig::{Client, eventually};

/// How often it scrapes here; the window of rates is what Grafana makes of that, and some more.
pub const SCRAPE: &str = "500ms";
pub const RATE_WINDOW: &str = "10s";

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The groups of the chart's rules.
pub fn rule_groups() -> Vec<Value> {
    let text = fs::read_to_string(root().join("charts/weir/files/rules.yaml")).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    rules["groups"].as_array().unwrap().clone()
}

/// A dashboard of the chart.
pub fn dashboard(name: &str) -> Value {
    let path = root().join("charts/weir/files/dashboards").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Every query of every panel, as Grafana would send it for all pools: where it is from, and it.
pub fn queries() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for name in ["weir-overview.json", "weir-pool.json"] {
        for panel in dashboard(name)["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let title = panel["title"].as_str().unwrap();
                all.push((format!("{name}: {title}"), filled_in(target["expr"].as_str().unwrap())));
            }
        }
    }
    all
}

/// Puts values where the query has variables.
pub fn filled_in(query: &str) -> String {
    let query = query.replace("$__rate_interval", RATE_WINDOW).replace("$pool", ".*");
    assert!(!query.contains('$'), "an unknown variable in {query}");
    query
}

/// Runs promtool at the root of the repository; nothing where there is none.
pub fn promtool(arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new("promtool").args(arguments).current_dir(root()).output();
    let Ok(output) = output else { return skipped("promtool") };
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

fn skipped<T>(program: &str) -> Option<T> {
    let is_required = std::env::var_os("WEIR_REQUIRE_PROMTOOL").is_some_and(|v| v == "1");
    assert!(!is_required, "{program} is required, but not installed");
    println!("skipped: {program} not installed");
    None
}

/// A Prometheus that scrapes one Weir; it ends when dropped.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Prometheus {
    pub fn start(weir: SocketAddr) -> Option<Self> {
        if Command::new("prometheus").arg("--version").output().is_err() {
            return skipped("prometheus");
        }
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("prometheus.json");
        fs::write(&config, configuration(weir).to_string()).unwrap();
        // It cannot say which port it took, so one is looked for before.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let flag = |name: &str, value: PathBuf| format!("--{name}={}", value.display());
        let child = Command::new("prometheus")
            .arg(flag("config.file", config))
            .arg(flag("storage.tsdb.path", directory.path().join("data")))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .expect("prometheus starts");
        let prometheus = Self { child, address, directory };
        eventually("Prometheus is ready", || prometheus.answer("/-/ready").is_some());
        Some(prometheus)
    }

    fn answer(&self, path: &str) -> Option<String> {
        // Nothing listens in the first moment.
        drop(std::net::TcpStream::connect(self.address).ok()?);
        let answer = Client::connect(self.address, None).get("prometheus", path).ok()?;
        (answer.status == 200).then_some(answer.body)
    }

    pub fn get(&self, path: &str) -> Value {
        let body = self.answer(path).unwrap_or_else(|| panic!("{path} is refused"));
        serde_json::from_str(&body).expect("an answer is JSON")
    }

    /// What a query gives now.
    pub fn query(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/query?query={}", encode(query)));
        answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {answer}")).clone()
    }

    /// What a query gave in a time, with this many seconds between values.
    pub fn range(&self, query: &str, (from, to): (f64, f64), step: f64) -> Vec<Value> {
        let query = encode(query);
        let path = format!("/api/v1/query_range?query={query}&start={from}&end={to}&step={step}");
        self.get(&path)["data"]["result"].as_array().unwrap().clone()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            writeln!(std::io::stderr(), "--- end of Prometheus's log\n{}", tail.join("\n")).ok();
        }
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// What the Prometheus operator makes of the chart's ServiceMonitor, for one pod at an address that
/// is known instead of discovered: the labels that it gives a target, and what it does with labels
/// that the target has too.
fn configuration(weir: SocketAddr) -> Value {
    let rendered = root().join("tests/golden/chart/monitoring.yaml");
    let rendered = fs::read_to_string(rendered).unwrap();
    let document = rendered.split("\n---\n").find(|text| text.contains("\nkind: ServiceMonitor\n"));
    let monitor: Value = serde_saphyr::from_str(document.expect("a ServiceMonitor")).unwrap();
    let endpoint = &monitor["spec"]["endpoints"][0];
    json!({
        "global": { "scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": "1s" },
        "rule_files": [root().join("charts/weir/files/rules.yaml")],
        "scrape_configs": [{
            "job_name": "serviceMonitor/monitoring/weir/0",
            "metrics_path": endpoint["path"],
            "honor_labels": endpoint["honorLabels"],
            "static_configs": [{ "targets": [weir.to_string()], "labels": {
                "job": "weir-metrics", "namespace": "weir-system", "service": "weir-metrics",
                "pod": "weir-0", "container": "weir", "endpoint": endpoint["port"],
            } }],
        }],
    })
}
