//! The rules alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use weir::metrics::{Kind, catalog};

use crate::prometheus::{promtool, queries, root, rule_groups};

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    let Some((is_good, said)) = promtool(&["test", "rules", "tests/monitoring/rules.test.yaml"])
    else {
        return;
    };
    assert!(is_good, "{said}");
    let (is_good, said) = promtool(&["check", "rules", "charts/weir/files/rules.yaml"]).unwrap();
    assert!(is_good, "{said}");
}

#[test]
fn every_alert_is_tested_and_explained() {
    let tests = fs::read_to_string(root().join("tests/monitoring/rules.test.yaml")).unwrap();
    let page = fs::read_to_string(root().join("docs/alerts.md")).unwrap();
    let mut alerts = 0;
    for rule in rule_groups().iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        let Some(name) = rule["alert"].as_str() else { continue };
        alerts += 1;
        assert!(tests.contains(&format!("- name: {name}\n")), "{name} never fires in a test");
        assert!(tests.contains(&format!("- name: {name} not\n")), "{name} always fires in a test");
        assert!(page.contains(&format!("\n## {name}\n")), "docs/alerts.md does not explain {name}");
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{name}");
        for text in ["summary", "description"] {
            assert!(rule["annotations"][text].is_string(), "{name} has no {text}");
        }
    }
    assert_eq!(page.matches("\n## ").count(), alerts, "docs/alerts.md explains others");
}

/// Names in rules and panels are names that Weir exposes, or that the rules record.
#[test]
fn queries_name_metrics_that_there_are() {
    let mut known: BTreeSet<String> = BTreeSet::new();
    for family in catalog() {
        known.insert(family.name.to_owned());
        if family.kind == Kind::Histogram {
            known.extend(["bucket", "sum", "count"].map(|end| format!("{}_{end}", family.name)));
        }
    }
    let groups = rule_groups();
    let rules: Vec<&Value> = groups.iter().flat_map(|g| g["rules"].as_array().unwrap()).collect();
    known.extend(rules.iter().filter_map(|rule| rule["record"].as_str().map(str::to_owned)));
    let of_rules = rules.iter().map(|rule| rule["expr"].as_str().unwrap().to_owned());
    let mut seen = 0;
    for query in queries().into_iter().map(|(_, query)| query).chain(of_rules) {
        let words = query.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        for word in words.filter(|word| {
            ["weir_", "process_", "pool:"].iter().any(|begin| word.starts_with(begin))
        }) {
            assert!(known.contains(word), "{word} in {query}");
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen} names");
    assert!(Path::new(&root().join("charts/weir/files/rules.yaml")).is_file());
}
