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
    text.push_str(FOREIGN);
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
- `backend` is `namespace/service:port`, or `endpoint` for all addresses that are written into the pool: as many as
  are declared. To compare two versions of a service, ask by it.
- The label `endpoint` is an address and port, of current endpoints alone. Above `--metrics-endpoint-limit` endpoints of all
  pools, further ones are counted into the series `endpoint=\"other\"` of their pool, and have no gauges; with 0 all are. A pod
  that comes and goes costs about a dozen series, which is why there is a limit and not a switch alone.
- `weir_upstream_endpoint_info` leads from an endpoint to its backend, zone and region:
  `sum by (zone) (rate(weir_upstream_endpoint_requests_total[5m]) * on (instance, pool, endpoint) group_left (zone)
  weir_upstream_endpoint_info)`.

## All metrics

| name | type | labels | meaning |
| --- | --- | --- | --- |
";

const HISTOGRAMS: &str = "
## Histograms

Buckets end at 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250 and 500 ms and at 1, 2.5, 5, 10, 30 and 60 s.
";

const FOREIGN: &str = "
## For those who come from ingress-nginx

What a dashboard or an alert asks of ingress-nginx, and where the same is here. `namespace`, `ingress` and `service` are
`pool` and `route` (`ingress/namespace/name/rule`), and `backend` where two versions differ; `status` is `code`, its
first digit, as with `--report-status-classes`. `host` and `path` are no labels.

| ingress-nginx (`nginx_ingress_controller_…`) | Weir |
| --- | --- |
| `requests` | `weir_downstream_requests_total`; what no route took: `weir_downstream_refused_requests_total` |
| `request_duration_seconds` | `weir_downstream_request_seconds` |
| `header_duration_seconds`, `ingress_upstream_latency_seconds` | `weir_upstream_first_byte_seconds`, which includes connecting |
| `response_duration_seconds` | none: the time to the last byte is in `weir_downstream_request_seconds` |
| `connect_duration_seconds` | `weir_upstream_endpoint_connect_seconds_total` over `weir_upstream_endpoint_connections_total`: the mean, counted once per connection and not per request |
| `request_size`, `response_size`, `bytes_sent` | `weir_downstream_received_bytes_total`, `weir_downstream_sent_bytes_total`: bodies, as sums |
| `nginx_process_connections` | `weir_downstream_active_connections` |
| `nginx_process_connections_total` | `weir_downstream_connections_total` |
| `nginx_process_requests_total` | `weir_downstream_protocol_requests_total` |
| `nginx_process_num_procs` | `weir_workers` |
| `nginx_process_cpu_seconds_total`, `nginx_process_resident_memory_bytes`, `nginx_process_virtual_memory_bytes` | `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_virtual_memory_bytes` |
| `config_last_reload_successful`, `success`, `errors` | `weir_reconcile_total` by `result`; nothing is reloaded |
| `config_last_reload_successful_timestamp_seconds` | `weir_reconcile_last_success_timestamp_seconds` |
| `config_hash` | `weir_reconcile_generation` |
| `check_success`, `check_errors` | `weir_reconcile_objects` by `accepted`; `weir check` says the same before |
| `orphan_ingress` | `weir_reconcile_ingress_problems` by `reason` |
| `ssl_expire_time_seconds`, `ssl_certificate_info` | `weir_tls_certificate_expiry_timestamp_seconds`, by Secret |
| `leader_election_status` | `weir_status_leader` |
| `build_info` | `weir_build_info` |
| `admission_…` | none: there is no webhook |
";

const REASONS: &str = "
## Reasons

Requests that get no endpoint's answer carry a reason: in the label `reason`, in the header
`x-weir-reason`, on the page and in the access log.

| reason | status | meaning |
| --- | --- | --- |
";
