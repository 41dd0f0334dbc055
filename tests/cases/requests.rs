//! Requests, looked up in the compiled table.

use serde::Deserialize;
use weir::metrics::Metrics;
use weir::model::Model;
use weir::table::{RequestHead, RouteTrace, Table, path};
use weir::upstream::{Millis, Pools};

/// One request and where it goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// `METHOD host path?query`; the host `-` is none.
    request: String,
    #[serde(default)]
    headers: Vec<String>,
    /// `namespace/pool#route` with the route as metrics name it, or status and reason.
    goes: String,
}

/// Looks every request up, with and without a trace.
pub fn check(text: &str, model: &Model) -> Result<(), String> {
    let cases: Vec<Case> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let metrics = Metrics::new(1);
    let options = weir::upstream::Options::default();
    let (pools, _readers) = Pools::new(options, std::sync::Arc::clone(&metrics));
    let table = Table::build(model, &pools, &metrics, Millis(0));
    let mut wrong = Vec::new();
    for case in cases {
        let (found, trace) = answer(&case, &table)?;
        if found != case.goes {
            wrong.push(format!("{} {:?} goes to {found}: {trace}", case.request, case.headers));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn answer(case: &Case, table: &Table) -> Result<(String, String), String> {
    let mut words = case.request.split(' ');
    let (Some(method), Some(host), Some(target), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(format!("{:?} is not `METHOD host path`", case.request));
    };
    let (raw, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
    let Ok(path) = path::normalise(raw) else {
        return Ok(("400 bad_path".to_owned(), String::new()));
    };
    let mut headers = http::HeaderMap::new();
    for header in &case.headers {
        let (name, value) = header.split_once(": ").ok_or("a header is `name: value`")?;
        let name: http::HeaderName = name.parse().map_err(|_| format!("bad header {name}"))?;
        headers.append(name, value.parse().map_err(|_| format!("bad value {value}"))?);
    }
    let head = RequestHead {
        host: Some(host).filter(|host| *host != "-"),
        path: &path,
        query,
        method: &method.parse().map_err(|_| format!("bad method {method}"))?,
        headers: &headers,
    };
    let mut trace = RouteTrace::default();
    let explained = table.find(&head, Some(&mut trace)).map(|route| &route.id);
    let found = table.find(&head, None);
    if found.map(|route| &route.id) != explained {
        return Err(format!("{}: the trace comes to another route: {explained:?}", case.request));
    }
    let found = match found {
        Ok(route) if route.is_held => {
            let reason = weir::metrics::Reason::RouteInvalid;
            format!("{} {reason}", reason.status())
        }
        Ok(route) => {
            let pool = table.pool(route).ok_or("a route without a pool")?;
            format!("{}#{}", pool.model.name, route.id.label())
        }
        Err(error) => format!("{} {}", error.reason().status(), error.reason().as_str()),
    };
    Ok((found, format!("{:?}", trace.candidates)))
}
