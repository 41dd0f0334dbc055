//! The fuzz targets as tests: every kept input, then seeded changes of those.
//!
//! `fuzz/corpus/TARGET` holds what reaches different code, `fuzz/regressions/TARGET` what failed
//! once. `make fuzz` looks for more with libFuzzer.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod mutate;
mod targets;

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};

/// Changed inputs of each target; a `translate` is slower than all others.
const CHANGED: usize = 20_000;
const CHANGED_MANIFESTS: usize = 1_500;

fn main() {
    let arguments = Arguments::from_args();
    // The panic of a target is told with the input that it is about.
    std::panic::set_hook(Box::new(|_| {}));
    let trials = targets::TARGETS.into_iter().flat_map(|(name, run)| {
        let changed = if name == "translate" { CHANGED_MANIFESTS } else { CHANGED };
        [
            Trial::test(format!("{name}::kept"), move || kept(name, run)),
            Trial::test(format!("{name}::changed"), move || mutated(name, run, changed)),
        ]
    });
    let trials = trials.collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// Returns the files of a folder, in order; none where it is not there.
fn files(folder: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder).join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn kept(name: &str, run: fn(&[u8])) -> Result<(), Failed> {
    let kept = files("corpus", name);
    if kept.len() < 5 {
        return Err(format!("fuzz/corpus/{name} holds {} inputs", kept.len()).into());
    }
    for file in kept.into_iter().chain(files("regressions", name)) {
        let bytes = fs::read(&file)?;
        catch_unwind(AssertUnwindSafe(|| run(&bytes)))
            .map_err(|panic| format!("{}: {}", file.display(), said(&*panic)))?;
    }
    Ok(())
}

fn mutated(name: &str, run: fn(&[u8]), count: usize) -> Result<(), Failed> {
    let kept: Vec<Vec<u8>> =
        files("corpus", name).iter().map(fs::read).collect::<Result<_, _>>()?;
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..count {
        let bytes = mutate::changed(&kept, &mut random);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(&bytes))) {
            let file = std::env::temp_dir().join(format!("weir-fuzz-{name}"));
            fs::write(&file, &bytes)?;
            let said = said(&*panic);
            return Err(
                format!("{said}\nthe input is in {}: {:?}", file.display(), text(&bytes)).into()
            );
        }
    }
    Ok(())
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
