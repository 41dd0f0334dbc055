//! The panels of the dashboard of one pool.

use crate::panels::Panel;

/// The same for one pool.
pub const POOL: &[(&str, &[Panel])] = &[
    (
        "Requests",
        &[
            (
                "Requests by route",
                8,
                "timeseries",
                "reqps",
                "",
                &[(
                    "sum by (route) (rate(weir_downstream_requests_total{pool=~\"$pool\"}[RATE]))",
                    "{{route}}",
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
                "Time, whole and upstream",
                8,
                "timeseries",
                "s",
                "Whole requests, and tries until the head of the endpoint's answer.",
                &[
                    (
                        "histogram_quantile(0.99, sum by (le) (rate(weir_downstream_request_seconds_bucket{pool=~\"$pool\"}[RATE])))",
                        "p99 whole",
                    ),
                    (
                        "histogram_quantile(0.99, sum by (le) (rate(weir_upstream_first_byte_seconds_bucket{pool=~\"$pool\"}[RATE])))",
                        "p99 first byte",
                    ),
                    (
                        "histogram_quantile(0.5, sum by (le) (rate(weir_upstream_first_byte_seconds_bucket{pool=~\"$pool\"}[RATE])))",
                        "p50 first byte",
                    ),
                ],
            ),
            (
                "Answered by Weir itself",
                8,
                "timeseries",
                "reqps",
                "By reason.",
                &[(
                    "sum by (reason) (rate(weir_upstream_dropped_requests_total{pool=~\"$pool\"}[RATE]))",
                    "{{reason}}",
                )],
            ),
            (
                "Retries",
                8,
                "timeseries",
                "ops",
                "Tries after the first, by how they ended.",
                &[(
                    "sum by (outcome) (rate(weir_upstream_retries_total{pool=~\"$pool\"}[RATE]))",
                    "{{outcome}}",
                )],
            ),
            (
                "In flight and waiting",
                8,
                "timeseries",
                "short",
                "",
                &[
                    ("sum(weir_upstream_active_requests{pool=~\"$pool\"})", "in flight"),
                    ("sum(weir_upstream_pending_requests{pool=~\"$pool\"})", "waiting"),
                ],
            ),
        ],
    ),
    (
        "Endpoints",
        &[
            (
                "By state",
                8,
                "timeseries",
                "short",
                "An endpoint may be in several states but ready.",
                &[
                    (
                        "max by (state) (weir_upstream_endpoints_in_state{pool=~\"$pool\"})",
                        "{{state}}",
                    ),
                    ("max(weir_upstream_endpoints{pool=~\"$pool\"})", "all"),
                ],
            ),
            (
                "Requests by endpoint",
                8,
                "timeseries",
                "reqps",
                "The twenty busiest.",
                &[(
                    "topk(20, sum by (endpoint) (rate(weir_upstream_endpoint_requests_total{pool=~\"$pool\"}[RATE])))",
                    "{{endpoint}}",
                )],
            ),
            (
                "Failures by endpoint",
                8,
                "timeseries",
                "reqps",
                "Tries that an endpoint did not answer.",
                &[(
                    "topk(20, sum by (endpoint, reason) (rate(weir_upstream_endpoint_failures_total{pool=~\"$pool\"}[RATE])))",
                    "{{endpoint}} {{reason}}",
                )],
            ),
            (
                "Connections by endpoint",
                8,
                "timeseries",
                "short",
                "Open ones, the twenty with most.",
                &[(
                    "topk(20, sum by (endpoint) (weir_upstream_endpoint_active_connections{pool=~\"$pool\"}))",
                    "{{endpoint}}",
                )],
            ),
            (
                "Checks and verdicts",
                8,
                "timeseries",
                "ops",
                "Active health checks, and endpoints that outlier detection took out.",
                &[
                    (
                        "sum by (result) (rate(weir_health_probes_total{pool=~\"$pool\"}[RATE]))",
                        "{{result}}",
                    ),
                    (
                        "sum(rate(weir_upstream_ejections_total{pool=~\"$pool\"}[RATE]))",
                        "ejections",
                    ),
                ],
            ),
            (
                "Tier and panic",
                8,
                "timeseries",
                "short",
                "Highest tier that takes traffic; 1 while health is ignored.",
                &[
                    ("max by (pool) (weir_upstream_tier{pool=~\"$pool\"})", "{{pool}} tier"),
                    ("max by (pool) (weir_upstream_panic{pool=~\"$pool\"})", "{{pool}} panic"),
                ],
            ),
            (
                "Share by endpoint",
                8,
                "timeseries",
                "percentunit",
                "What weight, tier, nearness, health and warm-up give each; the twenty largest.",
                &[(
                    "topk(20, max by (endpoint) (weir_upstream_endpoint_share_ratio{pool=~\"$pool\"}))",
                    "{{endpoint}}",
                )],
            ),
            (
                "Unhealthy and ejected",
                8,
                "timeseries",
                "short",
                "1 while active checks fail, and while an endpoint is taken out for how it answered.",
                &[
                    (
                        "topk(20, max by (endpoint) (1 - weir_upstream_endpoint_healthy{pool=~\"$pool\"}))",
                        "{{endpoint}} unhealthy",
                    ),
                    (
                        "topk(20, max by (endpoint) (weir_upstream_endpoint_ejected{pool=~\"$pool\"}))",
                        "{{endpoint}} ejected",
                    ),
                ],
            ),
            (
                "Ejections by endpoint",
                8,
                "timeseries",
                "ops",
                "The twenty with the most.",
                &[(
                    "topk(20, sum by (endpoint) (rate(weir_upstream_endpoint_ejections_total{pool=~\"$pool\"}[RATE])))",
                    "{{endpoint}}",
                )],
            ),
            (
                "Tries by backend",
                8,
                "timeseries",
                "reqps",
                "By first digit of the status; none: no answer.",
                &[(
                    "sum by (backend, code) (rate(weir_upstream_backend_requests_total{pool=~\"$pool\"}[RATE]))",
                    "{{backend}} {{code}}",
                )],
            ),
            (
                "First byte by backend",
                8,
                "timeseries",
                "s",
                "99 of 100 tries took less.",
                &[(
                    "histogram_quantile(0.99, sum by (backend, le) (rate(weir_upstream_first_byte_seconds_bucket{pool=~\"$pool\"}[RATE])))",
                    "{{backend}}",
                )],
            ),
            (
                "Tries by zone",
                8,
                "timeseries",
                "reqps",
                "Of the endpoints; empty where it is not known.",
                &[(
                    "sum by (zone) (rate(weir_upstream_endpoint_requests_total{pool=~\"$pool\"}[RATE]) * on (instance, pool, endpoint) group_left (zone) weir_upstream_endpoint_info)",
                    "{{zone}}",
                )],
            ),
        ],
    ),
];
