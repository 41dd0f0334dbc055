//! The verdict on each object.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::api::validate::{Document, Format, Place, PoolSchema, Verdict, read};
use crate::api::{
    Change, ConditionReason, ConditionType, Kind, ObjectKey, Objects, StatusUpdate,
    UpdatedCondition,
};
use crate::translate::{Options, translate};

/// Source is one file.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) bytes: Vec<u8>,
}

/// Level says how bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Accepted,
    NotRead,
    Note,
    Warning,
    Refused,
}

/// Finding is one line about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) path: PathBuf,
    pub(super) place: Option<Place>,
    pub(super) object: String,
    pub(super) level: Level,
    pub(super) message: String,
}

/// Report is all findings, in the order of the files.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    objects: usize,
    refused: usize,
}

impl Report {
    /// Returns whether anything is refused.
    pub(super) fn is_refused(&self) -> bool {
        self.refused > 0
    }

    /// Returns the last line.
    pub(super) fn summary(&self) -> String {
        let warnings = self.findings.iter().filter(|f| f.level == Level::Warning).count();
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        format!(
            "{} object{}, {} refused, {warnings} warning{}",
            self.objects,
            plural(self.objects),
            self.refused,
            plural(warnings)
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        if !self.object.is_empty() {
            write!(f, ": {}", self.object)?;
        }
        match self.level {
            Level::Accepted => write!(f, ": accepted"),
            Level::NotRead => write!(f, ": not read by Weir"),
            Level::Note => write!(f, ": note: {}", self.message),
            Level::Warning => write!(f, ": warning: {}", self.message),
            Level::Refused => write!(f, ": refused: {}", self.message),
        }
    }
}

/// Judges all files together.
pub(super) fn check(sources: &[Source], options: Options, schema: &PoolSchema) -> Report {
    let mut review = Review::default();
    for source in sources {
        match read(&source.bytes, source.format, schema) {
            Ok(documents) => {
                for document in documents {
                    review.take(source, document);
                }
            }
            Err(error) => {
                review.report.objects += 1;
                review.report.refused += 1;
                review.say(source, error.place, "", Level::Refused, &error.to_string());
            }
        }
    }
    let updates = translate(&review.objects, options).updates;
    let updates = updates.into_iter().map(|update| (update.pool.clone(), update)).collect();
    review.conclude(&updates)
}

/// What has been read so far.
#[derive(Default)]
struct Review {
    report: Report,
    objects: Objects,
    /// Pools that are accepted as they stand, each with the position of the finding that says so.
    pools: Vec<(usize, ObjectKey)>,
    first: BTreeMap<(Kind, ObjectKey), PathBuf>,
}

impl Review {
    fn say(
        &mut self,
        source: &Source,
        place: Option<Place>,
        object: &str,
        level: Level,
        message: &str,
    ) {
        self.report.findings.push(Finding {
            path: source.path.clone(),
            place,
            object: object.to_owned(),
            level,
            message: message.to_owned(),
        });
    }

    fn take(&mut self, source: &Source, document: Document) {
        let Document { name, identity, verdict } = document;
        self.report.objects += 1;
        match (verdict, identity) {
            (Verdict::Refused(problems), _) => {
                self.report.refused += 1;
                for problem in problems {
                    let said = problem.to_string();
                    self.say(source, problem.place, &name, Level::Refused, &said);
                }
            }
            (Verdict::Read(object, notes), Some((kind, key))) => {
                for note in notes {
                    self.say(source, note.place, &name, Level::Note, &note.to_string());
                }
                if let Some(first) = self.first.get(&(kind, key.clone())) {
                    let said = format!("is in {} already, which counts", first.display());
                    self.say(source, None, &name, Level::Warning, &said);
                    return;
                }
                self.first.insert((kind, key.clone()), source.path.clone());
                if kind == Kind::BackendPool {
                    self.pools.push((self.report.findings.len(), key.clone()));
                }
                self.say(source, None, &name, Level::Accepted, "");
                self.objects.apply(Change { kind, key, object: Some(object) });
            }
            (Verdict::Unread | Verdict::Read(..), _) => {
                self.say(source, None, &name, Level::NotRead, "");
            }
        }
    }

    /// Puts what all objects together mean in the place of what each alone seems to be.
    fn conclude(mut self, updates: &BTreeMap<ObjectKey, StatusUpdate>) -> Report {
        for (position, key) in self.pools.iter().rev() {
            let Some(update) = updates.get(key) else { continue };
            let Some(alone) = self.report.findings.get(*position).cloned() else { continue };
            let said: Vec<Finding> = update
                .conditions
                .iter()
                .filter(|condition| !condition.status)
                .filter(|condition| condition.kind != ConditionType::Programmed)
                .map(|condition| {
                    let (kind, reason) = (condition.kind.as_str(), condition.reason.as_str());
                    Finding {
                        level: level(condition),
                        message: format!("{} ({kind}: {reason})", condition.message),
                        ..alone.clone()
                    }
                })
                .collect();
            let is_refused = said.iter().any(|finding| finding.level == Level::Refused);
            self.report.refused += usize::from(is_refused);
            let kept = if is_refused { None } else { Some(alone) };
            let said: Vec<Finding> = kept.into_iter().chain(said).collect();
            self.report.findings.splice(*position..=*position, said);
        }
        self.report
    }
}

/// A reference may lead to what only the cluster has; all else would be refused there too.
fn level(condition: &UpdatedCondition) -> Level {
    use ConditionReason::{BackendNotFound, InvalidCertificateRef, RefNotPermitted};
    match condition.reason {
        BackendNotFound | InvalidCertificateRef | RefNotPermitted => Level::Warning,
        _ => Level::Refused,
    }
}
