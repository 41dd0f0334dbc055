//! One watch: what it tells, and how it goes on after trouble.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use kube::Api;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Error, Event, watcher};
use tokio::sync::mpsc;

use super::absence::{self, Absence};
use super::decode::{decode, key};
use crate::api::{Change, Kind, ObjectKey};

/// Seconds that a watch may be silent before it is taken up anew, so that a connection that leads
/// nowhere is noticed.
const WATCH_SECONDS: u32 = 55;

/// The pause after the first failure.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// FeedId says which watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FeedId {
    pub(super) kind: Kind,
    /// The one object that is watched, or nothing for all of the kind.
    pub(super) only: Option<ObjectKey>,
}

/// Told is what a watch tells.
#[derive(Debug)]
pub(super) enum Told {
    /// Objects changed.
    Changes(Vec<Change>),
    /// Everything that is there has been told.
    Listed(FeedId),
    /// The API server shows none of the kind, which is no trouble.
    Absent(FeedId, Absence),
    /// Something is wrong with the watch.
    Trouble(FeedId, String),
    /// Objects arrive: all is well.
    Well(FeedId),
}

/// Seconds that the API server may take for a page of a list.
const LIST_SECONDS: u64 = 30;

/// Watches until nobody listens any more.
///
/// After trouble everything is listed again: what a broken watch lost is found, and the list that
/// arrives is what says that all is well.
pub(super) async fn run(id: FeedId, api: Api<DynamicObject>, told: mpsc::Sender<Told>) {
    let mut tracker = Tracker::new(id.kind);
    let mut failures = 0;
    let mut absences = 0;
    let mut before = None;
    loop {
        let Some(error) = follow(&id, api.clone(), &mut tracker, &mut failures, &told).await else {
            return;
        };
        // A list that arrived has set the failures to zero.
        absences = if failures == 0 { 0 } else { absences };
        let code = error.code();
        failures = in_a_row(failures, before, code);
        before = code;
        let longest = if let Some(absence) = code.and_then(|code| Absence::of(id.kind, code)) {
            absences += 1;
            if !absent(&id, absence, absences, &mut tracker, &told).await {
                return;
            }
            absence::LONGEST_PAUSE
        } else {
            if !trouble(&id, &error, &told).await {
                return;
            }
            longest_pause(code)
        };
        tokio::time::sleep(pause(failures, longest, fastrand::f64())).await;
        failures += 1;
    }
}

/// Tells that there is none of a kind; returns whether somebody listens. A no is an answer, so an
/// outage before it is over.
async fn absent(
    id: &FeedId,
    absence: Absence,
    absences: u32,
    tracker: &mut Tracker,
    told: &mpsc::Sender<Told>,
) -> bool {
    if absences == absence::UNTIL_FORGOTTEN {
        let gone = tracker.forget();
        if !gone.is_empty() && told.send(Told::Changes(gone)).await.is_err() {
            return false;
        }
    }
    told.send(Told::Absent(id.clone(), absence)).await.is_ok()
}

/// Lists and watches until there is trouble; returns it, or nothing where nobody listens.
async fn follow(
    id: &FeedId,
    api: Api<DynamicObject>,
    tracker: &mut Tracker,
    failures: &mut u32,
    told: &mpsc::Sender<Told>,
) -> Option<Failure> {
    let mut config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(500);
    if let Some(only) = &id.only {
        config = config.fields(&format!("metadata.name={}", only.name));
    }
    let mut events = pin!(watcher(api, config));
    let mut is_listing = true;
    loop {
        let next = events.next();
        let event = if is_listing {
            match tokio::time::timeout(Duration::from_secs(LIST_SECONDS), next).await {
                Ok(event) => event?,
                Err(_) => return Some(Failure::Silence),
            }
        } else {
            next.await?
        };
        let event = match event {
            Err(error) if is_expired(&error) => {
                // Ordinary: the list that follows brings what was missed.
                tracing::debug!(kind = %id.kind, "watch expired, listing again");
                is_listing = true;
                continue;
            }
            Err(error) => return Some(Failure::Watch(error)),
            Ok(event) => event,
        };
        match event {
            Event::Init => is_listing = true,
            Event::InitDone => is_listing = false,
            _ => {}
        }
        let is_end_of_list = matches!(event, Event::InitDone);
        let changes = tracker.follow(event);
        if !changes.is_empty() {
            told.send(Told::Changes(changes)).await.ok()?;
        }
        if is_end_of_list {
            *failures = 0;
            told.send(Told::Listed(id.clone())).await.ok()?;
            told.send(Told::Well(id.clone())).await.ok()?;
        }
    }
}

/// Failure is why a watch ended.
enum Failure {
    Watch(Error),
    Silence,
}

impl Failure {
    /// Returns the status that the API server answered with, if it did.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Watch(error) => code(error),
            Self::Silence => None,
        }
    }
}

/// Returns how many failures of the same kind there were in a row. Another answer is another
/// trouble: a server that is back from an outage may say no for a moment, before it knows its own
/// rules, and is soon asked again.
fn in_a_row(failures: u32, before: Option<u16>, now: Option<u16>) -> u32 {
    if before == now { failures } else { 0 }
}

/// Returns how long to wait: longer with each failure in a row, and never the same in all replicas.
fn pause(failures: u32, longest: Duration, random: f64) -> Duration {
    let grown = FIRST_PAUSE.saturating_mul(1 << failures.min(16));
    grown.min(longest).mul_f64(0.5 + random / 2.0)
}

/// A server that is away, and a CRD that is, are asked for often: that costs nobody anything, and
/// what comes back is used at once. So is one that a balancer answers for, or that starts. A server
/// that says no gets more peace.
fn longest_pause(code: Option<u16>) -> Duration {
    Duration::from_secs(if matches!(code, None | Some(404 | 500..)) { 4 } else { 30 })
}

async fn trouble(id: &FeedId, failure: &Failure, told: &mpsc::Sender<Told>) -> bool {
    let Failure::Watch(error) = failure else {
        let message = format!("the API server does not answer a list of {}", id.kind.plural());
        return told.send(Told::Trouble(id.clone(), message)).await.is_ok();
    };
    let code = code(error);
    let message = match code {
        Some(404) if id.kind == Kind::BackendPool => "the CRD backendpools.weir.dev is not \
            installed: apply the output of `weir crds`"
            .to_owned(),
        Some(403) => {
            format!("may not list and watch {}: check the RBAC rules", id.kind.plural())
        }
        _ => format!("cannot watch {}: {}", id.kind.plural(), chain(error)),
    };
    told.send(Told::Trouble(id.clone(), message)).await.is_ok()
}

fn code(error: &Error) -> Option<u16> {
    match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status)) => Some(status.code),
        Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

fn is_expired(error: &Error) -> bool {
    !matches!(error, Error::InitialListFailed(_)) && code(error) == Some(410)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Tracker turns the events of a watch into changes. A new list is compared with what was known,
/// so that there is no moment without objects.
#[derive(Debug)]
pub(super) struct Tracker {
    kind: Kind,
    known: BTreeSet<ObjectKey>,
    list: Vec<Change>,
}

impl Tracker {
    /// Makes a tracker that knows nothing.
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, known: BTreeSet::new(), list: Vec::new() }
    }

    /// Returns what an event changes.
    pub(super) fn follow(&mut self, event: Event<DynamicObject>) -> Vec<Change> {
        match event {
            Event::Init => {
                self.list.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                let change = self.change(object);
                self.list.push(change);
                Vec::new()
            }
            Event::InitDone => {
                let mut changes = std::mem::take(&mut self.list);
                let there: BTreeSet<ObjectKey> =
                    changes.iter().map(|change| change.key.clone()).collect();
                let gone = self.known.difference(&there).cloned();
                changes.extend(gone.map(|key| Change { kind: self.kind, key, object: None }));
                self.known = there;
                changes
            }
            Event::Apply(object) => {
                let change = self.change(object);
                self.known.insert(change.key.clone());
                vec![change]
            }
            Event::Delete(object) => {
                let key = key(&object);
                self.known.remove(&key);
                vec![Change { kind: self.kind, key, object: None }]
            }
        }
    }

    /// Forgets everything; returns what that changes.
    pub(super) fn forget(&mut self) -> Vec<Change> {
        let gone = std::mem::take(&mut self.known).into_iter();
        gone.map(|key| Change { kind: self.kind, key, object: None }).collect()
    }

    fn change(&self, object: DynamicObject) -> Change {
        let key = key(&object);
        Change { kind: self.kind, key, object: Some(decode(self.kind, object)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_after_an_outage_is_soon_asked_again() {
        assert_eq!(in_a_row(20, None, None), 20);
        assert_eq!(in_a_row(20, None, Some(403)), 0);
        assert_eq!(in_a_row(1, Some(403), Some(403)), 1);
    }

    #[test]
    fn pauses_grow_up_to_the_longest_and_differ() {
        let longest = Duration::from_secs(4);
        let full: Vec<u128> = (0..7).map(|n| pause(n, longest, 1.0).as_millis()).collect();
        assert_eq!(full, [250, 500, 1000, 2000, 4000, 4000, 4000]);
        assert_eq!(pause(u32::MAX, longest, 0.0), longest / 2);
        for code in [None, Some(404), Some(500), Some(503), Some(504)] {
            assert_eq!(longest_pause(code), longest, "{code:?}");
        }
        assert!(longest_pause(Some(429)) > longest && longest_pause(Some(403)) > longest);
    }
}
