//! What was sent, what failed, and what explains it.

use std::collections::BTreeMap;

use tokio::time::{Duration, Instant};

/// How long before and after a disturbance what fails may be its consequence.
const SHADOW: Duration = Duration::from_secs(1);

/// Failures that are told; more are only counted.
const TOLD: usize = 20;

/// Kind is what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub name: &'static str,
    /// Whether Weir itself may send it again: then a killed backend explains nothing before the
    /// answer has begun.
    pub repeats: bool,
}

/// Failed says how a request failed.
#[derive(Debug)]
pub struct Failed {
    pub what: String,
    /// Whether some of the answer had come: nobody can send it again then.
    pub is_begun: bool,
}

impl Failed {
    pub fn before(what: impl ToString) -> Self {
        Self { what: what.to_string(), is_begun: false }
    }

    pub fn within(what: impl ToString) -> Self {
        Self { what: what.to_string(), is_begun: true }
    }
}

#[derive(Debug, Default)]
struct Count {
    ok: u64,
    explained: u64,
    unexplained: u64,
    slowest: Duration,
}

struct Failure {
    kind: Kind,
    began: Instant,
    ended: Instant,
    failed: Failed,
}

/// Record is all that happened.
pub struct Record {
    start: Instant,
    counts: BTreeMap<Kind, Count>,
    failures: Vec<Failure>,
    disturbances: Vec<Instant>,
    broken: Vec<String>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            counts: BTreeMap::new(),
            failures: Vec::new(),
            disturbances: Vec::new(),
            broken: Vec::new(),
        }
    }
}

impl Record {
    /// A backend was killed or came back.
    pub fn disturbed(&mut self) {
        self.disturbances.push(Instant::now());
    }

    /// A part of the harness itself broke.
    pub fn broke(&mut self, why: &str) {
        self.broken.push(why.to_owned());
    }

    pub fn count(&self) -> u64 {
        self.counts.values().map(|count| count.ok).sum()
    }

    pub fn take(&mut self, kind: Kind, began: Instant, result: Result<(), Failed>) {
        let count = self.counts.entry(kind).or_default();
        match result {
            Ok(()) => {
                count.ok += 1;
                count.slowest = count.slowest.max(began.elapsed());
            }
            Err(failed) => {
                let ended = Instant::now();
                let near = |at: &&Instant| **at + SHADOW > began && **at < ended + SHADOW;
                let is_near = self.disturbances.iter().rev().take(10).any(|at| near(&at));
                // In flight on a killed backend, and not to be sent twice.
                let is_explained = is_near && (failed.is_begun || !kind.repeats);
                if is_explained {
                    count.explained += 1;
                } else {
                    count.unexplained += 1;
                    self.failures.push(Failure { kind, began, ended, failed });
                }
            }
        }
    }

    pub fn table(&self) -> String {
        let mut text = String::from(
            "| what | answered | explained | unexplained | slowest |\n| --- | --- | --- | --- | --- |\n",
        );
        for (kind, count) in &self.counts {
            let Count { ok, explained, unexplained, slowest } = count;
            let slowest = slowest.as_millis();
            text +=
                &format!("| {} | {ok} | {explained} | {unexplained} | {slowest} ms |\n", kind.name);
        }
        text
    }

    /// Returns what nothing explains.
    pub fn wrong(&self) -> Vec<String> {
        let at = |moment: Instant| moment.duration_since(self.start).as_secs_f64();
        let mut wrong: Vec<String> = self
            .failures
            .iter()
            .take(TOLD)
            .map(|failure| {
                let Failure { kind, began, ended, failed } = failure;
                let (from, to) = (at(*began), at(*ended));
                let begun = if failed.is_begun { "within its answer" } else { "before an answer" };
                format!("{from:.2} s to {to:.2} s: {} failed {begun}: {}", kind.name, failed.what)
            })
            .collect();
        if self.failures.len() > TOLD {
            wrong.push(format!("and {} more", self.failures.len() - TOLD));
        }
        wrong.extend(self.broken.iter().map(|why| format!("the harness broke: {why}")));
        for (kind, count) in &self.counts {
            if count.ok == 0 {
                wrong.push(format!("no {} was ever answered", kind.name));
            }
        }
        wrong
    }
}
