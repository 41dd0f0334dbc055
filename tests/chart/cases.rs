//! The sets of values that all tests here use, and what the chart makes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::helm::Helm;

pub const FOLDER: &str = "tests/golden/chart";

/// The names of all sets of values.
pub fn cases() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the cases can be read")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".values.yaml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 18, "found only {names:?}");
    names
}

/// All that the chart renders for a case.
pub fn render(helm: &Helm, case: &str) -> String {
    helm.template(&["--values", &format!("{FOLDER}/{case}.values.yaml")])
        .unwrap_or_else(|error| panic!("{case}: {error}"))
}

/// A copy of the chart in which one text of one file is another.
pub fn changed_chart(folder: &Path, file: &str, old: &str, new: &str) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/weir");
    let to = folder.join("changed");
    let said = Command::new("cp").arg("-R").arg(&from).arg(&to).output().unwrap();
    assert!(said.status.success());
    let file = to.join(file);
    let text = fs::read_to_string(&file).unwrap();
    let changed = text.replace(old, new);
    assert_ne!(changed, text, "{old}");
    fs::write(&file, changed).unwrap();
    to
}

/// The objects of a text.
pub fn documents(rendered: &str) -> Vec<Value> {
    rendered
        .split("\n---\n")
        .map(|text| serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}")))
        .filter(|document: &Value| !document.is_null())
        .collect()
}

/// The Deployment or DaemonSet of a case.
pub fn workload(helm: &Helm, case: &str) -> Value {
    let documents = documents(&render(helm, case));
    let mut found = documents
        .into_iter()
        .filter(|d| ["Deployment", "DaemonSet"].iter().any(|kind| d["kind"] == *kind));
    let workload = found.next().unwrap_or_else(|| panic!("{case}: no pods"));
    assert!(found.next().is_none(), "{case}: pods twice");
    workload
}

/// Whether pods of the case take ports of their node, which no Pod Security Standard allows.
pub fn is_on_node_ports(workload: &Value) -> bool {
    let spec = &workload["spec"]["template"]["spec"];
    let ports = spec["containers"][0]["ports"].as_array().expect("ports");
    spec["hostNetwork"] == true || ports.iter().any(|port| !port["hostPort"].is_null())
}
