//! The API server accepts and refuses what `weir check` accepts and refuses, for the same reasons.

use std::fs;
use std::path::Path;

use kube::Client;
use serde_json::Value;
use weir::api::backend_pool_crd;
use weir::api::validate::{Format, PoolSchema, Verdict, read};

use crate::cases::{CASES, whole};
use crate::rig::{create, server};

const PATH: &str = "/apis/weir.dev/v1alpha1/namespaces/default/backendpools?dryRun=All";

/// A refusal: the fields that are named, and all that is said.
#[derive(Debug)]
struct Refusal {
    fields: Vec<String>,
    text: String,
}

fn pool(spec: &str) -> String {
    format!(
        "{{apiVersion: weir.dev/v1alpha1, kind: BackendPool, metadata: {{name: shop}}, spec: {}}}",
        if spec.starts_with('{') { spec.to_owned() } else { format!("{{{spec}}}") }
    )
}

async fn by_server(client: &Client, text: &str) -> Option<Refusal> {
    let object: Value = serde_saphyr::from_str(text).expect("the case is YAML");
    match create(client, PATH, &object).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => {
            let causes = status.details.iter().flat_map(|details| details.causes.iter());
            Some(Refusal {
                fields: causes.map(|cause| cause.field.clone()).collect(),
                text: status.message.clone(),
            })
        }
        Err(error) => panic!("{error}"),
    }
}

fn by_check(schema: &PoolSchema, text: &str) -> Option<Refusal> {
    let documents = read(text.as_bytes(), Format::Yaml, schema).expect("the case is YAML");
    match &documents.first().expect("one object").verdict {
        Verdict::Read(..) => None,
        Verdict::Flawed(_, problems) | Verdict::Refused(problems) => Some(Refusal {
            fields: problems.iter().map(|problem| problem.path.to_string()).collect(),
            text: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }),
        Verdict::Unread => panic!("not read: {text}"),
    }
}

#[tokio::test]
async fn every_rule_is_kept_and_broken_with_the_same_words() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let schema = PoolSchema::new().unwrap();
    for (bad, path, message, good) in CASES {
        let bad = pool(&whole(bad));
        let refusal = by_server(&client, &bad).await.unwrap_or_else(|| panic!("accepted: {bad}"));
        assert_eq!(refusal.fields, [*path], "{bad}: {refusal:?}");
        assert!(refusal.text.contains(message), "{bad}: {refusal:?}");
        let checked = by_check(&schema, &bad).unwrap_or_else(|| panic!("check accepts {bad}"));
        assert_eq!(checked.text, format!("{path}: {message}"), "{bad}");
        let good = pool(&whole(good));
        for refusal in [by_server(&client, &good).await, by_check(&schema, &good)] {
            assert!(refusal.is_none(), "{good}: {refusal:?}");
        }
    }
}

/// Specs that break types, bounds and names, and the field that both name.
const REFUSED: &[(&str, &str)] = &[
    ("backends: []", "spec.backends"),
    ("backends: 7", "spec.backends"),
    ("{}", "spec"),
    ("backends: null", "spec"),
    ("backends: [{service: {name: a, port: http}}]", "spec.backends[0].service.port"),
    ("backends: [{service: {name: a}}]", "spec.backends[0].service.port"),
    ("backends: [{service: {name: A, port: 1}}]", "spec.backends[0].service.name"),
    ("backends: [{endpoint: {address: '::1', port: 70000}}]", "spec.backends[0].endpoint.port"),
    ("backends: [{endpoint: {address: '::1', port: 80.5}}]", "spec.backends[0].endpoint.port"),
    ("backends: [{endpoint: {address: here, port: 80}}]", "spec.backends[0].endpoint.address"),
    ("backends: [{service: {name: a, port: 1}, weight: -1}]", "spec.backends[0].weight"),
    ("backends: [{service: {name: a, port: 1}, tier: 16}]", "spec.backends[0].tier"),
    ("loadBalancing: {algorithm: Best}", "spec.loadBalancing.algorithm"),
    ("loadBalancing: {locality: {}}", "spec.loadBalancing.locality.prefer"),
    ("panicThreshold: 101", "spec.panicThreshold"),
    ("panicThreshold: '50'", "spec.panicThreshold"),
    ("timeouts: {connect: 1d}", "spec.timeouts.connect"),
    ("timeouts: {connect: 5}", "spec.timeouts.connect"),
    ("healthCheck: {http: {path: a}}", "spec.healthCheck.http.path"),
    ("healthCheck: {http: {method: POST}}", "spec.healthCheck.http.method"),
    ("outlierDetection: {maxEjectedPercent: 101}", "spec.outlierDetection.maxEjectedPercent"),
    ("retry: {attempts: 0}", "spec.retry.attempts"),
    ("retry: {codes: [200]}", "spec.retry.codes[0]"),
    ("retry: {codes: ['503']}", "spec.retry.codes[0]"),
    ("retry: {triggers: [500]}", "spec.retry.triggers[0]"),
    ("retry: {triggers: [reset, reset]}", "spec.retry.triggers[1]"),
    ("retry: {on: [reset]}", "spec.retry.on"),
    ("limits: {maxRequests: 0}", "spec.limits.maxRequests"),
    ("limits: {maxRequestBodyBytes: 0}", "spec.limits.maxRequestBodyBytes"),
    ("access: {}", "access needs allow or deny"),
    ("access: {allow: []}", "spec.access.allow"),
    ("access: {deny: ['10.0.0.1']}", "spec.access.deny[0]"),
    ("access: {allow: ['any/0']}", "spec.access.allow[0]"),
    ("rateLimit: {requests: 0}", "spec.rateLimit.requests"),
    ("rateLimit: {requests: 1, key: Path}", "spec.rateLimit.key"),
    ("tls: {certificateRefs: []}", "spec.tls.certificateRefs"),
    ("backendTLS: {}", "spec.backendTLS.validation"),
    (
        "backendTLS: {validation: {hostname: '*.a', wellKnownCACertificates: System}}",
        "spec.backendTLS.validation.hostname",
    ),
    (
        "backendTLS: {validation: {hostname: a, wellKnownCACertificates: Everyone}}",
        "spec.backendTLS.validation.wellKnownCACertificates",
    ),
    (
        "backendTLS: {validation: {hostname: a, caCertificateRefs: []}}",
        "spec.backendTLS.validation.caCertificateRefs",
    ),
    (
        "backendTLS: {minVersion: '1.1', validation: {hostname: a, wellKnownCACertificates: System}}",
        "spec.backendTLS.minVersion",
    ),
    ("backendProtocol: HTTP3", "spec.backendProtocol"),
    ("backendProtocol: http2", "spec.backendProtocol"),
    ("proxyProtocol: {}", "spec.proxyProtocol.version"),
    ("proxyProtocol: {version: v1}", "spec.proxyProtocol.version"),
    ("routes: []", "spec.routes"),
    ("routes: [{hostnames: ['a b']}]", "spec.routes[0].hostnames[0]"),
    ("routes: [{hostnames: ['*']}]", "spec.routes[0].hostnames[0]"),
    ("routes: [{matches: [{method: get}]}]", "spec.routes[0].matches[0].method"),
    (
        "routes: [{matches: [{headers: [{name: a, value: b}, {name: a, value: c}]}]}]",
        "spec.routes[0].matches[0].headers[1]",
    ),
    (
        "routes: [{matches: [{cookies: [{name: a, value: true}]}]}]",
        "spec.routes[0].matches[0].cookies[0].value",
    ),
    ("sessionPersistence: {sessionName: 'a;b'}", "spec.sessionPersistence.sessionName"),
    ("backend: []", "spec.backend"),
    ("backends: [{service: {name: a, port: 80}, weigth: 3}]", "spec.backends[0].weigth"),
    ("healthCheck: {tcp: {port: 1}}", "spec.healthCheck.tcp.port"),
];

/// Specs at the edge of what is allowed.
const ACCEPTED: &[&str] = &[
    "backends: [{service: {name: a, port: 65535}, weight: 1000000, tier: 15}]",
    "backends: [{service: {name: a, port: 80.0}, weight: null}]",
    "{backends: [{service: {name: a, port: 80}}], routes: null}",
    "panicThreshold: 100",
    "timeouts: {connect: 1m30s}",
    "retry: {triggers: [connect-failure, reset, timeout], codes: [500, 599], attempts: 10}",
    "access: {allow: ['10.0.0.0/8', '::/0'], deny: ['10.0.0.1/32']}",
    "limits: {maxRequestBodyBytes: 1099511627776}",
    "rateLimit: {requests: 1000000, per: 1h, burst: 1, key: ClientAddress}",
    "routes: [{hostnames: ['*.example.com', example.com]}]",
    "outlierDetection: {}",
    "sessionPersistence: {type: Header, sessionName: X-Session}",
    "healthCheck: {grpc: {service: ''}, port: 1}",
];

#[tokio::test]
async fn types_bounds_and_unknown_fields_are_judged_alike() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let schema = PoolSchema::new().unwrap();
    let mut wrong = Vec::new();
    for (spec, field) in REFUSED {
        let spec = if *spec == "{}" { (*spec).to_owned() } else { whole(spec) };
        let text = pool(&spec);
        for (who, refusal) in
            [("server", by_server(&client, &text).await), ("check", by_check(&schema, &text))]
        {
            match refusal {
                None => wrong.push(format!("{who} accepts {spec}")),
                Some(said) if said.text.contains(field) => {}
                Some(said) => wrong.push(format!("{who} does not name {field}: {spec}: {said:?}")),
            }
        }
    }
    for spec in ACCEPTED {
        let text = pool(&whole(spec));
        for refusal in [by_server(&client, &text).await, by_check(&schema, &text)] {
            wrong.extend(refusal.map(|refusal| format!("{spec}: {refusal:?}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn defaults_are_those_that_check_gives() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let text = pool(&whole(
        "healthCheck: {http: {}}, rateLimit: {requests: 5}, retry: {}, outlierDetection: {}, \
         sessionPersistence: {}, routes: [{matches: [{path: {value: /a}}]}]",
    ));
    let object: Value = serde_saphyr::from_str(&text).unwrap();
    let stored = create(&client, PATH, &object).await.unwrap();
    let checked = PoolSchema::new().unwrap().validate(object).unwrap();
    assert_eq!(stored["spec"], serde_json::to_value(&checked.spec).unwrap());
}

#[tokio::test]
async fn the_examples_are_accepted() {
    let Some(server) = server().await else { return };
    let client = server.client().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples");
    let mut count = 0;
    let files = [folder.join("demo"), folder].map(|folder| fs::read_dir(folder).unwrap());
    for path in files.into_iter().flatten().map(|file| file.unwrap().path()) {
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for document in text.split("\n---\n") {
            let mut object: Value = serde_saphyr::from_str(document).unwrap();
            object["metadata"]["namespace"] = "default".into();
            let target = match object["kind"].as_str().unwrap() {
                "BackendPool" => PATH,
                "ConfigMap" => "/api/v1/namespaces/default/configmaps?dryRun=All",
                "Service" => "/api/v1/namespaces/default/services?dryRun=All",
                "Ingress" => "/apis/networking.k8s.io/v1/namespaces/default/ingresses?dryRun=All",
                // Those of the examples are on loopback, which no cluster takes.
                "EndpointSlice" => continue,
                // A node belongs to its machine.
                "Node" => continue,
                other => panic!("{}: {other}", path.display()),
            };
            if let Err(error) = create(&client, target, &object).await {
                panic!("{}: {error}", path.display());
            }
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[tokio::test]
async fn the_columns_and_the_short_name_are_there() {
    let Some(server) = server().await else { return };
    let crd = backend_pool_crd();
    let table = server.kubectl(["api-resources", "--categories=weir", "--no-headers"], None).await;
    let table = String::from_utf8(table.unwrap().stdout).unwrap();
    assert!(table.contains("bpool") && table.contains("weir.dev/v1alpha1"), "{table}");
    let columns = crd.spec.versions[0].additional_printer_columns.as_ref().unwrap();
    assert_eq!(columns.len(), 5);
    server.kubectl(["get", "bpool", "-A"], None).await.expect("the columns can be printed");
}
