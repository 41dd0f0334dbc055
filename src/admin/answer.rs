//! What each path answers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::explain::{ExplainQuery, explain as explain_request};
use super::router::Options;
use super::view::{CertificateView, PoolDetail, PoolView, RouteView};
use crate::model::PoolName;
use crate::upstream::clock;

type Shared = State<Arc<Options>>;

/// Most entries of a list, where the question does not say.
const ENTRIES: usize = 100;
const MOST_ENTRIES: usize = 1_000;

/// Listing narrows a list down.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Listing {
    search: String,
    limit: Option<usize>,
}

impl Listing {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(ENTRIES).min(MOST_ENTRIES)
    }
}

pub(super) fn problem(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}

/// Asks for the listing, or says what is wrong with it.
type Listed = Result<Query<Listing>, QueryRejection>;

pub(super) async fn metrics(State(options): Shared) -> Response {
    let metrics = Arc::clone(&options.metrics);
    // Ten thousand pools make a long text: the control loop goes on meanwhile.
    match tokio::task::spawn_blocking(move || metrics.encode()).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
            .into_response(),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written"),
    }
}

pub(super) async fn ready(State(options): Shared) -> Response {
    let report = options.readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

pub(super) async fn pools(State(options): Shared, listing: Listed) -> Response {
    let listing = match listing {
        Ok(Query(listing)) => listing,
        Err(wrong) => return problem(StatusCode::BAD_REQUEST, &wrong.body_text()),
    };
    let table = options.table.load_full();
    let (mut total, mut pools) = (0_usize, Vec::new());
    for pool in table.pools().filter(|pool| pool.model.name.as_str().contains(&listing.search)) {
        total += 1;
        if total <= listing.limit() {
            pools.push(PoolView::of(pool));
        }
    }
    let (generation, now) = (table.generation(), clock::now());
    Json(json!({ "generation": generation, "now_millis": now, "total": total, "pools": pools }))
        .into_response()
}

pub(super) async fn pool(
    State(options): Shared,
    Path((namespace, name)): Path<(String, String)>,
) -> Response {
    let table = options.table.load_full();
    match table.pool_named(&PoolName::new(&namespace, &name)) {
        Some(pool) => Json(PoolDetail::of(pool, clock::now())).into_response(),
        None => problem(StatusCode::NOT_FOUND, "no pool has this name"),
    }
}

pub(super) async fn routes(State(options): Shared, listing: Listed) -> Response {
    let listing = match listing {
        Ok(Query(listing)) => listing,
        Err(wrong) => return problem(StatusCode::BAD_REQUEST, &wrong.body_text()),
    };
    let table = options.table.load_full();
    let (mut total, mut routes) = (0_usize, Vec::new());
    for route in table.routes() {
        let is_wanted = route.pool.as_str().contains(&listing.search)
            || route.hostnames.iter().any(|name| name.as_str().contains(&listing.search));
        if is_wanted {
            total += 1;
            if total <= listing.limit() {
                routes.push(RouteView::of(route, &options.metrics));
            }
        }
    }
    let (generation, now) = (table.generation(), clock::now());
    Json(json!({ "generation": generation, "now_millis": now, "total": total, "routes": routes }))
        .into_response()
}

pub(super) async fn config(State(options): Shared) -> Response {
    let table = options.table.load_full();
    let endpoints: usize = table.pools().map(|pool| pool.endpoints.len()).sum();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "workers": options.metrics.workers(),
        "generation": table.generation(),
        "now_millis": clock::now(),
        "readiness": options.readiness.report(),
        "pools": table.pools().count(),
        "routes": table.routes().count(),
        "endpoints": endpoints,
        "certificates": CertificateView::all(&table),
    }))
    .into_response()
}

/// Takes `method`, `url`, `header` (as often as needed), `client` and `format` (`text` or `json`).
pub(super) async fn explain(
    State(options): Shared,
    parameters: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Response {
    let parameters = match parameters {
        Ok(Query(parameters)) => parameters,
        Err(wrong) => return problem(StatusCode::BAD_REQUEST, &wrong.body_text()),
    };
    let mut query = ExplainQuery {
        method: "GET".to_owned(),
        url: String::new(),
        headers: Vec::new(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let mut wants_json = false;
    for (name, value) in parameters {
        match name.as_str() {
            "method" => query.method = value,
            "url" => query.url = value,
            "header" => query.headers.push(value),
            "client" => match value.parse() {
                Ok(client) => query.client = client,
                Err(_) => return problem(StatusCode::BAD_REQUEST, "client is an IP address"),
            },
            "format" => wants_json = value == "json",
            _ => {
                let known = "use method, url, header, client, format";
                return problem(StatusCode::BAD_REQUEST, known);
            }
        }
    }
    let table = options.table.load_full();
    match explain_request(&table, &query, options.geoip.as_deref(), clock::now()) {
        Err(wrong) => problem(StatusCode::BAD_REQUEST, &wrong.to_string()),
        Ok(explanation) if wants_json => Json(explanation).into_response(),
        Ok(explanation) => explanation.to_string().into_response(),
    }
}
