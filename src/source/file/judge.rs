//! One file: read, and each of its objects judged.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::list::Stamp;
use crate::api::validate::{Document, Format, MAX_BYTES, PoolSchema, UnusableSchema, read};

/// Judge reads files and judges what is in them. It keeps nothing of them, so that files can be
/// judged apart from each other.
#[derive(Debug)]
pub(super) struct Judge(PoolSchema);

/// Job is a file that is to be judged.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) root: PathBuf,
    /// Its path below the root.
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) stamp: Stamp,
    /// Whether a later write could have left the same stamp.
    pub(super) is_fresh: bool,
    /// What it held when it was judged last.
    pub(super) known: Option<u64>,
}

/// Judged is what became of a job.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    pub(super) is_fresh: bool,
    pub(super) hash: u64,
    pub(super) found: Found,
}

/// Found is what is in a file.
#[derive(Debug)]
pub(super) enum Found {
    /// What was in it before.
    Same,
    /// Nothing that can be read, and why.
    Nothing(String),
    /// Objects, each with its verdict.
    Documents(Vec<Document>),
}

impl Judge {
    /// Makes a judge.
    ///
    /// # Errors
    /// Where the CRD cannot be used, which would be a bug.
    pub(super) fn new() -> Result<Self, UnusableSchema> {
        PoolSchema::new().map(Self)
    }

    /// Reads and judges a file.
    pub(super) fn judge(&self, job: Job) -> Judged {
        let Job { root, path, format, stamp, is_fresh, known } = job;
        let (hash, found) = match read_bounded(&root.join(&path)) {
            Err(error) => {
                (0, Found::Nothing(format!("{}: cannot be read: {error}", path.display())))
            }
            Ok(bytes) => {
                let hash = xxh3_64(&bytes);
                let found = if known == Some(hash) {
                    Found::Same
                } else {
                    self.found(&path, &bytes, format)
                };
                (hash, found)
            }
        };
        Judged { path, stamp, is_fresh, hash, found }
    }

    fn found(&self, path: &Path, bytes: &[u8], format: Format) -> Found {
        match read(bytes, format, &self.0) {
            Ok(documents) => Found::Documents(documents),
            Err(error) => {
                let place =
                    error.place.map_or_else(String::new, |p| format!(":{}:{}", p.line, p.column));
                Found::Nothing(format!("{}{place}: {error}", path.display()))
            }
        }
    }
}

/// Reads a file, one byte above the bound at most, so that its reader sees that it is too large.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
