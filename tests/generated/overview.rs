//! The panels of the dashboard of everything.

use crate::panels::Panel;

/// One after the other, in rows.
pub const OVERVIEW: &[(&str, &[Panel])] = &[
    (
        "Now",
        &[
            (
                "Requests",
                4,
                "stat",
                "reqps",
                "Requests that routes took.",
                &[("sum(rate(weir_downstream_requests_total{pool=~\"$pool\"}[RATE]))", "")],
            ),
            (
                "Answered 5xx",
                4,
                "stat",
                "percentunit",
                "Share of them that was answered 5xx.",
                &[(
                    "(sum(rate(weir_downstream_requests_total{pool=~\"$pool\",code=\"5xx\"}[RATE])) or vector(0)) / sum(rate(weir_downstream_requests_total{pool=~\"$pool\"}[RATE]))",
                    "",
                )],
            ),
            (
                "p99",
                4,
                "stat",
                "s",
                "99 of 100 requests took less.",
                &[(
                    "histogram_quantile(0.99, sum by (le) (rate(weir_downstream_request_seconds_bucket{pool=~\"$pool\"}[RATE])))",
                    "",
                )],
            ),
            (
                "Open connections",
                4,
                "stat",
                "short",
                "Of clients.",
                &[("sum(weir_downstream_active_connections)", "")],
            ),
            (
                "Endpoints that take traffic",
                4,
                "stat",
                "percentunit",
                "Of all endpoints of the pools.",
                &[(
                    "sum(weir_upstream_endpoints_in_state{pool=~\"$pool\",state=\"ready\"}) / sum(weir_upstream_endpoints{pool=~\"$pool\"})",
                    "",
                )],
            ),
            (
                "Instances",
                4,
                "stat",
                "short",
                "By version.",
                &[("count by (version) (weir_build_info)", "{{version}}")],
            ),
        ],
    ),
    (
        "Traffic",
        &[
            (
                "Requests by pool",
                8,
                "timeseries",
                "reqps",
                "The ten busiest pools.",
                &[(
                    "topk(10, sum by (pool) (rate(weir_downstream_requests_total{pool=~\"$pool\"}[RATE])))",
                    "{{pool}}",
                )],
            ),
            (
                "Answers by class",
                8,
                "timeseries",
                "reqps",
                "First digit of the status; none: the client left.",
                &[(
                    "sum by (code) (rate(weir_downstream_requests_total{pool=~\"$pool\"}[RATE]))",
                    "{{code}}",
                )],
            ),
            (
                "Time of requests",
                8,
                "timeseries",
                "s",
                "From the first byte of a request to the last of its answer.",
                &[
                    (
                        "histogram_quantile(0.5, sum by (le) (rate(weir_downstream_request_seconds_bucket{pool=~\"$pool\"}[RATE])))",
                        "p50",
                    ),
                    (
                        "histogram_quantile(0.9, sum by (le) (rate(weir_downstream_request_seconds_bucket{pool=~\"$pool\"}[RATE])))",
                        "p90",
                    ),
                    (
                        "histogram_quantile(0.99, sum by (le) (rate(weir_downstream_request_seconds_bucket{pool=~\"$pool\"}[RATE])))",
                        "p99",
                    ),
                ],
            ),
            (
                "Answered by Weir itself",
                8,
                "timeseries",
                "reqps",
                "Requests of routes that got no endpoint's answer, by reason.",
                &[(
                    "sum by (reason) (rate(weir_upstream_dropped_requests_total{pool=~\"$pool\"}[RATE]))",
                    "{{reason}}",
                )],
            ),
            (
                "Refused before a route",
                8,
                "timeseries",
                "reqps",
                "By reason; no_host and no_route are the 404s.",
                &[(
                    "sum by (reason) (rate(weir_downstream_refused_requests_total[RATE]))",
                    "{{reason}}",
                )],
            ),
            (
                "Connections and handshakes",
                8,
                "timeseries",
                "cps",
                "New ones.",
                &[
                    (
                        "sum by (listener) (rate(weir_downstream_connections_total[RATE]))",
                        "{{listener}}",
                    ),
                    (
                        "sum by (result) (rate(weir_downstream_tls_handshakes_total[RATE]))",
                        "TLS {{result}}",
                    ),
                ],
            ),
            (
                "Bytes",
                8,
                "timeseries",
                "Bps",
                "Of bodies.",
                &[
                    (
                        "sum(rate(weir_downstream_received_bytes_total{pool=~\"$pool\"}[RATE]))",
                        "received",
                    ),
                    ("sum(rate(weir_downstream_sent_bytes_total{pool=~\"$pool\"}[RATE]))", "sent"),
                ],
            ),
            (
                "Protocols",
                8,
                "timeseries",
                "reqps",
                "What clients speak.",
                &[(
                    "sum by (listener, protocol) (rate(weir_downstream_protocol_requests_total[RATE]))",
                    "{{listener}} {{protocol}}",
                )],
            ),
            (
                "In flight and waiting",
                8,
                "timeseries",
                "short",
                "Requests in pools, and those that wait for their limits.",
                &[
                    ("sum(weir_upstream_active_requests{pool=~\"$pool\"})", "in flight"),
                    ("sum(weir_upstream_pending_requests{pool=~\"$pool\"})", "waiting"),
                ],
            ),
        ],
    ),
    (
        "Instances",
        &[
            (
                "Follows its source",
                8,
                "timeseries",
                "short",
                "1 while the API server can be reached and is followed.",
                &[("min by (instance) (weir_source_connected)", "{{instance}}")],
            ),
            (
                "Reconcile",
                8,
                "timeseries",
                "ops",
                "Turns of the loop that makes the routing table.",
                &[("sum by (result) (rate(weir_reconcile_total[RATE]))", "{{result}}")],
            ),
            (
                "Time of a turn",
                8,
                "timeseries",
                "s",
                "From the changes to the published table.",
                &[(
                    "histogram_quantile(0.99, sum by (le) (rate(weir_reconcile_seconds_bucket[RATE])))",
                    "p99",
                )],
            ),
            (
                "Changes that wait",
                8,
                "timeseries",
                "short",
                "For the next turn.",
                &[("sum by (instance) (weir_reconcile_pending_changes)", "{{instance}}")],
            ),
            (
                "Objects",
                8,
                "timeseries",
                "short",
                "What was read.",
                &[(
                    "max by (kind, accepted) (weir_reconcile_objects)",
                    "{{kind}} accepted={{accepted}}",
                )],
            ),
            (
                "Processor",
                8,
                "timeseries",
                "short",
                "Cores.",
                &[(
                    "rate(process_cpu_seconds_total[RATE]) and on (job, instance) weir_build_info",
                    "{{instance}}",
                )],
            ),
            (
                "Memory",
                8,
                "timeseries",
                "bytes",
                "Resident.",
                &[(
                    "process_resident_memory_bytes and on (job, instance) weir_build_info",
                    "{{instance}}",
                )],
            ),
            (
                "Certificates",
                8,
                "timeseries",
                "s",
                "Time until the first ten expire.",
                &[(
                    "bottomk(10, min by (certificate) (weir_tls_certificate_expiry_timestamp_seconds) - time())",
                    "{{certificate}}",
                )],
            ),
            (
                "File descriptors",
                8,
                "timeseries",
                "percentunit",
                "In use.",
                &[(
                    "process_open_fds / process_max_fds and on (job, instance) weir_build_info",
                    "{{instance}}",
                )],
            ),
            (
                "Memory of its limit",
                8,
                "timeseries",
                "percentunit",
                "From 85 % connections end early, from 92 % requests get 503.",
                &[("weir_memory_used_bytes / (weir_memory_limit_bytes > 0)", "{{instance}}")],
            ),
            (
                "Refused connections, broken protocols",
                8,
                "timeseries",
                "cps",
                "Of clients with too many connections, and those that broke the rules of HTTP or TLS.",
                &[
                    (
                        "sum by (listener) (rate(weir_downstream_refused_connections_total[RATE]))",
                        "{{listener}} refused",
                    ),
                    (
                        "sum by (listener) (rate(weir_downstream_protocol_errors_total[RATE]))",
                        "{{listener}} broken",
                    ),
                ],
            ),
            (
                "Lost to overload",
                8,
                "timeseries",
                "ops",
                "Requests refused for want of memory, and lines of the access log that were left out.",
                &[
                    (
                        "sum(rate(weir_downstream_refused_requests_total{reason=\"overloaded\"}[RATE])) or vector(0)",
                        "requests",
                    ),
                    ("sum(rate(weir_access_log_dropped_total[RATE]))", "lines of the log"),
                ],
            ),
            (
                "Broken certificates and Ingresses",
                8,
                "timeseries",
                "short",
                "Secrets whose last good certificate stays in use, and what is wrong with Ingresses.",
                &[
                    ("max(weir_tls_certificates_kept)", "certificates kept"),
                    ("max by (reason) (weir_reconcile_ingress_problems)", "{{reason}}"),
                ],
            ),
        ],
    ),
];
