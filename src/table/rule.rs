//! One match of one route, ready to be tried.

use std::cmp::Ordering;
use std::sync::Arc;

use http::header::HeaderName;

use super::query;
use super::trace::Verdict;
use super::{RequestHead, Route};
use crate::model::{PathPattern, RouteMatch, ValueMatch, ValuePattern};
use crate::upstream::balance::raw_cookie;

/// Rule is one match of one route.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) route: Arc<Route>,
    /// Position of the match in the route.
    pub(super) position: usize,
    pub(super) declared: RouteMatch,
    method: Option<http::Method>,
    headers: Box<[ValueMatch<HeaderName>]>,
}

impl Rule {
    /// Makes a rule; nothing where a name cannot stand in any request, so that it never matches.
    pub(super) fn new(route: &Arc<Route>, position: usize, declared: &RouteMatch) -> Option<Self> {
        let method = match &declared.method {
            Some(method) => Some(http::Method::from_bytes(method.as_bytes()).ok()?),
            None => None,
        };
        let headers = declared.headers.iter().map(|wanted| {
            let name = HeaderName::from_bytes(wanted.name.as_str().as_bytes()).ok()?;
            Some(ValueMatch { name, value: wanted.value.clone() })
        });
        Some(Self {
            route: Arc::clone(route),
            position,
            declared: declared.clone(),
            method,
            headers: headers.collect::<Option<_>>()?,
        })
    }

    /// Compares by precedence, then by the routes' order, then by position.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.declared
            .precedence(&other.declared)
            .then_with(|| self.route.id.cmp(&other.route.id))
            .then_with(|| self.position.cmp(&other.position))
    }

    /// Returns whether everything but an exact or prefix path holds; those are looked up.
    pub(super) fn matches_rest(&self, head: &RequestHead<'_>) -> bool {
        self.method.as_ref().is_none_or(|method| method == head.method)
            && self.headers.iter().all(|wanted| header_matches(head, wanted))
            && self.declared.query.iter().all(|wanted| query_matches(head, wanted))
            && self.declared.cookies.iter().all(|wanted| cookie_matches(head, wanted))
    }

    /// Returns the first part that does not hold, or nothing where all hold.
    pub(super) fn mismatch(&self, head: &RequestHead<'_>) -> Option<Verdict> {
        if !path_matches(&self.declared.path, head.path) {
            return Some(Verdict::Path);
        }
        if self.method.as_ref().is_some_and(|method| method != head.method) {
            return Some(Verdict::Method);
        }
        if let Some(lost) = self.headers.iter().find(|wanted| !header_matches(head, wanted)) {
            return Some(Verdict::Header(lost.name.as_str().into()));
        }
        if let Some(lost) = self.declared.query.iter().find(|w| !query_matches(head, w)) {
            return Some(Verdict::Query(Arc::clone(&lost.name)));
        }
        let lost = self.declared.cookies.iter().find(|wanted| !cookie_matches(head, wanted))?;
        Some(Verdict::Cookie(Arc::clone(&lost.name)))
    }
}

/// Returns a prefix without its trailing slashes, which do not matter.
pub(super) fn trimmed(prefix: &str) -> &str {
    prefix.trim_end_matches('/')
}

/// Returns whether a path begins with a trimmed prefix by whole segments.
fn has_prefix(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn path_matches(pattern: &PathPattern, path: &str) -> bool {
    match pattern {
        PathPattern::Exact(value) => &**value == path,
        PathPattern::Prefix(value) => has_prefix(path, trimmed(value)),
        PathPattern::Regex(pattern) => pattern.matches(path.as_bytes()),
    }
}

// A header that is repeated is one list. Source: RFC 9110 §5.3; Gateway API HTTPHeaderMatch.name.
fn header_matches(head: &RequestHead<'_>, wanted: &ValueMatch<HeaderName>) -> bool {
    let mut values = head.headers.get_all(&wanted.name).iter().map(http::HeaderValue::as_bytes);
    let Some(first) = values.next() else { return false };
    let Some(second) = values.next() else { return value_matches(&wanted.value, first) };
    let rest = [first, second].into_iter().chain(values);
    match &wanted.value {
        ValuePattern::Exact(text) => {
            let joined = rest.enumerate().flat_map(|(index, value)| {
                let comma: &[u8] = if index > 0 { b"," } else { b"" };
                comma.iter().chain(value)
            });
            joined.eq(text.as_bytes())
        }
        ValuePattern::Regex(pattern) => pattern.matches(&rest.collect::<Vec<_>>().join(&b',')),
    }
}

fn query_matches(head: &RequestHead<'_>, wanted: &ValueMatch<Arc<str>>) -> bool {
    let Some(value) = head.query.and_then(|query| query::parameter(query, &wanted.name)) else {
        return false;
    };
    match &wanted.value {
        ValuePattern::Exact(text) => query::decoded(value).eq(text.bytes()),
        ValuePattern::Regex(pattern) => pattern.matches(&query::decode(value)),
    }
}

fn cookie_matches(head: &RequestHead<'_>, wanted: &ValueMatch<Arc<str>>) -> bool {
    raw_cookie(head.headers, &wanted.name).is_some_and(|value| value_matches(&wanted.value, value))
}

fn value_matches(pattern: &ValuePattern, value: &[u8]) -> bool {
    match pattern {
        ValuePattern::Exact(text) => text.as_bytes() == value,
        ValuePattern::Regex(pattern) => pattern.matches(value),
    }
}
