//! From paths to an exit code.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::super::print::print;
use super::report::{Report, Source, check};
use crate::api::validate::{Format, MAX_BYTES, PoolSchema};
use crate::config::CheckArgs;
use crate::source::file::paths;
use crate::translate::Options;

/// Prints the verdict on each object; the exit code is 1 where one is refused.
///
/// # Errors
/// Where a path that is named leads to nothing, or there is no file.
pub(in crate::app) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let sources = sources(&args.paths)?;
    let options = Options { standalone: !args.cluster, ..Options::default() };
    let report = check(&sources, options, &PoolSchema::new()?);
    print(&text(&report))?;
    Ok(if report.is_refused() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn text(report: &Report) -> String {
    let findings = report.findings.iter().map(|finding| format!("{finding}\n"));
    findings.chain([format!("{}\n", report.summary())]).collect()
}

/// Reads the files that are named and those in folders that are named.
pub(super) fn sources(named: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut found = Vec::new();
    for path in named {
        let cannot = || format!("cannot read {}", path.display());
        if fs::metadata(path).with_context(cannot)?.is_dir() {
            let inside = paths(path).with_context(cannot)?;
            anyhow::ensure!(
                !inside.is_empty(),
                "{} holds no file that ends in .yaml, .yml or .json",
                path.display()
            );
            found.extend(inside);
        } else {
            let name = path.to_string_lossy();
            found.push((path.clone(), Format::of_file(&name).unwrap_or(Format::Yaml)));
        }
    }
    let read = |(path, format): (PathBuf, Format)| {
        let bytes = read_bounded(&path).map_err(|error| match fs::symlink_metadata(&path) {
            Ok(link) if link.is_symlink() && error.kind() == ErrorKind::NotFound => {
                "leads nowhere: mend the symbolic link, or remove it".to_owned()
            }
            _ => format!("cannot be read: {error}"),
        });
        Source { path, format, bytes }
    };
    Ok(found.into_iter().map(read).collect())
}

/// Reads one byte above the bound at most, so that a file that is too large is seen to be.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
