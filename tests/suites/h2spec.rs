//! h2spec, with its strict cases, in front of `weir backend`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::certificates;
use crate::rig::{Weir, command};
use crate::tools;

/// Cases that h2spec has with `--strict`. Fewer would mean that it stopped early.
const CASES: usize = 146;

/// Over clear text only: the port speaks HTTP/1.1 too, and what is no preface of HTTP/2 is a request
/// line there, which gets 400 and the end. docs/adr/0010-protocol-suites.md argues it.
const NO_PREFACE: &str = "Sends invalid connection preface";

/// `weir backend`, ended when dropped.
struct SimulatedBackend {
    child: Child,
    address: SocketAddr,
}

impl SimulatedBackend {
    fn start() -> Self {
        let mut child = command()
            .args(["backend", "--listen", "127.0.0.1:0", "--name", "one"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("weir backend");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let address = lines.find_map(|line| {
            let line = line.ok()?;
            line.split("address=").nth(1)?.split_whitespace().next()?.parse().ok()
        });
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address: address.expect("the backend says where it listens") }
    }
}

impl Drop for SimulatedBackend {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs all cases; returns those that failed, by name.
fn run(port: u16, flags: &[&str]) -> Option<BTreeSet<String>> {
    let program = tools::find("h2spec")?;
    let report = tempfile::NamedTempFile::new().expect("report");
    let output = Command::new(program)
        .args(["--strict", "--host", "127.0.0.1", "--timeout", "10", "--port", &port.to_string()])
        .args(flags)
        .arg("--junit-report")
        .arg(report.path())
        .output()
        .expect("h2spec starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let text = std::fs::read_to_string(report.path()).expect("report");
    let (mut cases, mut failed) = (0, BTreeSet::new());
    for case in text.split("<testcase ").skip(1) {
        cases += 1;
        let name = case.split("classname=\"").nth(1).and_then(|rest| rest.split('"').next());
        let is_bad = ["<failure", "<error", "<skipped"].iter().any(|bad| case.contains(bad));
        if is_bad {
            failed.insert(name.expect("a case has a name").to_owned());
        }
    }
    assert_eq!(cases, CASES, "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("h2spec {}: {} of {cases} pass", flags.join(" "), cases - failed.len());
    for name in &failed {
        println!("  {name}");
    }
    Some(failed)
}

#[test]
fn every_case_passes_over_tls() {
    let backend = SimulatedBackend::start();
    let weir = Weir::start(&certificates::manifests(backend.address).0);
    let Some(failed) = run(weir.https.port(), &["--tls", "--insecure"]) else { return };
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_case_but_one_passes_over_clear_text() {
    let backend = SimulatedBackend::start();
    let weir = Weir::start(&certificates::manifests(backend.address).0);
    let Some(failed) = run(weir.http.port(), &[]) else { return };
    assert_eq!(failed, BTreeSet::from([NO_PREFACE.to_owned()]));
}
