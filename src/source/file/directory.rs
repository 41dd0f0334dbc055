//! What is known of a directory, and how it is brought up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::judge::{Found, Job, Judge, Judged};
use super::list::{Listing, Stamp, manifests};
use super::merge::{Identity, Merged, changes, merge};
use crate::api::validate::{Document, Format, Problem, UnusableSchema, Verdict};
use crate::api::{Change, InvalidObject, Object};

/// A file that was written later than this long ago may still be written to.
pub(super) const SETTLE: Duration = Duration::from_millis(50);

/// Two writes within this time may leave the same stamp.
const STAMP_GRAIN: Duration = Duration::from_secs(1);

/// Bytes of changed files that one look judges, the smallest files first. What is above it is judged
/// apart, so that a large file does not hold up the others.
const MOST_AT_ONCE: u64 = 128 * 1024;

/// Most troubles that are told of one file; the others are counted.
const MOST_TROUBLES: usize = 100;

/// Directory is a directory of manifests and what was last read of it.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    judge: Judge,
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
    /// How many more troubles there are.
    untold: usize,
}

/// Troubles is what is wrong with one file, or between files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Troubles {
    /// For people: each says where, what, and what would be right.
    pub(super) told: Vec<String>,
    /// How many there are, those that are not told included.
    pub(super) count: usize,
}

/// Scan is what one look at the directory found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) changes: Vec<Change>,
    /// What is wrong, by file.
    pub(super) troubles: Vec<Troubles>,
    /// A file that is to be judged apart, and then given to [`Directory::take`].
    pub(super) later: Option<Job>,
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
            judge: Judge::new()?,
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
        let (root, Listing { manifests: listed, dangling }) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                let trouble = format!(
                    "cannot read the directory {}: {error}; what was read before stays in use",
                    self.root.display()
                );
                return Scan { troubles: vec![Troubles::of(trouble)], ..Scan::default() };
            }
        };
        let mut scan = Scan { root: Some(Stamp::of(&root).identity), ..Scan::default() };
        self.files.retain(|path, _| listed.contains_key(path));
        self.refresh(listed, now, &mut scan);
        self.is_listed = true;
        let files = self.files.iter().map(|(path, file)| (path.as_path(), &*file.objects));
        let Merged { objects, holders, left_out } = merge(files, &self.holders);
        scan.changes = changes(&self.told, &objects);
        (self.told, self.holders) = (objects, holders);
        scan.troubles = self.files.iter().map(|(path, file)| file.troubles(path)).collect();
        scan.troubles.extend(left_out.into_iter().map(Troubles::of));
        scan.troubles.extend(dangling.into_keys().map(|path| {
            let path = path.display();
            Troubles::of(format!("{path}: leads nowhere: mend the symbolic link, or remove it"))
        }));
        scan.troubles.retain(|troubles| !troubles.told.is_empty());
        scan
    }

    /// Judges the files that changed. At the start that is all of them: nothing is told before
    /// everything is known.
    fn refresh(
        &mut self,
        listed: BTreeMap<PathBuf, (Format, Stamp)>,
        now: SystemTime,
        scan: &mut Scan,
    ) {
        let (mut jobs, mut again) = (Vec::new(), Vec::new());
        for (path, (format, stamp)) in listed {
            let known = self.files.get(&path);
            if known.is_some_and(|known| known.stamp == stamp && !known.is_fresh) {
                continue;
            }
            let age = stamp.age(now);
            let is_changed = known.is_none_or(|known| known.stamp != stamp);
            if self.is_listed && is_changed && age.is_some_and(|age| age < SETTLE) {
                scan.is_unsettled = true;
                continue;
            }
            let is_fresh = age.is_none_or(|age| age < STAMP_GRAIN);
            let known = known.map(|known| known.hash);
            let job = Job { root: self.root.clone(), path, format, stamp, is_fresh, known };
            if is_changed { &mut jobs } else { &mut again }.push(job);
        }
        // Almost surely as they were, which is quickly seen.
        for job in again {
            let judged = self.judge.judge(job);
            self.take(judged);
        }
        jobs.sort_by_key(|job| job.stamp.length);
        let mut bytes = 0;
        for job in jobs {
            bytes += job.stamp.length;
            if self.is_listed && bytes > MOST_AT_ONCE {
                scan.later = Some(job);
                return;
            }
            let judged = self.judge.judge(job);
            self.take(judged);
        }
    }

    /// Takes what was found in a file. Where it cannot be used, its last good objects stay.
    pub(super) fn take(&mut self, judged: Judged) {
        let Judged { path, stamp, is_fresh, hash, found } = judged;
        let known = self.files.remove(&path);
        let before = known.as_ref().map_or(&[][..], |file| &file.objects);
        let mut file =
            Manifest { stamp, is_fresh, hash, objects: vec![], troubles: vec![], untold: 0 };
        match found {
            Found::Documents(documents) => file.take(&path, documents, before),
            Found::Same => file = Manifest { stamp, is_fresh, ..known.unwrap_or(file) },
            Found::Nothing(trouble) => {
                file.objects = known.map(|known| known.objects).unwrap_or_default();
                file.troubles.push(trouble);
            }
        }
        self.files.insert(path, file);
    }
}

impl Troubles {
    fn of(trouble: String) -> Self {
        Self { told: vec![trouble], count: 1 }
    }
}

impl Manifest {
    fn troubles(&self, path: &Path) -> Troubles {
        let mut told = self.troubles.clone();
        if self.untold > 0 {
            told.push(format!("{}: and {} more problems", path.display(), self.untold));
        }
        Troubles { told, count: self.troubles.len() + self.untold }
    }

    fn trouble(&mut self, trouble: impl FnOnce() -> String) {
        if self.troubles.len() < MOST_TROUBLES {
            self.troubles.push(trouble());
        } else {
            self.untold += 1;
        }
    }

    fn take(&mut self, path: &Path, documents: Vec<Document>, before: &[(Identity, Object)]) {
        let mut is_unclear = false;
        let good: BTreeMap<&Identity, &Object> =
            before.iter().rev().map(|(identity, object)| (identity, object)).collect();
        for document in documents {
            let Document { name, identity, verdict } = document;
            match (verdict, identity) {
                (Verdict::Read(object, notes), Some(identity)) => {
                    for note in &notes {
                        tracing::debug!("{}", told(path, &name, note));
                    }
                    self.objects.push((identity, object));
                }
                (Verdict::Flawed(object, problems), Some(identity)) => {
                    for problem in &problems {
                        self.trouble(|| told(path, &name, problem));
                    }
                    self.objects.push((identity, object));
                }
                (Verdict::Refused(problems), identity) => {
                    for problem in &problems {
                        self.trouble(|| told(path, &name, problem));
                    }
                    let Some(identity) = identity else {
                        is_unclear = true;
                        continue;
                    };
                    let good = good.get(&identity).copied().cloned();
                    let object = good.unwrap_or_else(|| refused(&problems));
                    self.objects.push((identity, object));
                }
                (Verdict::Unread | Verdict::Read(..) | Verdict::Flawed(..), _) => {
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
