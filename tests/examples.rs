//! Every example is accepted as it is, and so is every pool that the documentation shows.

#![allow(clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

use weir::api::validate::{Format, PoolSchema, Verdict, read};
use weir::api::{Change, ConditionType, Objects};
use weir::translate::{Options, translate};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .expect("the folder can be read")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == end))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

/// Reads the objects of a text; anything but clean objects is an error.
fn objects(name: &str, text: &str, schema: &PoolSchema) -> Vec<Change> {
    let documents = read(text.as_bytes(), Format::Yaml, schema)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(!documents.is_empty(), "{name} holds no object");
    documents
        .into_iter()
        .map(|document| match (document.verdict, document.identity) {
            (Verdict::Read(object, problems), Some((kind, key))) if problems.is_empty() => {
                Change { kind, key, object: Some(object) }
            }
            (verdict, _) => panic!("{name}: {}: {verdict:?}", document.name),
        })
        .collect()
}

/// All files together, as `weir run --manifests manifests/examples` reads them: none claims what
/// another one claims.
#[test]
fn examples_are_accepted_together() {
    accepted(&["manifests/examples", "manifests/examples/demo"]);
}

/// What `weir demo` serves stands by itself: every Service that a pool names is there.
#[test]
fn the_demo_is_accepted_by_itself() {
    accepted(&["manifests/examples/demo"]);
}

fn accepted(folders: &[&str]) {
    let schema = PoolSchema::new().expect("the schema compiles");
    let mut all = Objects::default();
    for path in folders.iter().flat_map(|folder| files(folder, "yaml")) {
        let text = fs::read_to_string(&path).expect("the example can be read");
        for change in objects(&path.display().to_string(), &text, &schema) {
            assert!(all.apply(change), "{} repeats an object", path.display());
        }
    }
    let translation = translate(&all, Options { standalone: true, ..Options::default() });
    assert_eq!(translation.updates.len(), all.backend_pools.len());
    for pool in translation.model.pools.values() {
        let endpoints: usize = pool.backends.iter().map(|backend| backend.endpoints.len()).sum();
        assert!(endpoints > 0, "{} has no endpoint", pool.name);
    }
    for update in &translation.ingresses {
        assert_eq!(update.problems, [], "{}", update.ingress);
    }
    let ingresses = all.ingresses.len();
    assert_eq!(translation.ingresses.len(), ingresses, "every Ingress is of a class of ours");
    for update in &translation.updates {
        for kind in
            [ConditionType::Accepted, ConditionType::ResolvedRefs, ConditionType::Programmed]
        {
            let condition = update.conditions.iter().find(|condition| condition.kind == kind);
            let condition = condition.unwrap_or_else(|| panic!("{}: no {kind:?}", update.pool));
            assert!(condition.status, "{}: {}", update.pool, condition.message);
        }
    }
}

#[test]
fn pools_in_the_documentation_are_valid() {
    let schema = PoolSchema::new().expect("the schema compiles");
    let mut found = 0;
    let pages = files("docs", "md").into_iter().chain([root().join("README.md")]);
    for page in pages {
        let text = fs::read_to_string(&page).expect("the page can be read");
        for block in text.split("```yaml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            if block.starts_with("apiVersion:") {
                objects(&page.display().to_string(), block, &schema);
                found += 1;
            }
        }
    }
    assert!(found > 0, "the README shows a pool");
}

/// Every file that a page links to is there.
#[test]
fn links_of_the_documentation_lead_somewhere() {
    let adr = files("docs/adr", "md");
    let pages = files("docs", "md").into_iter().chain(files(".", "md")).chain(adr);
    for page in pages {
        let folder = page.parent().expect("a page is in a folder");
        let text = fs::read_to_string(&page).expect("the page can be read");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let is_outside = file.contains("://") || file.is_empty();
            assert!(is_outside || folder.join(file).exists(), "{}: {link}", page.display());
        }
    }
}
