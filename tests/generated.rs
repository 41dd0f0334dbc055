//! What is generated from the code and kept in the repository must not be stale.
//!
//! `make generate` (`WEIR_GENERATE=1 cargo test --test generated`) writes it anew.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test"
)]

#[path = "generated/dashboards.rs"]
mod dashboards;
#[path = "generated/flags.rs"]
mod flags;
#[path = "support/helm.rs"]
mod helm;
#[path = "support/kept.rs"]
mod kept;
#[path = "generated/of_pool.rs"]
mod of_pool;
#[path = "generated/overview.rs"]
mod overview;
#[path = "generated/panels.rs"]
mod panels;
#[path = "generated/reference.rs"]
mod reference;
#[path = "generated/values.rs"]
mod values;

use kept::assert_kept;

fn crds() -> String {
    weir::api::crds_yaml().expect("the CRDs can be written")
}

#[test]
fn crds_are_those_of_the_code() {
    assert_kept("crds/backendpools.weir.dev.yaml", &crds());
}

#[test]
fn crds_of_the_chart_are_those_of_the_code() {
    assert_kept("charts/weir/files/crds/backendpools.weir.dev.yaml", &crds());
}

#[test]
fn reference_of_fields_is_that_of_the_schema() {
    assert_kept("docs/reference/backendpool.md", &reference::page());
}

#[test]
fn reference_of_flags_is_that_of_the_code() {
    assert_kept("docs/reference/flags.md", &flags::page());
}

#[test]
fn schema_of_values_is_that_of_their_comments() {
    assert_kept("charts/weir/values.schema.json", &values::schema());
}

#[test]
fn reference_of_values_is_that_of_their_comments() {
    assert_kept("docs/reference/chart.md", &values::page());
}

#[test]
fn dashboards_are_those_of_their_panels() {
    for (name, text) in dashboards::all() {
        assert_kept(&format!("charts/weir/files/dashboards/{name}"), &text);
    }
}

/// The manifest that is applied without helm: the namespace, and the chart's defaults.
#[test]
fn install_manifest_is_the_chart() {
    let Some(helm) = helm::Helm::find() else { return };
    let rendered = helm.template(&["--skip-tests"]).expect("the chart renders");
    let without_origin: String = rendered
        .lines()
        .filter(|line| !line.starts_with("# Source: "))
        .flat_map(|line| [line, "\n"])
        .collect();
    let namespace = "\
---
apiVersion: v1
kind: Namespace
metadata:
  name: weir-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
";
    let head = "# Generated from charts/weir by `make generate`. Do not edit.\n";
    let manifest = format!("{head}{namespace}{without_origin}");
    assert_kept("manifests/install.yaml", &manifest);
}
