//! A table with one route of each kind, and what requests find in it.

use std::sync::OnceLock;

use http::{HeaderMap, Method};
use weir::api::Objects;
use weir::api::validate::{Format, PoolSchema};
use weir::metrics::Metrics;
use weir::proxy::fuzzing::{self, Taken};
use weir::table::{RequestHead, Table};
use weir::translate::{Options, translate};
use weir::upstream::{Millis, Pools};

use super::translate::changes;

/// Every kind of match.
const MANIFEST: &str = include_str!("routes.yaml");

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let schema = PoolSchema::new().expect("the schema compiles");
        let mut objects = Objects::default();
        let changes = changes(MANIFEST.as_bytes(), Format::Yaml, &schema);
        for (change, is_refused) in changes.expect("the manifest can be read") {
            assert!(!is_refused, "{} is refused", change.key);
            objects.apply(change);
        }
        let translation = translate(&objects, Options::default());
        let metrics = Metrics::new(1);
        let (pools, _readers) = Pools::new(weir::upstream::Options::default(), metrics.clone());
        let table = Table::build(&translation.model, &pools, &metrics, Millis(1));
        assert!(table.routes().count() > 6, "the manifest gives few routes");
        table
    })
}

fn find(head: &RequestHead<'_>) -> Option<String> {
    table().find(head, None).ok().map(|route| route.id.label().to_string())
}

/// Returns the route of a request.
pub fn of(taken: &Taken) -> Option<String> {
    find(&RequestHead {
        host: Some(&*taken.host).filter(|host| !host.is_empty()),
        path: &taken.path,
        query: taken.query.as_deref(),
        method: &taken.parts.method,
        headers: &taken.parts.headers,
    })
}

/// The longest path that surely has room in a head, of which the fuzzed codec takes 4,096 bytes.
pub const MOST_PATH: usize = 4_000;

/// Returns the route of a GET that asks for a path, as it is spelled. Nothing where it is refused.
pub fn of_target(path: &str) -> Option<Option<String>> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: shop.example\r\n\r\n");
    let taken = fuzzing::request(request.as_bytes(), b"").ok()??;
    Some(of(&taken))
}

/// Returns the route of a request with nothing but these fields.
pub fn with_fields(headers: &HeaderMap) -> Option<String> {
    find(&RequestHead {
        host: Some("shop.example"),
        path: "/",
        query: None,
        method: &Method::GET,
        headers,
    })
}
