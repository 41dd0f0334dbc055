//! Which path gets which answer.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::answer;
use super::readiness::Readiness;
use crate::metrics::Metrics;
use crate::table::TableHandle;
use crate::upstream::GeoIp;

/// Options are what the admin address answers from.
#[derive(Clone, Debug)]
pub struct Options {
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// Whether this instance should get traffic.
    pub readiness: Arc<Readiness>,
    /// The table that serves.
    pub table: TableHandle,
    /// Where addresses are, when a database is given.
    pub geoip: Option<Arc<GeoIp>>,
}

const PAGE: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Everything comes from here and nothing may be framed; text that looks like markup stays text.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn router(options: Options) -> Router {
    Router::new()
        .route("/", get(async || kept("text/html; charset=utf-8", PAGE)))
        .route("/page.css", get(async || kept("text/css; charset=utf-8", STYLE)))
        .route("/page.js", get(async || kept("text/javascript; charset=utf-8", SCRIPT)))
        .route("/metrics", get(answer::metrics))
        .route("/livez", get(async || kept("text/plain; charset=utf-8", "ok\n")))
        .route("/readyz", get(answer::ready))
        .route("/api/v1/pools", get(answer::pools))
        .route("/api/v1/pools/{namespace}/{name}", get(answer::pool))
        .route("/api/v1/routes", get(answer::routes))
        .route("/api/v1/explain", get(answer::explain))
        .route("/api/v1/config", get(answer::config))
        .fallback(|| async {
            answer::problem(StatusCode::NOT_FOUND, "nothing is here; / lists what is")
        })
        .layer(middleware::from_fn(guard))
        .with_state(Arc::new(options))
}

fn kept(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Lets only reads through, and marks every answer.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = if matches!(*request.method(), Method::GET | Method::HEAD) {
        next.run(request).await
    } else {
        let mut refusal =
            answer::problem(StatusCode::METHOD_NOT_ALLOWED, "this address only answers GET");
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        refusal
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
