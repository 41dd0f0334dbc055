//! All rules of one host.

use std::ops::Range;
use std::sync::Arc;

use super::RequestHead;
use super::hash::TextMap;
use super::rule::{Rule, trimmed};
use crate::model::PathPattern;

/// Rules are all rules of one host, in the order in which they are tried, with indexes over it.
///
/// Exact paths are found by hash, prefixes by one hash for each length in use, and only regular
/// expressions are tried one by one.
#[derive(Debug, Default)]
pub(super) struct Rules {
    ordered: Vec<Arc<Rule>>,
    exact: TextMap<Arc<str>, Range<usize>>,
    regex: Range<usize>,
    prefix: TextMap<Arc<str>, Range<usize>>,
    /// Lengths of prefixes, longest first.
    lengths: Vec<usize>,
}

impl Rules {
    pub(super) fn new(mut ordered: Vec<Arc<Rule>>) -> Self {
        // Rules of one length and another path never match one request, so that the path may come
        // before all but the length: rules of one path then stand together.
        ordered.sort_by(|a, b| {
            let path = key(&a.declared.path).cmp(&key(&b.declared.path));
            path.then_with(|| a.order(b))
        });
        let mut rules = Self { ordered, ..Self::default() };
        rules.index();
        rules
    }

    fn index(&mut self) {
        let mut start = 0;
        for group in self.ordered.chunk_by(|a, b| key(&a.declared.path) == key(&b.declared.path)) {
            let range = start..start + group.len();
            start = range.end;
            match group.first().map(|rule| &rule.declared.path) {
                Some(PathPattern::Exact(path)) => {
                    self.exact.insert(Arc::clone(path), range);
                }
                Some(PathPattern::Prefix(path)) => {
                    let path = if trimmed(path).len() == path.len() {
                        Arc::clone(path)
                    } else {
                        trimmed(path).into()
                    };
                    if self.lengths.last() != Some(&path.len()) {
                        self.lengths.push(path.len());
                    }
                    self.prefix.insert(path, range);
                }
                Some(PathPattern::Regex(_)) => self.regex = range,
                None => {}
            }
        }
    }

    /// Returns the rules in an order in which the first match is the right one.
    pub(super) fn ordered(&self) -> &[Arc<Rule>] {
        &self.ordered
    }

    /// Returns the first rule that matches.
    pub(super) fn find(&self, head: &RequestHead<'_>) -> Option<&Rule> {
        let first = |range: &Range<usize>| {
            let group = self.ordered.get(range.clone()).unwrap_or_default();
            group.iter().find(|rule| rule.matches_rest(head)).map(Arc::as_ref)
        };
        let exact = self.exact.get(head.path).and_then(first);
        exact.or_else(|| self.find_regex(head)).or_else(|| {
            self.lengths.iter().find_map(|length| {
                let (prefix, rest) = head.path.split_at_checked(*length)?;
                let is_whole = rest.is_empty() || rest.starts_with('/');
                if is_whole { self.prefix.get(prefix).and_then(first) } else { None }
            })
        })
    }

    fn find_regex(&self, head: &RequestHead<'_>) -> Option<&Rule> {
        let group = self.ordered.get(self.regex.clone()).unwrap_or_default();
        let mut matching = group.iter().filter(|rule| match &rule.declared.path {
            PathPattern::Regex(pattern) => pattern.matches(head.path.as_bytes()),
            _ => false,
        });
        matching.find(|rule| rule.matches_rest(head)).map(Arc::as_ref)
    }
}

/// Sorts kinds of paths, then longer before shorter, then equal texts together. Regular
/// expressions are one group: two of them can match one path, so that their order is precedence's.
fn key(path: &PathPattern) -> (u8, std::cmp::Reverse<usize>, &str) {
    use std::cmp::Reverse;
    match path {
        PathPattern::Exact(value) => (0, Reverse(value.len()), value),
        PathPattern::Regex(_) => (1, Reverse(0), ""),
        PathPattern::Prefix(value) => (2, Reverse(trimmed(value).len()), trimmed(value)),
    }
}
