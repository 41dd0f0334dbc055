//! Every metric: name, type, labels and meaning. The only place where they are written down.

/// Kind is the type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process or the object it belongs to ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

impl Kind {
    /// Returns the word that Prometheus uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Family is one metric with all its label values.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// Declares the families and the list of them.
macro_rules! families {
    ($($id:ident $kind:ident $name:literal [$($label:literal),*] $help:literal)+) => {
        $(pub(super) const $id: Family = Family {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)+

        const ALL: &[Family] = &[$($id),+];
    };
}

/// Returns every metric, in the order of the documentation.
pub const fn catalog() -> &'static [Family] {
    ALL
}

families! {
    REQUESTS Counter "weir_downstream_requests_total" ["pool", "route", "method", "code"]
        "Requests that a route took and that are over, by the first digit of the status (none: the client left without an answer)."
    REQUEST_SECONDS Histogram "weir_downstream_request_seconds" ["pool", "route"]
        "Time from the first byte of a request's head to the last byte of its answer."
    RECEIVED_BYTES Counter "weir_downstream_received_bytes_total" ["pool", "route"]
        "Bytes of request bodies received from clients."
    SENT_BYTES Counter "weir_downstream_sent_bytes_total" ["pool", "route"]
        "Bytes of answer bodies sent to clients."
    CONNECTIONS Counter "weir_downstream_connections_total" ["listener"]
        "Connections accepted from clients."
    ACTIVE_CONNECTIONS Gauge "weir_downstream_active_connections" ["listener"]
        "Connections of clients that are open."
    ACCEPT_ERRORS Counter "weir_downstream_accept_errors_total" ["listener"]
        "Connections that the system could not hand over, as when file descriptors run out."
    REFUSED_CONNECTIONS Counter "weir_downstream_refused_connections_total" ["listener"]
        "Connections closed at once because their client, or the listener, had as many as it may."
    PROTOCOL_REQUESTS Counter "weir_downstream_protocol_requests_total" ["listener", "protocol"]
        "Requests by the version of HTTP that the client speaks."
    REFUSED Counter "weir_downstream_refused_requests_total" ["listener", "reason"]
        "Requests that were answered before they reached a pool, by reason."
    PROTOCOL_ERRORS Counter "weir_downstream_protocol_errors_total" ["listener"]
        "Connections that ended because the client broke its protocol."
    FLOODS Counter "weir_downstream_floods_total" ["listener", "cause"]
        "HTTP/2 connections that ended because of too many frames of a kind that brings nothing."
    HANDSHAKES Counter "weir_downstream_tls_handshakes_total" ["listener", "result"]
        "TLS handshakes with clients, by result."

    ACTIVE_REQUESTS Gauge "weir_upstream_active_requests" ["pool"]
        "Requests in flight in the pool, streams and tunnels included."
    PENDING_REQUESTS Gauge "weir_upstream_pending_requests" ["pool"]
        "Requests that wait for the pool's limits."
    RETRIES Counter "weir_upstream_retries_total" ["pool", "outcome"]
        "Tries after the first, by how they ended."
    BUDGET_EXHAUSTED Counter "weir_upstream_retry_budget_exhausted_total" ["pool"]
        "Retries that were not made because the pool's budget was spent."
    DROPPED Counter "weir_upstream_dropped_requests_total" ["pool", "reason"]
        "Requests that the client got no endpoint's answer to, by reason."
    ENDPOINTS Gauge "weir_upstream_endpoints" ["pool"]
        "Endpoints of the pool, whatever their state."
    ENDPOINT_STATES Gauge "weir_upstream_endpoints_in_state" ["pool", "state"]
        "Endpoints of the pool by state: ready ones take traffic; an endpoint may be in several of the other states."
    PANIC Gauge "weir_upstream_panic" ["pool"]
        "1 while so few endpoints are available that the pool ignores health."
    TIER Gauge "weir_upstream_tier" ["pool"]
        "Highest failover tier that takes traffic; 0 is the first."
    EJECTIONS Counter "weir_upstream_ejections_total" ["pool"]
        "Endpoints taken out for how they answered requests."

    BACKEND_REQUESTS Counter "weir_upstream_backend_requests_total" ["pool", "backend", "code"]
        "Tries on the endpoints of a backend, by the first digit of the status (none: no answer)."
    FIRST_BYTE_SECONDS Histogram "weir_upstream_first_byte_seconds" ["pool", "backend"]
        "Time from the begin of a try to the head of the endpoint's answer, connecting included."

    ENDPOINT_REQUESTS Counter "weir_upstream_endpoint_requests_total" ["pool", "endpoint", "code"]
        "Tries that an endpoint answered, by the first digit of the status."
    ENDPOINT_FAILURES Counter "weir_upstream_endpoint_failures_total" ["pool", "endpoint", "reason"]
        "Tries that an endpoint did not answer, by reason."
    ENDPOINT_CONNECTIONS Counter "weir_upstream_endpoint_connections_total" ["pool", "endpoint"]
        "Connections opened to an endpoint."
    ENDPOINT_ACTIVE_CONNECTIONS Gauge "weir_upstream_endpoint_active_connections" ["pool", "endpoint"]
        "Connections to an endpoint that are open."
    ENDPOINT_CONNECT_SECONDS Counter "weir_upstream_endpoint_connect_seconds_total" ["pool", "endpoint"]
        "Time spent opening connections to an endpoint; over the number opened it is the mean."
    ENDPOINT_FLOODS Counter "weir_upstream_endpoint_floods_total" ["pool", "endpoint", "cause"]
        "HTTP/2 connections that ended because the endpoint sent too many frames of a kind that brings nothing."
    ENDPOINT_HEALTHY Gauge "weir_upstream_endpoint_healthy" ["pool", "endpoint"]
        "0 while active checks of the endpoint fail, else 1."
    ENDPOINT_EJECTED Gauge "weir_upstream_endpoint_ejected" ["pool", "endpoint"]
        "1 while the endpoint is taken out for how it answered requests."
    ENDPOINT_EJECTIONS Counter "weir_upstream_endpoint_ejections_total" ["pool", "endpoint"]
        "Times that the endpoint was taken out for how it answered requests."
    ENDPOINT_SHARE Gauge "weir_upstream_endpoint_share_ratio" ["pool", "endpoint"]
        "Part of the pool's requests, 0 to 1, that weight, tier, nearness, health and warm-up give the endpoint now."
    ENDPOINT_INFO Gauge "weir_upstream_endpoint_info" ["pool", "endpoint", "backend", "zone", "region"]
        "Always 1; its labels say which backend the endpoint is of, and where it is."

    HEALTH_PROBES Counter "weir_health_probes_total" ["pool", "result"]
        "Active health checks, by result."
    HEALTH_TRANSITIONS Counter "weir_health_transitions_total" ["pool", "to"]
        "Endpoints whose active checks changed their verdict."
    HEALTH_PROBE_SECONDS Histogram "weir_health_probe_seconds" []
        "Time of one active health check, of all pools."

    SOURCE_SYNCED Gauge "weir_source_synced" []
        "1 once the whole configuration has been read."
    SOURCE_CONNECTED Gauge "weir_source_connected" []
        "1 while the source of the configuration can be reached and is followed."
    SOURCE_DISCONNECTS Counter "weir_source_disconnects_total" []
        "Times that the source of the configuration was lost."
    SOURCE_RELISTS Counter "weir_source_relists_total" ["kind"]
        "Times that all objects of a kind were read anew, the first time included."
    SOURCE_ERRORS Counter "weir_source_errors_total" ["kind"]
        "Objects that could not be decoded and reads that failed, by kind."

    RECONCILES Counter "weir_reconcile_total" ["result"]
        "Turns of the reconcile loop: a new table was published, nothing that matters had changed, or it failed."
    RECONCILE_SECONDS Histogram "weir_reconcile_seconds" []
        "Time of one turn of the reconcile loop, from the changes to the published table."
    RECONCILE_PENDING Gauge "weir_reconcile_pending_changes" []
        "Changes of objects that wait for the next turn of the reconcile loop."
    RECONCILE_SUCCESS Gauge "weir_reconcile_last_success_timestamp_seconds" []
        "When the reconcile loop last ended well, in seconds since 1970."
    GENERATION Gauge "weir_reconcile_generation" []
        "Generation of the routing table that serves; it grows by one with each."
    OBJECTS Gauge "weir_reconcile_objects" ["kind", "accepted"]
        "Objects of the configuration by kind, and whether they were accepted."

    INGRESS_PROBLEMS Gauge "weir_reconcile_ingress_problems" ["reason"]
        "What is wrong with Ingresses now, by reason; each is also told by an Event."

    STATUS_WRITES Counter "weir_status_writes_total" ["result"]
        "Writes of status and Events, by result."
    LEADER Gauge "weir_status_leader" []
        "1 while this instance holds the Lease and writes status."
    CERTIFICATE_EXPIRY Gauge "weir_tls_certificate_expiry_timestamp_seconds" ["certificate"]
        "End of the validity of a certificate that is shown to clients or to endpoints, in seconds since 1970."
    CERTIFICATES_KEPT Gauge "weir_tls_certificates_kept" []
        "Secrets that hold no usable certificate now and whose last good one stays in use."

    MEMORY_LIMIT Gauge "weir_memory_limit_bytes" []
        "Memory that the process may use, by --memory-limit or its cgroup; 0 where nothing says it."
    MEMORY_USED Gauge "weir_memory_used_bytes" []
        "Memory in use as it counts against the limit; from 85 percent connections end early, from 92 percent requests get 503."
    PANICS Counter "weir_panics_total" []
        "Faults in the program that cost one connection or one task."
    ACCESS_LOG_DROPPED Counter "weir_access_log_dropped_total" []
        "Lines of the access log that were left out because the output did not keep up or could not be written."
    EVENTS_DROPPED Counter "weir_events_dropped_total" []
        "Changes of health that were not told because too many came at once."
    FOLDED Counter "weir_metrics_folded_endpoints_total" []
        "Endpoints that share the series endpoint=\"other\" of their pool because of --metrics-endpoint-limit."
    WORKERS Gauge "weir_workers" []
        "Worker threads that serve traffic."
    BUILD Gauge "weir_build_info" ["version"]
        "Always 1; its label says which version runs."

    PROCESS_CPU Counter "process_cpu_seconds_total" []
        "Processor time that the process used, user and system."
    PROCESS_RSS Gauge "process_resident_memory_bytes" []
        "Memory of the process that is in RAM."
    PROCESS_VIRTUAL Gauge "process_virtual_memory_bytes" []
        "Address space of the process."
    PROCESS_FDS Gauge "process_open_fds" []
        "File descriptors that are open."
    PROCESS_MAX_FDS Gauge "process_max_fds" []
        "File descriptors that may be open."
    PROCESS_THREADS Gauge "process_threads" []
        "Threads of the process."
    PROCESS_START Gauge "process_start_time_seconds" []
        "When the process started, in seconds since 1970."
}
