//! Specs that break and keep the CEL rules of the CRD. The tests against a real API server read
//! this file too.

const BACKENDS: &str = "backends: [{service: {name: a, port: 80}}]";

/// A spec that breaks a rule, where, what is said, and a spec that keeps it.
pub const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "backends: [{weight: 1}]",
        "spec.backends[0]",
        "exactly one of service and endpoint must be set",
        "backends: [{endpoint: {address: '::1', port: 1}}]",
    ),
    (
        "backends: [{service: {name: a, port: 80}, endpoint: {address: 127.0.0.1, port: 1}}]",
        "spec.backends[0]",
        "exactly one of service and endpoint must be set",
        "backends: [{service: {name: a, port: 80}}]",
    ),
    (
        "backends: [{service: {name: a, port: 80}, weight: 0}]",
        "spec",
        "at least one backend needs a weight above 0",
        "backends: [{service: {name: a, port: 80}, weight: 0}, {service: {name: b, port: 80}}]",
    ),
    (
        "{loadBalancing: {algorithm: Maglev, hashOn: [{header: x-user}, {path: true}, {cookie: a}]}}",
        "spec.loadBalancing",
        "hashOn: every request has a clientAddress and a path, so no key after one of them is ever \
         used: put it last",
        "loadBalancing: {algorithm: RingHash, hashOn: [{header: x-user}, {cookie: a}, \
         {queryParam: b}, {clientAddress: true}]}",
    ),
    (
        "{loadBalancing: {algorithm: RingHash, hashOn: [{clientAddress: true}, {header: x-user}]}}",
        "spec.loadBalancing",
        "hashOn: every request has a clientAddress and a path, so no key after one of them is ever \
         used: put it last",
        "loadBalancing: {algorithm: RingHash, hashOn: [{clientAddress: true}]}",
    ),
    (
        "backends: [{service: {name: a, port: 80}}], targetRefs: [{kind: Service, name: a}]",
        "spec",
        "backends and targetRefs exclude each other: with targetRefs the endpoints are those of the \
         Services",
        "targetRefs: [{kind: Service, name: a}], loadBalancing: {algorithm: LeastRequest}",
    ),
    (
        "{}",
        "spec",
        "one of backends and targetRefs must be set; settings alone are for an IngressClass that \
         names them",
        "targetRefs: [{kind: Service, name: a}]",
    ),
    (
        "backends: [{service: {name: a, port: 80}}], notInherited: [access]",
        "spec",
        "notInherited needs targetRefs: only settings for Services inherit what others say",
        "targetRefs: [{kind: Service, name: a}], notInherited: [access, backendTLS]",
    ),
    (
        "targetRefs: [{kind: Service, name: a}], routes: [{}]",
        "spec",
        "routes need backends: where requests for a Service go is said by Ingresses",
        "backends: [{service: {name: a, port: 80}}], routes: [{}]",
    ),
    (
        "targetRefs: [{kind: Service, name: a}], tls: {certificateRefs: [{name: a}]}",
        "spec",
        "tls.certificateRefs must be set where the pool has routes, and only there: the certificates \
         of other hosts are said by Ingresses",
        "targetRefs: [{group: '', kind: Service, name: a, sectionName: http}], \
         tls: {minVersion: TLSv1.3}",
    ),
    (
        "routes: [{}], tls: {minVersion: TLSv1.3}",
        "spec",
        "tls.certificateRefs must be set where the pool has routes, and only there: the certificates \
         of other hosts are said by Ingresses",
        "tls: {minVersion: TLSv1.3}",
    ),
    (
        "targetRefs: [{group: networking.k8s.io, kind: Ingress, name: a}]",
        "spec.targetRefs[0]",
        "a target is a Service: write group \"\" and kind Service",
        "targetRefs: [{group: '', kind: Service, name: a}, {kind: Service, name: b}]",
    ),
    (
        "{tls: {certificateRefs: [{name: a}, {name: b}]}, routes: [{}]}",
        "spec",
        "tls without hostnames takes exactly one certificateRef: it becomes the default certificate",
        "{tls: {certificateRefs: [{name: a}, {name: b}]}, routes: [{hostnames: [a.example]}]}",
    ),
    (
        "loadBalancing: {algorithm: Maglev}",
        "spec",
        "loadBalancing.hashOn is required for the algorithms RingHash and Maglev: say what to hash, \
         e.g. [{clientAddress: true}]",
        "loadBalancing: {algorithm: Maglev, hashOn: [{clientAddress: true}]}",
    ),
    (
        "loadBalancing: {hashOn: [{path: true}]}",
        "spec",
        "loadBalancing.hashOn is only used by the algorithms RingHash and Maglev",
        "loadBalancing: {algorithm: RingHash, hashOn: [{path: true}]}",
    ),
    (
        "loadBalancing: {algorithm: RingHash, hashOn: [{header: a, cookie: b}]}",
        "spec.loadBalancing.hashOn[0]",
        "exactly one of header, cookie, queryParam, clientAddress and path must be set",
        "loadBalancing: {algorithm: RingHash, hashOn: [{header: a}, {cookie: b}]}",
    ),
    (
        "loadBalancing: {algorithm: RingHash, hashOn: [{path: false}]}",
        "spec.loadBalancing.hashOn[0]",
        "clientAddress and path take only the value true: leave the field out instead",
        "loadBalancing: {algorithm: RingHash, hashOn: [{queryParam: q}]}",
    ),
    (
        "loadBalancing: {locality: {prefer: ClientRegion}}",
        "spec.loadBalancing.locality",
        "locality.regions is required when prefer is ClientRegion: say where each region is and \
         whose clients belong to it",
        "loadBalancing: {locality: {prefer: ClientRegion, regions: \
         [{name: a, location: {latitude: 1.5, longitude: -2}}]}}",
    ),
    (
        "loadBalancing: {locality: {prefer: Zone, regions: \
         [{name: a, location: {latitude: 1, longitude: 2}}]}}",
        "spec.loadBalancing.locality",
        "locality.regions is only used when prefer is ClientRegion",
        "loadBalancing: {locality: {prefer: Zone}}",
    ),
    (
        "healthCheck: {http: {}, tcp: {}}",
        "spec.healthCheck",
        "exactly one of http, tcp and grpc must be set",
        "healthCheck: {grpc: {}}",
    ),
    (
        "timeouts: {connect: 0s}",
        "spec.timeouts",
        "timeouts.connect must be above 0s: leave it out for 2s",
        "timeouts: {connect: 1ms, idle: 0s, keepAlive: 0s, request: 0s, backendRequest: 0s}",
    ),
    (
        "limits: {maxRequests: 1, maxPending: 1, queueTimeout: 0ms}",
        "spec.limits",
        "limits.queueTimeout must be above 0s: leave limits.maxPending out where nothing may wait",
        "limits: {maxRequests: 1, maxPending: 1, queueTimeout: 1ms}",
    ),
    (
        "rateLimit: {requests: 1, per: 0s}",
        "spec.rateLimit",
        "rateLimit.per must be above 0s: leave rateLimit out for no limit",
        "rateLimit: {requests: 1, per: 1ms}",
    ),
    (
        "loadBalancing: {slowStart: {window: 0h0m}}",
        "spec.loadBalancing.slowStart",
        "slowStart.window must be above 0s: leave slowStart out for none",
        "loadBalancing: {slowStart: {window: 1h}}",
    ),
    (
        "outlierDetection: {baseEjectionTime: 0s}",
        "spec.outlierDetection",
        "outlierDetection.baseEjectionTime must be above 0s: leave outlierDetection out where \
         nothing may be ejected",
        "outlierDetection: {}",
    ),
    (
        "outlierDetection: {baseEjectionTime: 6m}",
        "spec.outlierDetection",
        "outlierDetection.baseEjectionTime must not be longer than outlierDetection.maxEjectionTime",
        "outlierDetection: {baseEjectionTime: 6m, maxEjectionTime: 6m}",
    ),
    (
        "healthCheck: {tcp: {}, timeout: 0s}",
        "spec.healthCheck",
        "healthCheck.timeout must be above 0s",
        "healthCheck: {tcp: {}, timeout: 1ms}",
    ),
    (
        "healthCheck: {tcp: {}, timeout: 1ms, interval: 99ms}",
        "spec.healthCheck",
        "healthCheck.interval must be at least 100ms",
        "healthCheck: {tcp: {}, timeout: 1ms, interval: 100ms}",
    ),
    (
        "healthCheck: {tcp: {}, timeout: 1m1s}",
        "spec.healthCheck",
        "healthCheck.timeout must not be longer than healthCheck.interval",
        "healthCheck: {tcp: {}, timeout: 500ms, interval: 500ms}",
    ),
    (
        "healthCheck: {http: {expectedStatuses: [{start: 300, end: 299}]}}",
        "spec.healthCheck.http.expectedStatuses[0]",
        "start must not be above end",
        "healthCheck: {http: {expectedStatuses: [{start: 299, end: 299}]}}",
    ),
    (
        "access: {}",
        "spec.access",
        "access needs allow or deny: without either everybody may ask",
        "access: {deny: ['10.0.0.0/8']}",
    ),
    (
        "limits: {queueTimeout: 1s}",
        "spec.limits",
        "limits.queueTimeout needs limits.maxPending: without a queue nothing waits",
        "limits: {queueTimeout: 1s, maxPending: 1, maxRequests: 1}",
    ),
    (
        "limits: {maxPending: 5}",
        "spec.limits",
        "limits.maxPending needs limits.maxRequests, limits.maxConnections or one of \
         limits.perEndpoint: without a limit nothing has to wait",
        "limits: {maxPending: 5, perEndpoint: {maxRequests: 2}}",
    ),
    (
        "limits: {maxPending: 5, perEndpoint: {}}",
        "spec.limits",
        "limits.maxPending needs limits.maxRequests, limits.maxConnections or one of \
         limits.perEndpoint: without a limit nothing has to wait",
        "limits: {maxPending: 5, maxConnections: 4, queueTimeout: 5s}",
    ),
    (
        "limits: {maxPending: 5, maxRequestBodyBytes: 1}",
        "spec.limits",
        "limits.maxPending needs limits.maxRequests, limits.maxConnections or one of \
         limits.perEndpoint: without a limit nothing has to wait",
        "limits: {maxPending: 5, perEndpoint: {maxConnections: 2}}",
    ),
    (
        "sessionPersistence: {absoluteTimeout: 500ms}",
        "spec.sessionPersistence",
        "sessionPersistence.absoluteTimeout must be 0s or at least 1s, as cookies count whole seconds",
        "sessionPersistence: {absoluteTimeout: 1s}",
    ),
    (
        "sessionPersistence: {absoluteTimeout: 999ms}",
        "spec.sessionPersistence",
        "sessionPersistence.absoluteTimeout must be 0s or at least 1s, as cookies count whole seconds",
        "sessionPersistence: {absoluteTimeout: 0s}",
    ),
    (
        "retry: {triggers: []}",
        "spec.retry",
        "retry needs a trigger or a status code: without either nothing is tried again",
        "retry: {triggers: [], codes: [503]}",
    ),
    (
        "routes: [{matches: [{path: {value: a}}]}]",
        "spec.routes[0].matches[0].path",
        "path.value must start with / for the types Exact and PathPrefix",
        "routes: [{matches: [{path: {type: RegularExpression, value: a}}]}]",
    ),
    (
        "routes: [{matches: [{path: {value: /a/../b}}]}]",
        "spec.routes[0].matches[0].path",
        "path.value must be a normal form: no //, /./ or /../, as no request has them after \
         normalisation",
        "routes: [{matches: [{path: {value: /a/..b}}]}]",
    ),
    (
        "routes: [{matches: [{path: {type: Exact, value: '/a?b'}}]}]",
        "spec.routes[0].matches[0].path",
        "path.value must not hold a query (?) or a fragment (#): use queryParams",
        "routes: [{matches: [{path: {type: RegularExpression, value: '/a?b'}}]}]",
    ),
    (
        "timeouts: {request: 1s, backendRequest: 2s}",
        "spec.timeouts",
        "timeouts.backendRequest must not be longer than timeouts.request",
        "timeouts: {request: 2s, backendRequest: 2s}",
    ),
    (
        "routes: [{timeouts: {request: 1s, backendRequest: 1500ms}}]",
        "spec.routes[0].timeouts",
        "timeouts.backendRequest must not be longer than timeouts.request",
        "routes: [{timeouts: {request: 0s, backendRequest: 1m}}]",
    ),
    (
        "routes: [{}], tls: {certificateRefs: [{name: a}], minVersion: TLSv1.3, maxVersion: TLSv1.2}",
        "spec.tls",
        "tls.maxVersion must not be below tls.minVersion",
        "routes: [{}], tls: {certificateRefs: [{name: a}], minVersion: TLSv1.3, maxVersion: TLSv1.3}",
    ),
    (
        "routes: [{}], tls: {certificateRefs: [{name: a}], cipherSuites: [TLS_AES_128_GCM_SHA256]}",
        "spec.tls",
        "tls.cipherSuites has none for TLS 1.2: add one whose name begins with TLS_ECDHE_, or set \
         minVersion to TLSv1.3",
        "routes: [{}], tls: {certificateRefs: [{name: a}], cipherSuites: [TLS_AES_128_GCM_SHA256], \
         minVersion: TLSv1.3}",
    ),
    (
        "routes: [{}], tls: {certificateRefs: [{name: a}], \
         cipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
        "spec.tls",
        "tls.cipherSuites has none for TLS 1.3: add for instance TLS_AES_128_GCM_SHA256, or set \
         maxVersion to TLSv1.2",
        "routes: [{}], tls: {certificateRefs: [{name: a}], maxVersion: TLSv1.2, \
         cipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
    ),
    (
        "routes: [{}], tls: {certificateRefs: [{name: a}], minVersion: TLSv1.3, \
         cipherSuites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
        "spec.tls",
        "tls.cipherSuites whose names begin with TLS_ECDHE_ are of TLS 1.2, which minVersion leaves \
         out: leave them out too",
        "routes: [{}], tls: {certificateRefs: [{name: a}], minVersion: TLSv1.2, \
         cipherSuites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
    ),
    (
        "routes: [{}], tls: {certificateRefs: [{name: a}], maxVersion: TLSv1.2, \
         cipherSuites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
        "spec.tls",
        "tls.cipherSuites whose names do not begin with TLS_ECDHE_ are of TLS 1.3, which maxVersion \
         leaves out: leave them out too",
        "routes: [{}], tls: {certificateRefs: [{name: a}], maxVersion: TLSv1.3, \
         cipherSuites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
    ),
    (
        "httpsRedirect: {statusCode: 302}",
        "spec.httpsRedirect",
        "httpsRedirect.statusCode must be 301 or 308",
        "httpsRedirect: {statusCode: 301}",
    ),
    (
        "routes: [{}], httpsRedirect: {}",
        "spec",
        "httpsRedirect needs tls where the pool has routes: clients would be sent to hosts without a \
         certificate",
        "routes: [{}], httpsRedirect: {}, tls: {certificateRefs: [{name: a}]}",
    ),
    (
        "backendTLS: {validation: {hostname: a.b}}",
        "spec.backendTLS.validation",
        "exactly one of caCertificateRefs and wellKnownCACertificates must be set: say whose \
         certificates are believed",
        "backendTLS: {validation: {hostname: a.b, wellKnownCACertificates: System}}",
    ),
    (
        "backendTLS: {validation: {hostname: a.b, wellKnownCACertificates: System, \
         caCertificateRefs: [{name: a}]}}",
        "spec.backendTLS.validation",
        "exactly one of caCertificateRefs and wellKnownCACertificates must be set: say whose \
         certificates are believed",
        "backendTLS: {validation: {hostname: a.b, caCertificateRefs: [{name: a}]}}",
    ),
    (
        "backendTLS: {validation: {hostname: a.b, caCertificateRefs: [{group: x, name: a}]}}",
        "spec.backendTLS.validation.caCertificateRefs[0]",
        "certificates of authorities are in ConfigMaps or Secrets: write group \"\"",
        "backendTLS: {validation: {hostname: a.b, caCertificateRefs: [{kind: Secret, name: a}]}}",
    ),
    (
        "backendTLS: {validation: {hostname: a.b, wellKnownCACertificates: System, \
         subjectAltNames: [{type: Hostname, uri: 'a:b'}]}}",
        "spec.backendTLS.validation.subjectAltNames[0]",
        "a name of type Hostname needs hostname, and no uri",
        "backendTLS: {validation: {hostname: a.b, wellKnownCACertificates: System, \
         subjectAltNames: [{type: Hostname, hostname: '*.b'}]}}",
    ),
    (
        "backendTLS: {validation: {hostname: a.b, wellKnownCACertificates: System, \
         subjectAltNames: [{type: URI, uri: 'a:b', hostname: a}]}}",
        "spec.backendTLS.validation.subjectAltNames[0]",
        "a name of type URI needs uri, and no hostname",
        "backendTLS: {validation: {hostname: a.b, wellKnownCACertificates: System, \
         subjectAltNames: [{type: URI, uri: 'spiffe://cluster.local/ns/a/sa/b'}]}}",
    ),
];

/// Returns a spec with backends: the given one where it has some, or targets instead.
pub fn whole(spec: &str) -> String {
    if spec == "{}" {
        return spec.to_owned();
    }
    let inner = spec.strip_prefix('{').and_then(|s| s.strip_suffix('}')).unwrap_or(spec);
    if inner.starts_with("backends") || inner.starts_with("targetRefs") {
        format!("{{{inner}}}")
    } else {
        format!("{{{inner}, {BACKENDS}}}")
    }
}
