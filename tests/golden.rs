//! What declared objects mean: each `tests/golden/translate/*.in.yaml` gives the kept model and
//! statuses beside it.
//!
//! `make golden` writes them anew; the review reads the difference. An input says why it is there
//! in its first line, is read as a directory of manifests would be, and is judged as in a cluster
//! unless that line says `standalone`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test")]

#[path = "support/kept.rs"]
mod kept;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kept::assert_kept;
use serde_json::{Value, json};
use weir::api::validate::{Format, PoolSchema, Verdict, read};
use weir::api::{Change, InvalidObject, Object, Objects};
use weir::translate::{Options, Translation, Translator, translate};

const CASES: &str = "tests/golden/translate";

/// Case is one input.
struct Case {
    name: String,
    options: Options,
    changes: Vec<Change>,
}

fn names(end: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES);
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the cases can be read")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(end).map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn cases() -> Vec<Case> {
    let schema = PoolSchema::new().expect("the schema compiles");
    let names = names(".in.yaml");
    assert!(names.len() >= 5, "found only {names:?}");
    names.into_iter().map(|name| case(name, &schema)).collect()
}

fn case(name: String, schema: &PoolSchema) -> Case {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES).join(format!("{name}.in.yaml"));
    let text = fs::read_to_string(path).expect("the case can be read");
    let first = text.lines().next().unwrap_or_default();
    assert!(first.starts_with("# why: "), "{name}: the first line says why");
    let options = Options { standalone: first.contains("standalone"), ..Options::default() };
    let documents = read(text.as_bytes(), Format::Yaml, schema)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let changes = documents
        .into_iter()
        .map(|document| {
            let (kind, key) = document.identity.expect("every object of a case has a name");
            let object = match document.verdict {
                Verdict::Read(object, _) | Verdict::Flawed(object, _) => object,
                Verdict::Refused(problems) => {
                    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
                    let message = said.join("; ");
                    Object::Invalid(InvalidObject { generation: None, message }.into())
                }
                Verdict::Unread => panic!("{name}: {} is not read", document.name),
            };
            Change { kind, key, object: Some(object) }
        })
        .collect();
    Case { name, options, changes }
}

fn gather(changes: impl IntoIterator<Item = Change>) -> Objects {
    let mut objects = Objects::default();
    for change in changes {
        objects.apply(change);
    }
    objects
}

fn yaml(value: &Value) -> String {
    format!("# Kept by `make golden`.\n{}", serde_saphyr::to_string(value).expect("it is YAML"))
}

fn model(translation: &Translation) -> String {
    let model = &translation.model;
    let pools: BTreeMap<_, _> = model.pools.iter().map(|(n, p)| (n.as_str(), &**p)).collect();
    let routes: BTreeMap<_, _> = model.routes.iter().map(|(n, r)| (n.to_string(), &**r)).collect();
    let certificates: BTreeMap<_, Vec<_>> = model
        .certificates
        .iter()
        .map(|(name, all)| (name.to_string(), all.iter().map(|one| &one.origin).collect()))
        .collect();
    yaml(&json!({ "pools": pools, "routes": routes, "certificates": certificates }))
}

fn status(translation: &Translation) -> String {
    yaml(&json!({ "updates": translation.updates, "secrets": translation.secrets }))
}

#[test]
fn objects_mean_what_is_kept() {
    for case in cases() {
        let translation = translate(&gather(case.changes), case.options);
        assert_kept(&format!("{CASES}/{}.model.yaml", case.name), &model(&translation));
        assert_kept(&format!("{CASES}/{}.status.yaml", case.name), &status(&translation));
    }
}

#[test]
fn no_kept_file_is_without_its_input() {
    let inputs = names(".in.yaml");
    for name in names(".model.yaml").into_iter().chain(names(".status.yaml")) {
        assert!(inputs.contains(&name), "{CASES}/{name} has no input");
    }
}

/// The order in which objects are seen means nothing, one by one or all at once.
#[test]
fn order_means_nothing() {
    for case in cases() {
        let whole = translate(&gather(case.changes.clone()), case.options.clone());
        let mut shuffled = case.changes;
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..5 {
            random.shuffle(&mut shuffled);
            let mut translator = Translator::new(case.options.clone());
            let mut objects = Objects::default();
            translator.restart(&objects);
            for change in &shuffled {
                objects.apply(change.clone());
                translator.apply(&objects, std::slice::from_ref(change));
            }
            assert_eq!(translator.model(), &whole.model, "{}", case.name);
        }
    }
}
