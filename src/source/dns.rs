//! Addresses of names that Services of type ExternalName have, asked for again and again.
//!
//! The system's resolver is asked, so that what a pod has configured holds. It does not say how
//! long an answer holds: each name is asked for every [`REFRESH`].

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Batch;
use crate::api::{Change, DnsRecord, Kind, Object, ObjectKey};
use crate::metrics::Metrics;

/// Time between two questions for a name.
const REFRESH: Duration = Duration::from_secs(30);
/// The same after a question without an answer.
const RETRY: Duration = Duration::from_secs(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most questions at once.
const AT_ONCE: usize = 8;
/// Most addresses of a name that are used, the first by order.
const ADDRESSES: usize = 64;

/// Answers the names that `wanted` says, until nobody listens any more.
pub async fn run(
    wanted: watch::Receiver<BTreeSet<ObjectKey>>,
    batches: mpsc::Sender<Batch>,
    metrics: Arc<Metrics>,
) {
    run_with(ask_system, wanted, batches, metrics).await;
}

async fn ask_system(name: String) -> io::Result<Vec<IpAddr>> {
    // A name with a dot is whole: no search list may turn it into another one.
    let whole = if name.contains('.') { format!("{name}.") } else { name };
    let found = tokio::net::lookup_host((whole, 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

/// Name is what is known of one name.
#[derive(Debug)]
struct Name {
    told: Option<Arc<DnsRecord>>,
    /// When it is asked for again; nothing while it is.
    due: Option<Instant>,
}

async fn run_with<R, F>(
    resolve: R,
    mut wanted: watch::Receiver<BTreeSet<ObjectKey>>,
    batches: mpsc::Sender<Batch>,
    metrics: Arc<Metrics>,
) where
    R: Fn(String) -> F,
    F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
{
    let mut names: BTreeMap<ObjectKey, Name> = BTreeMap::new();
    let mut asked: JoinSet<(ObjectKey, Result<DnsRecord, String>)> = JoinSet::new();
    loop {
        let now = Instant::now();
        for (key, name) in names.iter_mut().filter(|(_, name)| name.due.is_some_and(|d| d <= now)) {
            if asked.len() >= AT_ONCE {
                break;
            }
            name.due = None;
            let (key, answer) = (key.clone(), resolve(key.name.clone()));
            asked.spawn(async move { (key, record(answer).await) });
        }
        let due = names.values().filter_map(|name| name.due).min();
        let due = due.filter(|_| asked.len() < AT_ONCE);
        let changes = tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                follow(&mut names, &wanted.borrow_and_update().clone())
            }
            Some(Ok((key, answer))) = asked.join_next() => {
                if answer.is_err() {
                    metrics.control().source_error(Kind::DnsRecord.as_str());
                }
                take(&mut names, key, answer).into_iter().collect()
            }
            () = until(due) => continue,
        };
        if !changes.is_empty() && batches.send(Batch { changes, synced: false }).await.is_err() {
            return;
        }
    }
}

async fn record(
    answer: impl Future<Output = io::Result<Vec<IpAddr>>>,
) -> Result<DnsRecord, String> {
    let found = match tokio::time::timeout(PATIENCE, answer).await {
        Err(_) => return Err("no answer in time".to_owned()),
        Ok(Err(error)) => return Err(error.to_string()),
        Ok(Ok(found)) => found,
    };
    let addresses: BTreeSet<IpAddr> = found.iter().map(IpAddr::to_canonical).collect();
    if addresses.is_empty() {
        return Err("it has no address".to_owned());
    }
    let addresses = addresses.into_iter().take(ADDRESSES).collect();
    Ok(DnsRecord { addresses, trouble: None })
}

/// Begins to ask for new names, and forgets those that are no longer wanted.
fn follow(names: &mut BTreeMap<ObjectKey, Name>, wanted: &BTreeSet<ObjectKey>) -> Vec<Change> {
    let gone: Vec<ObjectKey> = names.keys().filter(|key| !wanted.contains(*key)).cloned().collect();
    names.retain(|key, _| wanted.contains(key));
    for key in wanted {
        let new = || Name { told: None, due: Some(Instant::now()) };
        names.entry(key.clone()).or_insert_with(new);
    }
    gone.into_iter().map(|key| Change { kind: Kind::DnsRecord, key, object: None }).collect()
}

/// Takes an answer in; returns what it changes. Addresses that were found once stay in use while
/// there is no answer.
fn take(
    names: &mut BTreeMap<ObjectKey, Name>,
    key: ObjectKey,
    answer: Result<DnsRecord, String>,
) -> Option<Change> {
    let name = names.get_mut(&key)?;
    let now = Instant::now();
    name.due = Some(now + if answer.is_ok() { REFRESH } else { RETRY });
    let record = match answer {
        Ok(record) => record,
        Err(why) => {
            let is_known = name.told.as_ref().is_some_and(|told| !told.addresses.is_empty());
            if is_known {
                tracing::debug!(name = %key.name, "{why}; its addresses stay in use");
                return None;
            }
            DnsRecord { addresses: Vec::new(), trouble: Some(why) }
        }
    };
    if name.told.as_deref() == Some(&record) {
        return None;
    }
    let record = Arc::new(record);
    name.told = Some(Arc::clone(&record));
    Some(Change { kind: Kind::DnsRecord, key, object: Some(Object::DnsRecord(record)) })
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    type Answers = Arc<Mutex<BTreeMap<String, io::Result<Vec<IpAddr>>>>>;

    struct Rig {
        answers: Answers,
        wanted: watch::Sender<BTreeSet<ObjectKey>>,
        batches: mpsc::Receiver<Batch>,
    }

    fn rig() -> Rig {
        let answers: Answers = Arc::default();
        let (wanted, seen) = watch::channel(BTreeSet::new());
        let (sender, batches) = mpsc::channel(16);
        let known = Arc::clone(&answers);
        let resolve = move |name: String| {
            let answer = match known.lock().get(&name) {
                Some(Ok(found)) => Ok(found.clone()),
                Some(Err(error)) => Err(io::Error::from(error.kind())),
                None => Err(io::ErrorKind::NotFound.into()),
            };
            std::future::ready(answer)
        };
        tokio::spawn(run_with(resolve, seen, sender, Metrics::new(1)));
        Rig { answers, wanted, batches }
    }

    impl Rig {
        fn want(&self, names: &[&str]) {
            let keys = names.iter().map(|name| ObjectKey::new("", *name)).collect();
            self.wanted.send(keys).unwrap();
        }

        fn answer(&self, name: &str, addresses: &[&str]) {
            let found = addresses.iter().map(|text| text.parse().unwrap()).collect();
            self.answers.lock().insert(name.to_owned(), Ok(found));
        }

        async fn next(&mut self) -> (String, Option<Vec<String>>) {
            let batch = self.batches.recv().await.unwrap();
            assert!(!batch.synced);
            let [change] = batch.changes.as_slice() else { panic!("{batch:?}") };
            let found = change.object.as_ref().map(|object| match object {
                Object::DnsRecord(record) => {
                    record.addresses.iter().map(ToString::to_string).collect()
                }
                other => panic!("{other:?}"),
            });
            (change.key.name.clone(), found)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_told_when_it_changes_and_forgotten_when_nobody_wants_it() {
        let mut rig = rig();
        rig.answer("a.test", &["192.0.2.2", "192.0.2.1", "::ffff:192.0.2.1"]);
        rig.want(&["a.test"]);
        let (name, found) = rig.next().await;
        assert_eq!(
            (name.as_str(), found),
            ("a.test", Some(vec!["192.0.2.1".into(), "192.0.2.2".into()]))
        );
        let began = Instant::now();
        rig.answer("a.test", &["192.0.2.9"]);
        assert_eq!(rig.next().await.1, Some(vec!["192.0.2.9".to_owned()]));
        assert!(began.elapsed() >= REFRESH && began.elapsed() < REFRESH * 2);
        rig.want(&[]);
        assert_eq!(rig.next().await, ("a.test".to_owned(), None));
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_answer_what_was_known_stays() {
        let mut rig = rig();
        rig.want(&["a.test"]);
        assert_eq!(rig.next().await.1, Some(vec![]), "it never had an address");
        rig.answer("a.test", &["192.0.2.1"]);
        assert_eq!(rig.next().await.1, Some(vec!["192.0.2.1".to_owned()]));
        rig.answers.lock().clear();
        tokio::time::sleep(REFRESH * 10).await;
        rig.answer("a.test", &["192.0.2.2"]);
        assert_eq!(rig.next().await.1, Some(vec!["192.0.2.2".to_owned()]), "and nothing before");
    }

    #[tokio::test]
    async fn the_system_knows_its_own_name() {
        let found = ask_system("localhost".to_owned()).await.unwrap();
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
    }
}
