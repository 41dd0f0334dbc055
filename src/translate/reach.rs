//! Routes that are valid and take no request, or say a thing twice.

use std::collections::{BTreeMap, BTreeSet};

use super::problems::Problems;
use crate::api::backend_pool::{PathMatchType, Route as RouteSpec};
use crate::model::{Hostname, Route, RouteMatch};

/// Warns of what somebody who wrote the routes of a pool must not expect of them.
pub(super) fn check(specs: &[RouteSpec], routes: &[Route], problems: &mut Problems) {
    for (index, spec) in specs.iter().enumerate() {
        let field = format!("spec.routes[{index}]");
        repeated_hostnames(spec, &field, problems);
        for (index, one) in spec.matches.iter().flatten().enumerate() {
            let path = one.path.as_ref();
            let regex = path.filter(|path| path.kind == PathMatchType::RegularExpression);
            if regex.is_some_and(|path| begins_with_no_slash(&path.value)) {
                problems.warning(
                    &format!("{field}.matches[{index}].path.value"),
                    "matches no path: it must match the whole of it, which begins with /",
                );
            }
        }
    }
    covered(routes, problems);
}

fn repeated_hostnames(spec: &RouteSpec, field: &str, problems: &mut Problems) {
    let mut first = BTreeMap::new();
    for (index, text) in spec.hostnames.iter().flatten().enumerate() {
        let Ok(name) = Hostname::parse(text) else { continue };
        let holder = *first.entry(name).or_insert(index);
        if holder != index {
            let what = format_args!("{text:?} is {field}.hostnames[{holder}] again: leave one out");
            problems.warning(&format!("{field}.hostnames[{index}]"), what);
        }
    }
}

/// Warns of routes all of whose hostnames and matches are those of routes before them. Of equal
/// matches of one pool the first counts, and one that is not equal has another precedence.
#[allow(clippy::mutable_key_type, reason = "an expression is compared by its text")]
fn covered(routes: &[Route], problems: &mut Problems) {
    let mut first: BTreeMap<(Option<&Hostname>, &RouteMatch), u32> = BTreeMap::new();
    for route in routes.iter().filter(|route| !route.is_held) {
        let position = route.id.position;
        let named = route.hostnames.iter().map(Some);
        let hosts = named.chain(route.hostnames.is_empty().then_some(None));
        let mut holders = BTreeSet::new();
        for host in hosts {
            for one in &route.matches {
                holders.insert(*first.entry((host, one)).or_insert(position));
            }
        }
        if holders.is_empty() || holders.contains(&position) {
            continue;
        }
        let holders: Vec<_> = holders.iter().map(|at| format!("spec.routes[{at}]")).collect();
        let what = format_args!(
            "takes no request: all that it matches is matched by {} before it: leave it out, or \
             change its matches",
            holders.join(", ")
        );
        problems.warning(&format!("spec.routes[{position}]"), what);
    }
}

/// Returns whether an expression begins with a letter or digit, and so with no slash. Of what is
/// less simple nothing is said.
fn begins_with_no_slash(expression: &str) -> bool {
    let expression = expression.strip_prefix('^').unwrap_or(expression);
    let mut characters = expression.chars();
    let is_plain = characters.next().is_some_and(|first| first.is_ascii_alphanumeric());
    let may_be_absent = characters.next().is_some_and(|second| "?*{".contains(second));
    is_plain && !may_be_absent && !expression.contains('|')
}
