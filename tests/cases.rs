//! Objects in, model, status and answers out: `tests/golden/<topic>/<case>.in.yaml`.
//!
//! Beside each input lie `.model.yaml` (what differs from a pool with nothing but a backend),
//! `.status.yaml`, and where requests are looked up `.requests.yaml`. The first line of an input
//! says `# why:`. `make golden` writes the expected model and status; read the difference.
//! The requests are written by hand.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test"
)]

#[path = "support/objects.rs"]
mod objects;
#[path = "cases/render.rs"]
mod render;
#[path = "cases/requests.rs"]
mod requests;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use weir::api::validate::PoolSchema;
use weir::api::{Change, Objects, StatusUpdate};
use weir::model::Model;
use weir::translate::{Options, Translator, translate};

/// Folders of this suite; the others belong to other suites.
const TOPICS: [&str; 9] = [
    "backendpool",
    "backendtls",
    "endpoints",
    "grants",
    "ingress",
    "invalid",
    "locality",
    "precedence",
    "tls",
];

/// Objects that have nothing to do with any case.
const UNRELATED: &str = include_str!("cases/unrelated.yaml");
const UNRELATED_NAMESPACE: &str = "unrelated";

fn main() {
    let arguments = Arguments::from_args();
    let schema = Arc::new(PoolSchema::new().expect("the schema compiles"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut trials = Vec::new();
    for topic in TOPICS {
        let folder = root.join(topic);
        let mut files: BTreeSet<PathBuf> = fs::read_dir(&folder)
            .expect("the topic is a folder")
            .map(|entry| entry.expect("the folder can be read").path())
            .collect();
        let inputs: Vec<_> = files.iter().filter(|path| end(path, ".in.yaml")).cloned().collect();
        for input in inputs {
            for other in [".in.yaml", ".model.yaml", ".status.yaml", ".requests.yaml"] {
                files.remove(&beside(&input, other));
            }
            let name = input.file_name().expect("a name").to_string_lossy();
            let name = format!("{topic}::{}", name.trim_end_matches(".in.yaml"));
            let schema = Arc::clone(&schema);
            trials.push(Trial::test(name, move || case(topic, &input, &schema)));
        }
        trials.push(Trial::test(format!("{topic}::no_orphans"), move || {
            let rest: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
            if rest.is_empty() {
                Ok(())
            } else {
                Err(format!("belong to no input: {rest:?}").into())
            }
        }));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn end(path: &Path, end: &str) -> bool {
    path.to_string_lossy().ends_with(end)
}

fn beside(input: &Path, end: &str) -> PathBuf {
    PathBuf::from(input.to_string_lossy().replace(".in.yaml", end))
}

fn case(topic: &str, input: &Path, schema: &PoolSchema) -> Result<(), Failed> {
    let text = fs::read_to_string(input)?;
    let mut lines = text.lines();
    if !lines.next().is_some_and(|line| line.starts_with("# why: ")) {
        return Err("the first line must say `# why: `".into());
    }
    let directives: Vec<_> = lines.take_while(|line| line.starts_with("# ")).collect();
    let options =
        Options { standalone: directives.contains(&"# standalone"), ..Options::default() };
    let changes = objects::changes(&text, schema, topic == "invalid")?;
    let mut all = Objects::default();
    for change in &changes {
        if !all.apply(change.clone()) {
            return Err(format!("{} {} is there twice", change.kind, change.key).into());
        }
    }
    let whole = translate(&all, options.clone());
    let everything = directives.contains(&"# show: defaults");
    let model = render::model(&whole.model, everything);
    let status =
        render::status(&whole.updates, &whole.ingresses, (&whole.secrets, &whole.config_maps));
    compare(&beside(input, ".model.yaml"), &model)?;
    compare(&beside(input, ".status.yaml"), &status)?;
    for seed in 0..8 {
        shuffled(&changes, &options, schema, seed, (&model, &status, everything))?;
    }
    let requests = beside(input, ".requests.yaml");
    if requests.exists() {
        requests::check(&fs::read_to_string(requests)?, &whole.model)?;
    } else if ["ingress", "precedence"].contains(&topic) {
        return Err("a case of precedence needs .requests.yaml".into());
    }
    Ok(())
}

fn compare(path: &Path, found: &str) -> Result<(), Failed> {
    if std::env::var_os("WEIR_GENERATE").is_some_and(|value| value == "1") {
        fs::write(path, found)?;
        return Ok(());
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == found {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Err(format!("{name} differs.\n--- expected\n{expected}\n--- found\n{found}").into())
}

/// Lets the same objects come in another order, in pieces and among others: nothing is different,
/// and coming again changes nothing.
fn shuffled(
    changes: &[Change],
    options: &Options,
    schema: &PoolSchema,
    seed: u64,
    (model, status, everything): (&str, &str, bool),
) -> Result<(), Failed> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut arriving = changes.to_vec();
    arriving.extend(objects::changes(UNRELATED, schema, false)?);
    random.shuffle(&mut arriving);
    let mut objects = Objects::default();
    let mut translator = Translator::new(options.clone());
    let mut rest = arriving.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(random.usize(1..=rest.len()));
        rest = later;
        for change in batch {
            objects.apply(change.clone());
        }
        translator.apply(&objects, batch);
    }
    let found = render::model(&without_unrelated(translator.model()), everything);
    let updates: Vec<StatusUpdate> = translator
        .updates(&objects)
        .into_iter()
        .filter(|update| update.pool.namespace != UNRELATED_NAMESPACE)
        .collect();
    let mut ingresses = translator.ingress_updates();
    ingresses.retain(|update| update.ingress.namespace != UNRELATED_NAMESPACE);
    let mut secrets = translator.secrets();
    secrets.retain(|key| key.namespace != UNRELATED_NAMESPACE);
    let mut config_maps = translator.config_maps();
    config_maps.retain(|key| key.namespace != UNRELATED_NAMESPACE);
    let said = render::status(&updates, &ingresses, (&secrets, &config_maps));
    if found != model || said != status {
        return Err(format!("order {seed} gives another result:\n{found}").into());
    }
    let again = translator.apply(&objects, &arriving);
    if again.changed.is_empty() { Ok(()) } else { Err("the same again is a change".into()) }
}

fn without_unrelated(model: &Model) -> Model {
    let mut model = model.clone();
    model.pools.retain(|name, _| name.namespace() != UNRELATED_NAMESPACE);
    model.routes.retain(|name, _| name.namespace() != UNRELATED_NAMESPACE);
    model.certificates.retain(|name, _| name.namespace() != UNRELATED_NAMESPACE);
    model
}
