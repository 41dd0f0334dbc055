//! Runs all requests against each codec, and counts them.

use std::time::Duration;

use super::{chunks, fields, framing, hops, hosts, limits, sequences, targets};
use crate::bench::{Bench, CODECS, Codec};
use crate::case::{Case, Expect};
use crate::judge::judge;

/// What ends a late case.
const LATE: Duration = Duration::from_secs(2);

/// Least cases of each kind: fewer would mean that some are gone.
pub const LEAST: [(&str, usize); 8] = [
    ("framing", 95),
    ("chunks", 80),
    ("fields", 95),
    ("targets", 165),
    ("hosts", 60),
    ("hops", 68),
    ("limits", 32),
    ("sequences", 13),
];

pub fn kinds() -> [Vec<Case>; 8] {
    [
        framing::cases(),
        chunks::cases(),
        fields::cases(),
        targets::cases(),
        hosts::cases(),
        hops::cases(),
        limits::cases(),
        sequences::cases(),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_are_refused_or_mean_one_thing() {
    for codec in CODECS {
        let mut failures = Vec::new();
        for ((kind, least), cases) in LEAST.into_iter().zip(kinds()) {
            let refused = cases
                .iter()
                .filter(|case| !matches!(case.expect, Expect::Passed(..) | Expect::Either(_)))
                .count();
            println!("{codec:?} {kind}: {} requests, {refused} refused", cases.len());
            assert!(cases.len() >= least, "{kind}: {} cases of {least}", cases.len());
            failures.extend(run(codec, cases).await);
        }
        assert!(failures.is_empty(), "{codec:?}:\n{}\n{}", failures.join("\n"), failures.len());
    }
}

#[test]
fn names_are_unique_and_every_case_has_a_source() {
    let cases = kinds().concat();
    let mut seen = std::collections::BTreeSet::new();
    let again: Vec<&str> =
        cases.iter().map(|case| case.name.as_str()).filter(|name| !seen.insert(*name)).collect();
    assert!(again.is_empty(), "{again:?}");
    assert!(cases.iter().all(|case| !case.source.is_empty()));
    assert!(cases.len() >= 500, "{} cases", cases.len());
}

/// Returns what went wrong. Those that time ends run at once, each beside its own Weir.
async fn run(codec: Codec, cases: Vec<Case>) -> Vec<String> {
    let only = std::env::var("HOSTILE").unwrap_or_default();
    let cases = cases.into_iter().filter(|case| case.name.contains(&only));
    let (late, prompt): (Vec<Case>, Vec<Case>) = cases.partition(|case| case.is_late);
    let late = late.into_iter().map(|case| async move {
        let bench = Bench::with(codec, LATE).await;
        told(&case, judge(&bench, &case).await)
    });
    let mut failures = futures::future::join_all(late).await;
    let bench = Bench::start(codec).await;
    for case in prompt {
        failures.push(told(&case, judge(&bench, &case).await));
    }
    failures.into_iter().flatten().collect()
}

fn told(case: &Case, result: Result<(), String>) -> Option<String> {
    let why = result.err()?;
    Some(format!("- {} ({}): {why}", case.name, case.source))
}
