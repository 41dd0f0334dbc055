//! Model and status as short text.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use weir::api::{IngressUpdate, ObjectKey, StatusUpdate};
use weir::model::{Certificate, Endpoint, Model, Origin, OriginKind, Readiness, TlsTerms, shown};

/// Shows a model. Fields that say what a pool with nothing but a backend says are left out, unless
/// everything is asked for.
pub fn model(model: &Model, everything: bool) -> String {
    let mut pools = Map::new();
    for (name, pool) in &model.pools {
        let mut shown = plain(serde_json::to_value(pool).unwrap());
        let fields = shown.as_object_mut().unwrap();
        let mut backends = Vec::new();
        for (backend, value) in pool.backends.iter().zip(fields["backends"].as_array().unwrap()) {
            let mut value = value.clone();
            value["endpoints"] = backend.endpoints.iter().map(endpoint).collect();
            backends.push(value);
        }
        fields.remove("name");
        fields.insert("backends".to_owned(), backends.into());
        if !everything {
            for (field, value) in ordinary() {
                if fields.get(field) == Some(&value) {
                    fields.remove(field);
                }
            }
        }
        pools.insert(name.to_string(), shown);
    }
    let mut routes = Map::new();
    for (name, list) in &model.routes {
        let list = list.iter().map(|route| {
            let mut shown = plain(serde_json::to_value(route).unwrap());
            let fields = shown.as_object_mut().unwrap();
            fields.remove("id");
            fields.remove("pool");
            fields.insert("name".to_owned(), json!(route.id.name));
            if route.id.object.kind() == OriginKind::Ingress {
                fields.insert("pool".to_owned(), json!(route.pool));
                fields.remove("is_one_label");
            }
            if !everything && fields["backend_request_timeout"] == json!("60s") {
                fields.remove("backend_request_timeout");
            }
            fields.retain(|_, value| !value.is_null());
            fields["matches"] = route.matches.iter().map(shorten).collect();
            shown
        });
        routes.insert(shown_origin(name), list.collect());
    }
    let mut certificates = Map::new();
    for (name, list) in shown(&model.certificates) {
        certificates.insert(shown_origin(&name), list.iter().map(certificate).collect());
    }
    yaml(&json!({ "pools": pools, "routes": routes, "certificates": certificates }))
}

fn certificate(certificate: &Certificate) -> Value {
    assert!(certificate.chain_pem.contains("BEGIN CERTIFICATE"));
    assert!(certificate.key.expose_pem().contains("PRIVATE KEY"));
    let mut shown = json!({
        "origin": certificate.origin,
        "names": certificate.names,
        "is_default": certificate.is_default,
        "not_after": certificate.not_after,
    });
    if *certificate.terms != TlsTerms::default() {
        shown["terms"] = json!(certificate.terms);
    }
    shown
}

/// A BackendPool by its name alone, as there are so many.
fn shown_origin(origin: &Origin) -> String {
    match origin.kind() {
        OriginKind::BackendPool => origin.as_str().to_owned(),
        OriginKind::Ingress => origin.to_string(),
    }
}

/// Shows what is said of pools and Ingresses, and which Secrets and ConfigMaps are needed.
pub fn status(
    updates: &[StatusUpdate],
    ingresses: &[IngressUpdate],
    (secrets, config_maps): (&BTreeSet<ObjectKey>, &BTreeSet<ObjectKey>),
) -> String {
    let mut pools = Map::new();
    for update in updates {
        let conditions: Map<String, Value> = update
            .conditions
            .iter()
            .map(|c| {
                let status = if c.status { "True" } else { "False" };
                let text = format!("{status} {}: {}", c.reason.as_str(), c.message);
                (c.kind.as_str().to_owned(), text.into())
            })
            .collect();
        let value = json!({ "generation": update.generation, "conditions": conditions });
        pools.insert(update.pool.to_string(), value);
    }
    let secrets: Vec<_> = secrets.iter().map(ToString::to_string).collect();
    let mut all = json!({ "pools": pools, "secrets": secrets });
    if !config_maps.is_empty() {
        all["configMaps"] = config_maps.iter().map(ToString::to_string).collect();
    }
    if ingresses.is_empty() {
        return yaml(&all);
    }
    let mut shown = Map::new();
    for update in ingresses.iter().filter(|update| update.is_ours) {
        let problems = update.problems.iter();
        let problems = problems.map(|p| format!("{}: {}", p.reason.as_str(), p.message));
        shown.insert(update.ingress.to_string(), problems.collect());
    }
    all["ingresses"] = shown.into();
    yaml(&all)
}

fn yaml(value: &Value) -> String {
    serde_saphyr::to_string(value).unwrap()
}

fn endpoint(endpoint: &Endpoint) -> String {
    let mut text = endpoint.address.to_string();
    if let Some(zone) = &endpoint.zone {
        text += &format!(" zone {zone}");
    }
    if let Some(region) = &endpoint.region {
        text += &format!(" region {region}");
    }
    if endpoint.readiness == Readiness::Terminating {
        text += " terminating";
    }
    text
}

/// Leaves out what a match does not ask.
fn shorten(wanted: &weir::model::RouteMatch) -> Value {
    let mut shown = serde_json::to_value(wanted).unwrap();
    let is_asked =
        |value: &Value| !value.is_null() && value.as_array().is_none_or(|v| !v.is_empty());
    shown.as_object_mut().unwrap().retain(|_, value| is_asked(value));
    shown
}

/// Writes durations as manifests do.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let number = |name| fields.get(name).and_then(Value::as_u64);
            if let (2, Some(secs), Some(nanos)) = (fields.len(), number("secs"), number("nanos")) {
                let text = match nanos {
                    0 => format!("{secs}s"),
                    _ => format!("{}ms", secs * 1_000 + nanos / 1_000_000),
                };
                return text.into();
            }
            fields.into_iter().map(|(name, value)| (name, plain(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(plain).collect(),
        other => other,
    }
}

/// What a pool says that declares nothing but a backend. Its own case shows it.
fn ordinary() -> [(&'static str, Value); 15] {
    let unlimited = json!({
        "max_requests": null, "max_connections": null, "max_pending": 0, "queue_timeout": "1s",
        "per_endpoint": { "max_requests": null, "max_connections": null },
    });
    [
        ("algorithm", json!("RoundRobin")),
        ("hash_on", json!([])),
        ("slow_start", json!(null)),
        ("locality", json!(null)),
        ("persistence", json!(null)),
        ("health_check", json!(null)),
        ("outlier", json!(null)),
        ("panic_threshold", json!(0)),
        ("retry", json!(null)),
        ("connect_timeout", json!("2s")),
        ("idle_timeout", json!("300s")),
        ("keep_alive", json!("60s")),
        ("limits", unlimited),
        ("rate_limit", json!(null)),
        ("name", json!(null)),
    ]
}
