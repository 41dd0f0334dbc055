use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use super::directory::Scan;
use super::judge::Judge;
use super::{Directory, OpenError, run};
use crate::api::{Change, Kind, Object, ObjectKey};
use crate::metrics::Metrics;
use crate::source::{Batch, State};

fn service(name: &str, port: u16) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{ name: {name} }}\nspec: {{ ports: [{{ port: {port} }}] }}\n"
    )
}

fn pool(name: &str, port: &str) -> String {
    format!(
        "---\napiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: {name} }}\nspec:\n  \
         backends:\n    - endpoint: {{ address: 127.0.0.1, port: {port} }}\n"
    )
}

struct Rig {
    folder: TempDir,
    directory: Directory,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(folder.path()).unwrap();
        Self { folder, directory }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.folder.path().join(path)).unwrap();
    }

    /// Looks when every write is long past.
    fn scan(&mut self) -> Scan {
        self.directory.scan(SystemTime::now() + Duration::from_secs(60))
    }

    /// Looks, and returns what is there now or not any more: `+Service a`, `-Service a`, `!` where
    /// it could not be read.
    fn told(&mut self) -> Vec<String> {
        self.scan().changes.iter().map(short).collect()
    }
}

fn short(change: &Change) -> String {
    let sign = match change.object {
        None => '-',
        Some(Object::Invalid(_)) => '!',
        Some(_) => '+',
    };
    format!("{sign}{} {}", change.kind, change.key.name)
}

/// Returns what is wrong, file by file.
fn troubles(scan: &Scan) -> Vec<String> {
    scan.troubles.iter().flat_map(|of| of.told.clone()).collect()
}

fn port_of(change: &Change) -> i32 {
    match change.object.as_ref().unwrap() {
        Object::Service(service) => service.spec.as_ref().unwrap().ports.as_ref().unwrap()[0].port,
        Object::BackendPool(pool) => {
            pool.spec.backends.as_ref().unwrap()[0].endpoint.as_ref().unwrap().port
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn manifests_are_found_by_their_names_in_all_folders() {
    let mut rig = Rig::new();
    rig.write("b.yaml", &(service("b", 80) + &service("c", 80)));
    rig.write("deep/er/d.yml", &service("d", 80));
    let json = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "e"}}"#;
    rig.write("e.json", json);
    rig.write("h.YAML", &service("h", 80));
    rig.write("i.Yml", &service("i", 80));
    rig.write("notes.txt", "not: read: at: all");
    rig.write(".hidden.yaml", &service("f", 80));
    rig.write(".git/g.yaml", &service("g", 80));
    assert_eq!(
        rig.told(),
        ["+Service b", "+Service c", "+Service d", "+Service e", "+Service h", "+Service i"]
    );
    assert_eq!(rig.told(), Vec::<String>::new());
}

#[test]
fn a_missing_directory_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let error = Directory::open(&folder.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, OpenError::Unreadable { .. }));
    assert!(error.to_string().contains("nowhere"), "{error}");
    File::create(folder.path().join("file")).unwrap();
    assert!(Directory::open(&folder.path().join("file")).is_err());
}

#[test]
fn an_object_without_a_namespace_is_in_default() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &service("a", 80));
    assert_eq!(rig.scan().changes[0].key, ObjectKey::new("default", "a"));
}

#[test]
fn only_what_is_different_is_told() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &(service("a", 80) + &service("b", 80)));
    rig.told();
    rig.write("a.yaml", &(service("a", 81) + "# b as before\n" + &service("b", 80)));
    let changes = rig.scan().changes;
    assert_eq!(
        changes.iter().map(|c| (short(c), port_of(c))).collect::<Vec<_>>(),
        [("+Service a".to_owned(), 81)]
    );
    rig.remove("a.yaml");
    assert_eq!(rig.told(), ["-Service a", "-Service b"]);
}

#[test]
fn a_broken_file_keeps_its_last_good_objects() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &service("a", 80));
    rig.write("b.yaml", &service("b", 80));
    rig.told();
    rig.write("a.yaml", "apiVersion: v1\nkind: [Service\nmetadata: x\n");
    rig.write("b.yaml", &service("b", 81));
    let scan = rig.scan();
    assert_eq!(scan.changes.iter().map(short).collect::<Vec<_>>(), ["+Service b"]);
    assert_eq!(troubles(&scan).len(), 1);
    assert!(troubles(&scan)[0].starts_with("a.yaml:3:"), "{:?}", scan.troubles);
    assert_eq!(troubles(&rig.scan()).len(), 1, "said as long as it is so");
    rig.write("a.yaml", &service("a", 82));
    let scan = rig.scan();
    assert_eq!((short(&scan.changes[0]), scan.troubles), ("+Service a".to_owned(), vec![]));
}

#[test]
fn a_refused_object_keeps_its_last_good_state_and_stops_no_other() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &(pool("a", "80") + &pool("b", "80")));
    rig.told();
    rig.write("a.yaml", &(pool("a", "http") + &pool("b", "81") + &pool("c", "0")));
    let scan = rig.scan();
    assert_eq!(
        scan.changes.iter().map(short).collect::<Vec<_>>(),
        ["+BackendPool b", "!BackendPool c"]
    );
    assert_eq!(
        troubles(&scan)[0],
        "a.yaml:7:39: BackendPool default/a: spec.backends[0].endpoint.port: must be a whole \
         number, not the string \"http\""
    );
    let Some(Object::Invalid(why)) = &scan.changes[1].object else { panic!() };
    assert!(why.message.contains("spec.backends[0].endpoint.port"), "{}", why.message);
    rig.write("a.yaml", &pool("c", "82"));
    assert_eq!(rig.told(), ["-BackendPool a", "-BackendPool b", "+BackendPool c"]);
}

#[test]
fn a_document_that_cannot_be_read_stops_no_other_and_takes_nothing_away() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &(service("a", 1) + &service("b", 1) + &service("c", 1)));
    rig.told();
    // A quote that nobody closed, then what has no kind, then an object that is new.
    let broken = "---\nmetadata: { name: 'b }\n";
    rig.write("a.yaml", &(service("a", 2) + broken + &service("c", 2) + &service("d", 2)));
    let scan = rig.scan();
    let changes: Vec<_> = scan.changes.iter().map(|c| (short(c), port_of(c))).collect();
    let changed = ["a", "c", "d"].map(|name| (format!("+Service {name}"), 2));
    assert_eq!(changes, changed);
    let told = troubles(&scan);
    let [trouble] = told.as_slice() else { panic!("{told:?}") };
    let line: u64 = trouble.split(':').nth(1).unwrap().parse().unwrap();
    assert!((7..=8).contains(&line), "{trouble}");
    assert!(trouble.contains("document 2"), "{trouble}");
    // The same for an object that does not say what it is.
    rig.write("a.yaml", &(service("a", 2) + "---\nmetadata: { name: b }\n"));
    assert_eq!(rig.told(), Vec::<String>::new(), "c and d may be what cannot be read");
    rig.write("a.yaml", &service("a", 2));
    assert_eq!(rig.told(), ["-Service b", "-Service c", "-Service d"]);
}

#[test]
fn of_two_equal_names_the_first_path_counts_at_the_start() {
    let mut rig = Rig::new();
    rig.write("b.yaml", &service("a", 2));
    rig.write("a.yaml", &(service("a", 1) + &service("a", 3)));
    let scan = rig.scan();
    assert_eq!((scan.changes.len(), port_of(&scan.changes[0])), (1, 1));
    assert_eq!(
        troubles(&scan),
        [
            "a.yaml: Service default/a is in a.yaml already, which counts: leave one out",
            "b.yaml: Service default/a is in a.yaml already, which counts: leave one out"
        ]
    );
}

#[test]
fn a_copy_takes_nothing_away_until_the_first_goes() {
    let mut rig = Rig::new();
    rig.write("pools.yaml", &pool("a", "80"));
    rig.told();
    rig.write("a-copy.yaml", &pool("a", "1"));
    let scan = rig.scan();
    assert_eq!(scan.changes, []);
    assert_eq!(
        troubles(&scan),
        [
            "a-copy.yaml: BackendPool default/a is in pools.yaml already, which counts: leave one out"
        ]
    );
    rig.write("pools.yaml", &pool("a", "81"));
    assert_eq!(port_of(&rig.scan().changes[0]), 81);
    rig.write("pools.yaml", "a: [");
    assert_eq!(rig.scan().changes, [], "a file that breaks keeps what it held");
    rig.remove("pools.yaml");
    let scan = rig.scan();
    assert_eq!((port_of(&scan.changes[0]), troubles(&scan).len()), (1, 0));
    rig.write("pools.yaml", &pool("a", "82"));
    let scan = rig.scan();
    assert_eq!((scan.changes.len(), troubles(&scan).len()), (0, 1), "it comes back as the copy");
}

#[test]
fn a_swapped_link_is_a_change_as_in_a_mounted_config_map() {
    let mut rig = Rig::new();
    rig.write("..v1/a.yaml", &service("a", 1));
    rig.write("..v2/a.yaml", &service("a", 2));
    let root = rig.folder.path().to_owned();
    symlink("..v1", root.join("..data")).unwrap();
    symlink("..data/a.yaml", root.join("a.yaml")).unwrap();
    assert_eq!(port_of(&rig.scan().changes[0]), 1);
    symlink("..v2", root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    assert_eq!(port_of(&rig.scan().changes[0]), 2);
}

#[test]
fn a_file_that_is_just_being_written_is_left_for_later() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &service("a", 80));
    rig.told();
    rig.write("a.yaml", "");
    let written = fs::metadata(rig.folder.path().join("a.yaml")).unwrap().modified().unwrap();
    let scan = rig.directory.scan(written);
    assert!(scan.changes.is_empty() && scan.is_unsettled, "{scan:?}");
    let scan = rig.directory.scan(written + Duration::from_millis(60));
    assert!(!scan.is_unsettled);
    assert_eq!(scan.changes.iter().map(short).collect::<Vec<_>>(), ["-Service a"]);
}

#[test]
fn a_write_that_leaves_the_same_stamp_is_found() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &service("a", 80));
    let path = rig.folder.path().join("a.yaml");
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    rig.directory.scan(written + Duration::from_millis(100));
    rig.write("a.yaml", &service("a", 81));
    File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
    let scan = rig.directory.scan(written + Duration::from_millis(200));
    assert_eq!(port_of(&scan.changes[0]), 81);
}

#[test]
fn a_directory_that_vanishes_takes_nothing_with_it() {
    let mut rig = Rig::new();
    rig.write("in/a.yaml", &service("a", 80));
    rig.directory = Directory::open(&rig.folder.path().join("in")).unwrap();
    rig.told();
    let away = rig.folder.path().join("away");
    fs::rename(rig.directory.path(), &away).unwrap();
    let scan = rig.scan();
    assert!(scan.changes.is_empty() && scan.root.is_none(), "{scan:?}");
    assert!(troubles(&scan)[0].contains("stays in use"), "{:?}", scan.troubles);
    fs::rename(&away, rig.folder.path().join("in")).unwrap();
    let scan = rig.scan();
    assert!(scan.changes.is_empty() && scan.troubles.is_empty(), "{scan:?}");
}

#[test]
fn a_loop_of_links_ends() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &service("a", 80));
    symlink(".", rig.folder.path().join("self")).unwrap();
    let scan = rig.scan();
    assert_eq!(scan.changes.iter().map(short).collect::<Vec<_>>(), ["+Service a"]);
    assert_eq!(troubles(&scan), Vec::<String>::new());
}

#[test]
fn a_link_that_leads_nowhere_is_said() {
    let mut rig = Rig::new();
    symlink("gone.yaml", rig.folder.path().join("a.yaml")).unwrap();
    symlink("gone", rig.folder.path().join("b")).unwrap();
    symlink("gone.yaml", rig.folder.path().join(".c.yaml")).unwrap();
    let said = ["a.yaml: leads nowhere: mend the symbolic link, or remove it"];
    assert_eq!(troubles(&rig.scan()), said);
    rig.write("gone.yaml", &service("a", 80));
    rig.remove("a.yaml");
    let scan = rig.scan();
    assert_eq!((scan.changes.len(), troubles(&scan).len()), (1, 0));
}

#[test]
fn a_large_file_is_judged_apart_and_holds_up_no_other() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &service("a", 80));
    let many =
        |port: u16| (0..2_000).map(|n| service(&format!("large{n}"), port)).collect::<String>();
    rig.write("large.yaml", &many(80));
    let scan = rig.scan();
    assert_eq!(scan.changes.len(), 2_001, "at the start everything is read");
    assert!(scan.later.is_none());
    rig.write("large.yaml", &many(81));
    rig.write("a.yaml", &service("a", 81));
    let scan = rig.scan();
    assert_eq!(scan.changes.iter().map(short).collect::<Vec<_>>(), ["+Service a"]);
    let judged = Judge::new().unwrap().judge(scan.later.unwrap());
    rig.directory.take(judged);
    let scan = rig.scan();
    assert_eq!((scan.changes.len(), port_of(&scan.changes[0])), (2_000, 81));
    assert!(scan.later.is_none());
    // What was judged is the file as it was then.
    rig.write("large.yaml", &many(82));
    let later = rig.scan().later.unwrap();
    rig.remove("large.yaml");
    rig.directory.take(Judge::new().unwrap().judge(later));
    assert_eq!(rig.told().len(), 2_000, "gone");
}

#[test]
fn of_a_file_with_a_thousand_mistakes_some_are_told_and_all_counted() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &(0..1_000).map(|n| pool(&format!("p{n}"), "0")).collect::<String>());
    let scan = rig.scan();
    let [of_file] = scan.troubles.as_slice() else { panic!("{:?}", scan.troubles) };
    assert_eq!((of_file.told.len(), of_file.count), (101, 1_000));
    assert_eq!(of_file.told[100], "a.yaml: and 900 more problems");
}

struct Running {
    folder: TempDir,
    batches: mpsc::Receiver<Batch>,
    state: watch::Receiver<State>,
    task: tokio::task::JoinHandle<()>,
}

fn start(text: &str) -> Running {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    let directory = Directory::open(folder.path()).unwrap();
    let (sender, batches) = mpsc::channel(1);
    let (states, state) = watch::channel(State::default());
    let task = tokio::spawn(run(directory, sender, states, Metrics::new(1)));
    Running { folder, batches, state, task }
}

fn replace(folder: &Path, text: &str) {
    fs::write(folder.join(".new"), text).unwrap();
    fs::rename(folder.join(".new"), folder.join("a.yaml")).unwrap();
}

#[tokio::test]
async fn a_change_is_told_when_it_happens() {
    let mut running = start(&service("a", 80));
    let first = running.batches.recv().await.unwrap();
    assert!(first.synced);
    assert_eq!(port_of(&first.changes[0]), 80);
    for port in 81..84 {
        replace(running.folder.path(), &service("a", port));
        let batch = running.batches.recv().await.unwrap();
        assert_eq!((batch.synced, port_of(&batch.changes[0])), (true, i32::from(port)));
    }
    fs::create_dir(running.folder.path().join("new")).unwrap();
    fs::write(running.folder.path().join("new/b.yaml"), service("b", 80)).unwrap();
    assert_eq!(short(&running.batches.recv().await.unwrap().changes[0]), "+Service b");
}

#[tokio::test]
async fn an_empty_directory_is_synced_too() {
    let mut running = start("");
    assert_eq!(running.batches.recv().await, Some(Batch { changes: vec![], synced: true }));
}

#[tokio::test]
async fn trouble_is_in_the_state_as_long_as_it_lasts() {
    let mut running = start(&service("a", 80));
    running.batches.recv().await.unwrap();
    let good = |state: &State| state.trouble.is_none() && state.refused.count == 0;
    running.state.wait_for(|state| state.synced && good(state)).await.unwrap();
    replace(running.folder.path(), "a: [");
    let state = running.state.wait_for(|state| state.refused.count == 1).await.unwrap().clone();
    assert_eq!((state.synced, state.trouble), (true, None), "the directory itself can be read");
    assert!(state.refused.first[0].starts_with("a.yaml:1:"), "{:?}", state.refused);
    replace(running.folder.path(), &service("a", 80));
    running.state.wait_for(good).await.unwrap();
    let away = running.folder.path().with_extension("away");
    fs::rename(running.folder.path(), &away).unwrap();
    let state = running.state.wait_for(|state| state.trouble.is_some()).await.unwrap().clone();
    assert_eq!((state.synced, state.refused.count), (true, 0), "{state:?}");
    fs::rename(&away, running.folder.path()).unwrap();
    running.state.wait_for(good).await.unwrap();
}

#[tokio::test]
async fn a_large_file_is_told_when_it_is_judged() {
    let mut running = start(&service("a", 80));
    running.batches.recv().await.unwrap();
    let many: String = (0..2_000).map(|n| service(&format!("large{n}"), 80)).collect();
    replace(running.folder.path(), &many);
    assert_eq!(running.batches.recv().await.unwrap().changes.len(), 2_001);
    replace(running.folder.path(), &service("a", 81));
    assert_eq!(running.batches.recv().await.unwrap().changes.len(), 2_001);
}

#[tokio::test]
async fn the_state_names_each_file_before_it_names_one_twice() {
    let mut running = start(&(0..30).map(|n| pool(&format!("p{n}"), "0")).collect::<String>());
    fs::write(running.folder.path().join("b.yaml"), "a: [").unwrap();
    fs::write(running.folder.path().join("c.yaml"), "kind: 7\napiVersion: v1\n").unwrap();
    running.batches.recv().await.unwrap();
    let state = running.state.wait_for(|state| state.refused.count == 32).await.unwrap();
    let first: Vec<&str> =
        state.refused.first.iter().map(|one| one.split(':').next().unwrap()).collect();
    assert_eq!(first[..4], ["a.yaml", "b.yaml", "c.yaml", "a.yaml"]);
    assert_eq!(first.len(), 10);
}

#[tokio::test]
async fn it_ends_when_nobody_listens() {
    let mut running = start(&service("a", 80));
    running.batches.recv().await.unwrap();
    drop(running.batches);
    running.task.await.unwrap();
}

#[test]
fn kinds_are_told_apart() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &(service("a", 80) + &pool("a", "80")));
    let kinds: Vec<Kind> = rig.scan().changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [Kind::BackendPool, Kind::Service]);
}

#[test]
fn what_is_right_of_a_flawed_service_is_told_and_what_is_wrong_is_a_trouble() {
    let mut rig = Rig::new();
    let text = "apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec:\n  ports:\n    \
                - { name: a, port: 80 }\n    - { name: b, port: 99999 }\n";
    rig.write("a.yaml", text);
    let scan = rig.scan();
    assert_eq!(scan.changes.iter().map(port_of).collect::<Vec<_>>(), [80]);
    assert_eq!(
        troubles(&scan),
        ["a.yaml:7:18: Service default/a: spec.ports[1].port: must be 1 to 65535, not 99999"]
    );
}

#[test]
fn metadata_is_judged_as_by_the_api_server() {
    let mut rig = Rig::new();
    rig.write("a.yaml", &service("a", 80).replace("name: a }", "name: a, labels: { b c: d } }"));
    rig.write("b.yaml", &service("b.c", 81));
    let scan = rig.scan();
    assert_eq!(scan.changes.iter().map(short).collect::<Vec<_>>(), ["+Service a", "!Service b.c"]);
    let [label, name] = &troubles(&scan)[..] else { panic!("{:?}", troubles(&scan)) };
    assert!(label.starts_with("a.yaml:4:32: Service default/a: metadata.labels[\"b c\"]: the key"));
    assert!(name.starts_with("b.yaml:4:13: Service default/b.c: metadata.name: must be"), "{name}");
}
