//! What the Prometheus operator makes of a ServiceMonitor or PodMonitor: scrape configurations.
//! Source: prometheus-operator, pkg/prometheus/promcfg.go, as far as the chart uses it.

use std::path::Path;

use serde_json::{Value, json};

use crate::discovery::{label, meta};

/// Makes the scrape configurations of a monitor.
///
/// What is discovered is read from the file `ROLE.json` in `found`.
pub fn configs(monitor: &Value, found: &Path) -> Vec<Value> {
    let is_service = monitor["kind"] == "ServiceMonitor";
    let field = if is_service { "endpoints" } else { "podMetricsEndpoints" };
    let endpoints = monitor["spec"][field].as_array().expect("endpoints");
    let numbered = endpoints.iter().enumerate();
    numbered.map(|(index, endpoint)| config(monitor, index, endpoint, found)).collect()
}

fn config(monitor: &Value, index: usize, endpoint: &Value, found: &Path) -> Value {
    let known = [
        "port",
        "path",
        "honorLabels",
        "interval",
        "scrapeTimeout",
        "relabelings",
        "metricRelabelings",
    ];
    for field in endpoint.as_object().expect("an endpoint").keys() {
        assert!(known.contains(&field.as_str()), "a monitor says {field}, which is not converted");
    }
    let is_service = monitor["kind"] == "ServiceMonitor";
    let (kind, role) =
        if is_service { ("serviceMonitor", "endpointslice") } else { ("podMonitor", "pod") };
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let (namespace, name) =
        (text(&monitor["metadata"]["namespace"]), text(&monitor["metadata"]["name"]));
    let interval = endpoint["interval"].as_str().unwrap_or("30s");
    let mut relabel = vec![drop_ended()];
    relabel.extend(selected(monitor, if is_service { "service" } else { "pod" }));
    relabel.push(keep(
        if is_service { "endpointslice_port_name" } else { "pod_container_port_name" },
        &text(&endpoint["port"]),
    ));
    relabel.extend(labels(is_service, &format!("{namespace}/{name}"), &endpoint["port"]));
    relabel.extend(camel_to_snake(&endpoint["relabelings"]));
    assert_eq!(monitor["spec"]["namespaceSelector"], json!({ "matchNames": ["weir-system"] }));
    json!({
        "job_name": format!("{kind}/{namespace}/{name}/{index}"),
        "metrics_path": endpoint["path"].as_str().unwrap_or("/metrics"),
        "honor_labels": endpoint["honorLabels"].as_bool().unwrap_or(false),
        "scrape_interval": interval,
        "scrape_timeout": endpoint["scrapeTimeout"].as_str().unwrap_or(interval),
        "file_sd_configs": [{
            "files": [found.join(format!("{role}.json"))],
            "refresh_interval": "1s",
        }],
        "relabel_configs": relabel,
        "metric_relabel_configs": camel_to_snake(&endpoint["metricRelabelings"]),
    })
}

fn keep(label: &str, value: &str) -> Value {
    json!({ "action": "keep", "source_labels": [meta(label)], "regex": value })
}

fn drop_ended() -> Value {
    let phase = meta("pod_phase");
    json!({ "action": "drop", "source_labels": [phase], "regex": "(Failed|Succeeded)" })
}

/// What the selector asks of a Service or pod.
fn selected(monitor: &Value, kind: &str) -> Vec<Value> {
    let selector = monitor["spec"]["selector"].as_object().expect("a selector");
    assert_eq!(selector.keys().collect::<Vec<_>>(), ["matchLabels"]);
    let wanted = selector["matchLabels"].as_object().expect("labels");
    let keep = |(name, value): (&String, &Value)| {
        let value = value.as_str().expect("text");
        json!({
            "action": "keep",
            "source_labels": [
                meta(&format!("{kind}_label_{}", label(name))),
                meta(&format!("{kind}_labelpresent_{}", label(name))),
            ],
            "regex": format!("({value});true"),
        })
    };
    wanted.iter().map(keep).collect()
}

/// The labels that targets get.
fn labels(is_service: bool, monitor: &str, port: &Value) -> Vec<Value> {
    let copy = |from: &str, to: &str| json!({ "source_labels": [meta(from)], "target_label": to });
    let mut labels = vec![
        copy("namespace", "namespace"),
        copy("pod_container_name", "container"),
        copy("pod_name", "pod"),
        json!({ "target_label": "endpoint", "replacement": port }),
    ];
    if is_service {
        labels.push(copy("service_name", "service"));
        labels.push(copy("service_name", "job"));
    } else {
        labels.push(json!({ "target_label": "job", "replacement": monitor }));
    }
    labels
}

/// Relabelings as Prometheus writes their fields.
fn camel_to_snake(relabelings: &Value) -> Vec<Value> {
    let all = relabelings.as_array().cloned().unwrap_or_default();
    let snake = |name: &str| -> String {
        name.chars().fold(String::new(), |mut text, c| {
            if c.is_ascii_uppercase() {
                text.push('_');
            }
            text.push(c.to_ascii_lowercase());
            text
        })
    };
    let convert = |one: &Value| -> Value {
        let fields = one.as_object().expect("a relabeling").iter();
        fields.map(|(name, value)| (snake(name), value.clone())).collect()
    };
    all.iter().map(convert).collect()
}
