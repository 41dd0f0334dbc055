//! What is known of a directory, and how it is brought up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use xxhash_rust::xxh3::xxh3_64;

use super::list::{Stamp, manifests};
use super::merge::{Identity, Merged, changes, merge};
use crate::api::validate::{
    Document, Format, MAX_BYTES, PoolSchema, Problem, UnusableSchema, Verdict, read,
};
use crate::api::{Change, InvalidObject, Object};

/// A file that was written later than this long ago may still be written to.
pub(super) const SETTLE: Duration = Duration::from_millis(50);

/// Two writes within this time may leave the same stamp.
const STAMP_GRAIN: Duration = Duration::from_secs(1);

/// Directory is a directory of manifests and what was last read of it.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    schema: PoolSchema,
    files: BTreeMap<PathBuf, Manifest>,
    told: BTreeMap<Identity, Object>,
    /// The file that each object told is from.
    holders: BTreeMap<Identity, PathBuf>,
    is_listed: bool,
}

/// Says why a directory of manifests cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not there, or may not be read.
    #[error("cannot read the directory {}", path.display())]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A bug of Weir.
    #[error(transparent)]
    Schema(#[from] UnusableSchema),
}

#[derive(Debug)]
struct Manifest {
    stamp: Stamp,
    /// Whether a later write could have left the same stamp.
    is_fresh: bool,
    hash: u64,
    objects: Vec<(Identity, Object)>,
    troubles: Vec<String>,
}

/// Scan is what one look at the directory found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) changes: Vec<Change>,
    pub(super) troubles: Vec<String>,
    /// Whether files are being written, so that another look is due in [`SETTLE`].
    pub(super) is_unsettled: bool,
    /// Which directory it was; nothing where it could not be read.
    pub(super) root: Option<(u64, u64)>,
}

impl Directory {
    /// Opens a directory.
    ///
    /// # Errors
    /// Where it does not exist or cannot be read.
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        if let Err(source) = fs::read_dir(root) {
            return Err(OpenError::Unreadable { path: root.to_owned(), source });
        }
        Ok(Self {
            root: root.to_owned(),
            schema: PoolSchema::new()?,
            files: BTreeMap::new(),
            told: BTreeMap::new(),
            holders: BTreeMap::new(),
            is_listed: false,
        })
    }

    /// Returns the directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Looks at the directory and reads what changed since the last look.
    pub(super) fn scan(&mut self, now: SystemTime) -> Scan {
        let listed = fs::metadata(&self.root).and_then(|root| Ok((root, manifests(&self.root)?)));
        let (root, listed) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                let trouble = format!(
                    "cannot read the directory {}: {error}; what was read before stays in use",
                    self.root.display()
                );
                return Scan { troubles: vec![trouble], ..Scan::default() };
            }
        };
        let mut scan = Scan { root: Some(Stamp::of(&root).identity), ..Scan::default() };
        self.files.retain(|path, _| listed.contains_key(path));
        for (path, (format, stamp)) in listed {
            scan.is_unsettled |= !self.refresh(path, format, stamp, now);
        }
        self.is_listed = true;
        let files = self.files.iter().map(|(path, file)| (path.as_path(), &*file.objects));
        let Merged { objects, holders, left_out } = merge(files, &self.holders);
        scan.changes = changes(&self.told, &objects);
        (self.told, self.holders) = (objects, holders);
        scan.troubles = self.files.values().flat_map(|file| &file.troubles).cloned().collect();
        scan.troubles.extend(left_out);
        scan
    }

    /// Reads one file if it changed. Returns whether it is done being written.
    fn refresh(&mut self, path: PathBuf, format: Format, stamp: Stamp, now: SystemTime) -> bool {
        let known = self.files.get(&path);
        if known.is_some_and(|known| known.stamp == stamp && !known.is_fresh) {
            return true;
        }
        let age = stamp.age(now);
        let is_changed = known.is_none_or(|known| known.stamp != stamp);
        if self.is_listed && is_changed && age.is_some_and(|age| age < SETTLE) {
            return false;
        }
        let is_fresh = age.is_none_or(|age| age < STAMP_GRAIN);
        let bytes = match read_bounded(&self.root.join(&path)) {
            Ok(bytes) => bytes,
            Err(error) => {
                let troubles = vec![format!("{}: cannot be read: {error}", path.display())];
                self.keep(path, Manifest { stamp, is_fresh, hash: 0, objects: vec![], troubles });
                return true;
            }
        };
        let hash = xxh3_64(&bytes);
        if let Some(known) = self.files.get_mut(&path).filter(|known| known.hash == hash) {
            (known.stamp, known.is_fresh) = (stamp, is_fresh);
            return true;
        }
        let mut file = Manifest { stamp, is_fresh, hash, objects: vec![], troubles: vec![] };
        match read(&bytes, format, &self.schema) {
            Ok(documents) => {
                let before = self.files.get(&path).map_or(&[][..], |file| &file.objects);
                file.take(&path, documents, before);
                self.files.insert(path, file);
            }
            Err(error) => {
                let place =
                    error.place.map_or_else(String::new, |p| format!(":{}:{}", p.line, p.column));
                file.troubles = vec![format!("{}{place}: {error}", path.display())];
                self.keep(path, file);
            }
        }
        true
    }

    /// Notes a file that cannot be used; its last good objects stay.
    fn keep(&mut self, path: PathBuf, mut file: Manifest) {
        if let Some(known) = self.files.remove(&path) {
            file.objects = known.objects;
        }
        self.files.insert(path, file);
    }
}

impl Manifest {
    fn take(&mut self, path: &Path, documents: Vec<Document>, before: &[(Identity, Object)]) {
        let mut is_unclear = false;
        for document in documents {
            let Document { name, identity, verdict } = document;
            match (verdict, identity) {
                (Verdict::Read(object, notes), Some(identity)) => {
                    for note in &notes {
                        tracing::debug!("{}", told(path, &name, note));
                    }
                    self.objects.push((identity, object));
                }
                (Verdict::Refused(problems), identity) => {
                    self.troubles.extend(problems.iter().map(|problem| told(path, &name, problem)));
                    let Some(identity) = identity else {
                        is_unclear = true;
                        continue;
                    };
                    let good = before.iter().find(|(known, _)| *known == identity);
                    let object = good.map_or_else(|| refused(&problems), |(_, good)| good.clone());
                    self.objects.push((identity, object));
                }
                (Verdict::Unread | Verdict::Read(..), _) => {
                    tracing::debug!("{}: {name} is of a kind that is not read", path.display());
                }
            }
        }
        if is_unclear {
            self.keep_missing(path, before);
        }
    }

    /// Keeps what the file held before and does not show any more: it may be what cannot be read.
    fn keep_missing(&mut self, path: &Path, before: &[(Identity, Object)]) {
        let shown: BTreeSet<Identity> = self.objects.iter().map(|(one, _)| one.clone()).collect();
        for (identity, object) in before.iter().filter(|(one, _)| !shown.contains(one)) {
            let (kind, key) = identity;
            tracing::info!(
                "{}: {kind} {key} stays in use until the whole file can be read",
                path.display()
            );
            self.objects.push((identity.clone(), object.clone()));
        }
    }
}

fn refused(problems: &[Problem]) -> Object {
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Object::Invalid(Arc::new(InvalidObject { generation: None, message: problems.join("; ") }))
}

fn told(path: &Path, name: &str, problem: &Problem) -> String {
    let place = problem.place.map_or_else(String::new, |p| format!(":{}:{}", p.line, p.column));
    format!("{}{place}: {name}: {problem}", path.display())
}

/// Reads a file, one byte above the bound at most, so that its reader sees that it is too large.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
