//! What is rendered is what was kept, after somebody read the difference.

use std::fs;
use std::path::Path;

use crate::cases::{FOLDER, cases, documents, render};
use crate::helm::Helm;
use crate::kept::assert_kept;

/// Files that go into objects as they are; they are tested where they are made.
const COPIED: [&str; 2] = ["templates/crds.yaml", "templates/dashboards.yaml"];

#[test]
fn it_lints() {
    let Some(helm) = Helm::find() else { return };
    for case in cases() {
        let values = format!("{FOLDER}/{case}.values.yaml");
        let output = helm.run(&["lint", "--strict", "charts/weir", "--values", &values]);
        assert!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn it_renders_as_kept() {
    let Some(helm) = Helm::find() else { return };
    for case in cases() {
        let rendered = render(&helm, &case);
        let kept: Vec<String> = rendered.split("\n---\n").map(without_copies).collect();
        assert_kept(&format!("{FOLDER}/{case}.yaml"), &kept.join("\n---\n"));
    }
}

/// Leaves only the head of an object that is made of a file.
fn without_copies(document: &str) -> String {
    let first = document.trim_start_matches("---\n").lines().next().unwrap_or_default();
    if !COPIED.iter().any(|template| first.ends_with(template)) {
        return document.to_owned();
    }
    let end = if first.ends_with("crds.yaml") { "spec:" } else { "data:" };
    let head: Vec<&str> = document.lines().take_while(|line| *line != end).collect();
    format!("{}\n{end} # A file of the chart.", head.join("\n"))
}

#[test]
fn dashboards_are_the_files() {
    let Some(helm) = Helm::find() else { return };
    let documents = documents(&render(&helm, "monitoring"));
    let map = documents.iter().find(|d| d["metadata"]["name"] == "weir-dashboards").unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/weir/files/dashboards");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(map["data"].as_object().unwrap().len(), files.len());
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let kept = fs::read_to_string(&file).unwrap();
        assert_eq!(map["data"][name].as_str().unwrap().trim(), kept.trim(), "{name}");
    }
}
