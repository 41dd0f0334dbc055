//! Objects from any text: no panic anywhere up to the table, no order matters, and what is refused
//! changes nothing that others mean.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, Method};
use weir::api::validate::{Format, PoolSchema, Problem, Verdict, read};
use weir::api::{
    Change, ConditionReason, ConditionType, InvalidObject, Kind, Object, ObjectKey, Objects,
};
use weir::metrics::Metrics;
use weir::model::{Model, OriginKind, PoolName};
use weir::table::{RequestHead, Table};
use weir::translate::{Options, Translation, Translator, translate};
use weir::upstream::{Millis, Pools};

/// Reads all objects of a text, each with whether it is refused. Nothing where it is no text.
pub fn changes(bytes: &[u8], format: Format, schema: &PoolSchema) -> Option<Vec<(Change, bool)>> {
    let documents = read(bytes, format, schema).ok()?;
    let changes = documents.into_iter().filter_map(|document| {
        let (kind, key) = document.identity?;
        let message = |problems: &[Problem]| {
            problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
        };
        let (object, is_refused) = match document.verdict {
            Verdict::Read(object, _) | Verdict::Flawed(object, _) => (object, false),
            Verdict::Refused(problems) => {
                let message = message(&problems);
                (Object::Invalid(Arc::new(InvalidObject { generation: None, message })), true)
            }
            Verdict::Unread => return None,
        };
        Some((Change { kind, key, object: Some(object) }, is_refused))
    });
    Some(changes.collect())
}

fn schema() -> &'static PoolSchema {
    static SCHEMA: OnceLock<PoolSchema> = OnceLock::new();
    SCHEMA.get_or_init(|| PoolSchema::new().expect("the schema compiles"))
}

/// The bytes are manifests.
pub fn run(data: &[u8]) {
    let is_json = data.first().is_some_and(|byte| matches!(byte, b'{' | b'['));
    let format = if is_json { Format::Json } else { Format::Yaml };
    let Some(mut changes) = changes(data, format, schema()) else { return };
    // The first of two objects of one name counts, as in a directory.
    let mut seen = BTreeSet::new();
    changes.retain(|(change, _)| seen.insert((change.kind, change.key.clone())));
    if changes.is_empty() || changes.len() > 40 {
        return;
    }
    let options = Options { standalone: data.len().is_multiple_of(2), ..Options::default() };
    let whole = translate(&all(changes.iter().map(|(change, _)| change)), options.clone());
    in_another_order(&changes, &options, &whole);
    without_the_refused(&changes, &options, &whole);
    build(&whole.model);
}

fn all<'a>(changes: impl Iterator<Item = &'a Change>) -> Objects {
    let mut objects = Objects::default();
    changes.for_each(|change| {
        objects.apply(change.clone());
    });
    objects
}

/// One after the other, from the last to the first, means the same.
fn in_another_order(changes: &[(Change, bool)], options: &Options, whole: &Translation) {
    let mut objects = Objects::default();
    let mut translator = Translator::new(options.clone());
    for (change, _) in changes.iter().rev() {
        objects.apply(change.clone());
        translator.apply(&objects, std::slice::from_ref(change));
    }
    assert_eq!(translator.model(), &whole.model, "another order has another meaning");
    assert_eq!(translator.updates(&objects), whole.updates);
    assert_eq!(translator.ingress_updates(), whole.ingresses);
    assert_eq!(translator.secrets(), whole.secrets);
    assert_eq!(translator.names(), whole.names);
}

/// What the API server would refuse, and pools that are not served at all for what is wrong with them,
/// change no other object. One of which a part is wrong serves the rest, and keeps its claims.
fn without_the_refused(changes: &[(Change, bool)], options: &Options, whole: &Translation) {
    let is_wrong = |key: &ObjectKey| {
        let update = whole.updates.iter().find(|update| update.pool == *key);
        update.is_some_and(|update| {
            update.conditions.iter().any(|condition| {
                condition.kind == ConditionType::Programmed
                    && !condition.status
                    && condition.reason == ConditionReason::Invalid
            })
        })
    };
    let kept = changes
        .iter()
        .filter(|(change, is_refused)| {
            !(*is_refused || change.kind == Kind::BackendPool && is_wrong(&change.key))
        })
        .map(|(change, _)| change);
    let kept: Vec<&Change> = kept.collect();
    if kept.len() == changes.len() {
        return;
    }
    let without = translate(&all(kept.into_iter()), options.clone());
    let of_pool = |model: &Model| {
        let mut model = model.clone();
        let wrong = |name: &PoolName| is_wrong(&ObjectKey::new(name.namespace(), name.name()));
        model.pools.retain(|name, _| !wrong(name));
        model.routes.retain(|origin, _| {
            origin.kind() != OriginKind::BackendPool
                || !is_wrong(&ObjectKey::new(origin.namespace(), origin.name()))
        });
        model
    };
    assert_eq!(of_pool(&whole.model), of_pool(&without.model), "a refused object has a meaning");
}

/// The table is built, at once and by steps, and answers.
fn build(model: &Model) {
    let metrics = Metrics::new(1);
    let (pools, _readers) = Pools::new(weir::upstream::Options::default(), Arc::clone(&metrics));
    let table = Table::build(model, &pools, &metrics, Millis(1));
    let headers = HeaderMap::new();
    let hosts: Vec<_> = model
        .routes
        .values()
        .flat_map(|routes| routes.iter())
        .flat_map(|route| &route.hostnames)
        .map(|host| host.as_str().replace('*', "x.y"))
        .take(8)
        .collect();
    for host in hosts.iter().map(String::as_str).chain(["", "nowhere.example"]) {
        for path in ["/", "/a/b", "/cart", "/items/1"] {
            let head = RequestHead {
                host: Some(host).filter(|host| !host.is_empty()),
                path,
                query: Some("v=2&a"),
                method: &Method::GET,
                headers: &headers,
            };
            if let Ok(route) = table.find(&head, None) {
                let leads = route.is_held || table.pool(route).is_some();
                assert!(leads, "a route leads nowhere");
            }
        }
    }
}
