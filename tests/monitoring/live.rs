//! A real Prometheus asks what the panels and the rules ask.

use crate::prometheus::{Prometheus, queries, rule_groups};
use crate::rig::eventually;
use crate::traffic::Traffic;

#[test]
fn every_panel_shows_something_and_every_rule_is_evaluated() {
    let traffic = Traffic::start();
    let Some(prometheus) = Prometheus::start(traffic.weir.admin) else { return };
    let mut asked = queries();
    assert!(asked.len() >= 45, "{} queries", asked.len());
    for rule in rule_groups().iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        if let Some(record) = rule["record"].as_str() {
            asked.push((record.to_owned(), record.to_owned()));
        }
    }
    for (from, query) in asked {
        eventually(&format!("{from}: {query}"), || {
            let result = prometheus.query(&query);
            let is_number = |sample: &serde_json::Value| sample["value"][1] != "NaN";
            !result.is_empty() && result.iter().any(is_number)
        });
    }
    // The operator's own label of that name does not hide Weir's.
    let endpoints = prometheus.query("count by (endpoint) (weir_upstream_endpoint_requests_total)");
    assert!(endpoints.iter().all(|e| e["metric"]["endpoint"] != "metrics"), "{endpoints:?}");
    assert!(prometheus.query("{exported_endpoint!=\"\"}").is_empty());
    let rules = prometheus.get("/api/v1/rules");
    let groups = rules["data"]["groups"].as_array().unwrap();
    assert_eq!(groups.len(), rule_groups().len());
    for rule in groups.iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}
