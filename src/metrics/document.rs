//! Writes the reference of all metrics.

use std::fmt::Write;

use super::catalog::{Kind, catalog};
use super::reason::Reason;

/// Returns `docs/metrics.md`.
pub fn reference() -> String {
    let mut text = String::from(HEAD);
    for family in catalog() {
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, help) = (family.name, family.kind.as_str(), family.help);
        let _ = writeln!(text, "| `{name}` | {kind} | {} | {help} |", labels.join(", "));
    }
    text.push_str(HISTOGRAMS);
    let histograms = catalog().iter().filter(|family| family.kind == Kind::Histogram);
    let names: Vec<_> = histograms.map(|family| format!("`{}`", family.name)).collect();
    let _ = writeln!(text, "They are {}.", names.join(", "));
    text.push_str(REASONS);
    for reason in Reason::ALL {
        let status = match reason.status() {
            499 => "none".to_owned(),
            status => status.to_string(),
        };
        let _ = writeln!(text, "| `{reason}` | {status} | {} |", reason.meaning());
    }
    text
}

const HEAD: &str = "\
# Metrics

<!-- Generated from src/metrics by `make generate`. Do not edit. -->

`GET /metrics` on the admin address answers in the text format of Prometheus.

- Labels hold only names from the configuration and words of closed sets. Nothing that a client
  sends (host, path, method, address) can add a series.
- `pool` is `namespace/name` of the BackendPool; `route` is the name of the route in it, or its position.
- Series of a pool, route or endpoint disappear with it. Counters and histograms with labels
  appear when they first count something.
- The label `endpoint` is an address and port. Above `--metrics-endpoint-limit` endpoints, further ones
  share the series `endpoint=\"other\"` of their pool.

## All metrics

| name | type | labels | meaning |
| --- | --- | --- | --- |
";

const HISTOGRAMS: &str = "
## Histograms

Buckets end at 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250 and 500 ms and at 1, 2.5, 5, 10, 30 and 60 s.
";

const REASONS: &str = "
## Reasons

Requests that get no endpoint's answer carry a reason: in the label `reason`, in the header
`x-weir-reason`, on the page and in the access log.

| reason | status | meaning |
| --- | --- | --- |
";
