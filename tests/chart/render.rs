//! What is rendered is what was kept, after somebody read the difference.

use crate::cases::{FOLDER, cases, render};
use crate::helm::Helm;
use crate::kept::assert_kept;

/// Files that go into objects as they are; they are tested where they are made.
const COPIED: [&str; 1] = ["templates/crds.yaml"];

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
