//! Follows a directory.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::directory::{Directory, SETTLE, Scan, Troubles};
use super::judge::{Job, Judge, Judged};
use crate::metrics::Metrics;
use crate::source::{Batch, Refused, State};

/// Writes in quick succession are read once.
const QUIET: Duration = Duration::from_millis(20);

/// Time between looks without a reason: finds what no event tells, such as a change behind a
/// symbolic link, or a directory that was moved away and put back.
const LOOK: Duration = Duration::from_secs(5);

/// The same where there are no events at all.
const LOOK_WITHOUT_EVENTS: Duration = Duration::from_secs(1);

/// Most problems that the state tells; the log has more.
const MAX_TOLD: usize = 10;

/// Follows a directory until nobody listens any more.
pub async fn run(
    mut directory: Directory,
    batches: mpsc::Sender<Batch>,
    state: watch::Sender<State>,
    metrics: Arc<Metrics>,
) {
    let mut events = Events::default();
    let mut logged = BTreeSet::new();
    let mut is_synced = false;
    let mut apart = Apart::default();
    loop {
        // Before the look: a change during it is an event that waits.
        events.follow(directory.path());
        let looked = tokio::task::spawn_blocking(move || {
            let scan = directory.scan(SystemTime::now());
            (directory, scan)
        });
        let Ok((back, scan)) = looked.await else { return };
        directory = back;
        let Scan { changes, troubles, later, is_unsettled, root } = scan;
        apart.start(later);
        events.check(root);
        let is_news = root.is_some() && !is_synced;
        is_synced |= root.is_some();
        if is_news || !changes.is_empty() {
            let batch = Batch { changes, synced: is_synced };
            if batches.send(batch).await.is_err() {
                return;
            }
        }
        for _ in 0..log(&troubles, &mut logged) {
            metrics.control().source_error("Manifest");
        }
        metrics.control().set_source_synced(is_synced);
        metrics.control().set_source_connected(root.is_some());
        let now = state_of(is_synced, root.is_some(), &troubles);
        state.send_if_modified(|state| {
            let is_other = *state != now;
            *state = now;
            is_other
        });
        let look = if is_unsettled { SETTLE } else { events.look() };
        tokio::select! {
            () = events.changed.notified() => tokio::time::sleep(QUIET).await,
            () = tokio::time::sleep(look) => {}
            judged = apart.judged() => directory.take(judged),
            () = batches.closed() => return,
        }
    }
}

/// Apart judges one large file while others are looked at.
#[derive(Default)]
struct Apart {
    running: Option<JoinHandle<Option<(Judge, Judged)>>>,
    judge: Option<Judge>,
}

impl Apart {
    /// Begins with a file, unless another is not done: it will be found again.
    fn start(&mut self, job: Option<Job>) {
        let Some(job) = job.filter(|_| self.running.is_none()) else { return };
        let judge = self.judge.take();
        self.running = Some(tokio::task::spawn_blocking(move || {
            let judge = judge.or_else(|| Judge::new().ok())?;
            let judged = judge.judge(job);
            Some((judge, judged))
        }));
    }

    /// Waits for what became of the file.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    async fn judged(&mut self) -> Judged {
        if let Some(running) = &mut self.running {
            let done = running.await;
            self.running = None;
            if let Ok(Some((judge, judged))) = done {
                self.judge = Some(judge);
                return judged;
            }
        }
        std::future::pending().await
    }
}

/// Logs each trouble once, and its end; returns how many are new.
fn log(troubles: &[Troubles], logged: &mut BTreeSet<String>) -> usize {
    let now: BTreeSet<String> = troubles.iter().flat_map(|of| &of.told).cloned().collect();
    let new: Vec<&String> = now.difference(logged).collect();
    for trouble in &new {
        tracing::warn!("{trouble}");
    }
    let count = new.len();
    if now.is_empty() && !logged.is_empty() {
        tracing::info!("all manifests are read again");
    }
    *logged = now;
    count
}

fn state_of(synced: bool, is_readable: bool, troubles: &[Troubles]) -> State {
    let all = || troubles.iter().flat_map(|of| &of.told);
    if !is_readable {
        let trouble = all().cloned().reduce(|all, one| format!("{all}; {one}"));
        return State { synced, trouble, refused: Refused::default() };
    }
    // One of each file before the second of any.
    let most = troubles.iter().map(|of| of.told.len()).max().unwrap_or(0).min(MAX_TOLD);
    let first = (0..most).flat_map(|nth| troubles.iter().filter_map(move |of| of.told.get(nth)));
    let first = first.take(MAX_TOLD).cloned().collect();
    let count = troubles.iter().map(|of| of.count).sum();
    State { synced, trouble: None, refused: Refused { count, first } }
}

/// Events of the file system.
#[derive(Default)]
struct Events {
    changed: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    root: Option<(u64, u64)>,
    is_hopeless: bool,
}

impl Events {
    /// Asks for events, unless they come already. Without them the directory is looked at often.
    fn follow(&mut self, directory: &Path) {
        if self.watcher.is_some() || self.is_hopeless {
            return;
        }
        match watch_directory(directory, Arc::clone(&self.changed)) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => {}
            Err(error) if directory.exists() => {
                tracing::warn!("no file events ({error}): manifests are looked at every second");
                self.is_hopeless = true;
            }
            Err(_) => {}
        }
    }

    /// Asks again if the path leads to another directory than before.
    fn check(&mut self, root: Option<(u64, u64)>) {
        let before = std::mem::replace(&mut self.root, root);
        if root.is_none() || before.is_some_and(|before| Some(before) != root) {
            self.watcher = None;
            if root.is_some() {
                self.changed.notify_one();
            }
        }
    }

    fn look(&self) -> Duration {
        if self.watcher.is_some() { LOOK } else { LOOK_WITHOUT_EVENTS }
    }
}

fn watch_directory(directory: &Path, changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Own reads must not look like changes.
        let is_read = event.is_ok_and(|event| match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
            EventKind::Access(_) => true,
            _ => false,
        });
        if !is_read {
            changed.notify_one();
        }
    })?;
    watcher.watch(directory, RecursiveMode::Recursive)?;
    Ok(watcher)
}
