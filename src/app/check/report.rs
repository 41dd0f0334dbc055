//! The verdict on each object.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::api::validate::{Document, Format, Place, PoolSchema, Verdict, read};
use crate::api::{Change, ConditionReason, ConditionType, Kind, Object, ObjectKey, Objects};
use crate::model::{Origin, PoolName};
use crate::translate::{Options, Translator};

/// Source is one file.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    /// What is in it, or why that cannot be said.
    pub(super) bytes: Result<Vec<u8>, String>,
}

/// Level says how bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Accepted,
    NotRead,
    Note,
    Warning,
    /// Some of it is refused, and the rest served.
    RefusedInPart,
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
            Level::RefusedInPart => write!(f, ": refused in part: {}", self.message),
            Level::Refused => write!(f, ": refused: {}", self.message),
        }
    }
}

/// Judges all files together.
pub(super) fn check(sources: &[Source], options: Options, schema: &PoolSchema) -> Report {
    let mut review = Review::default();
    for source in sources {
        let bytes = match &source.bytes {
            Ok(bytes) => bytes,
            Err(why) => {
                review.refuse(source, None, why);
                continue;
            }
        };
        match read(bytes, source.format, schema) {
            Ok(documents) => {
                for document in documents {
                    review.take(source, document);
                }
            }
            Err(error) => review.refuse(source, error.place, &error.to_string()),
        }
    }
    let mut translator = Translator::new(options);
    translator.restart(&review.objects);
    review.conclude(&translator)
}

/// What has been read so far.
#[derive(Default)]
struct Review {
    report: Report,
    objects: Objects,
    /// Pools and Ingresses that are of use.
    judged: Vec<Judged>,
    first: BTreeMap<(Kind, ObjectKey), PathBuf>,
}

/// Judged is an object that is judged among all objects too.
struct Judged {
    /// Of the finding that stands in the place of what is said then.
    position: usize,
    kind: Kind,
    key: ObjectKey,
    /// Whether nothing is wrong with it alone.
    is_good: bool,
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

    /// Says that a whole file is no use.
    fn refuse(&mut self, source: &Source, place: Option<Place>, why: &str) {
        self.report.objects += 1;
        self.report.refused += 1;
        self.say(source, place, "", Level::Refused, why);
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
            (Verdict::Flawed(object, problems), Some(identity)) => {
                self.report.refused += 1;
                for problem in problems {
                    let said = problem.to_string();
                    self.say(source, problem.place, &name, Level::Refused, &said);
                }
                self.hold(source, &name, identity, object, false);
            }
            (Verdict::Read(object, notes), Some(identity)) => {
                for note in notes {
                    self.say(source, note.place, &name, Level::Note, &note.to_string());
                }
                self.hold(source, &name, identity, object, true);
            }
            (Verdict::Unread | Verdict::Read(..) | Verdict::Flawed(..), _) => {
                self.say(source, None, &name, Level::NotRead, "");
            }
        }
    }

    /// Takes an object that others may name, once.
    fn hold(
        &mut self,
        source: &Source,
        name: &str,
        (kind, key): (Kind, ObjectKey),
        object: Object,
        is_good: bool,
    ) {
        if let Some(first) = self.first.get(&(kind, key.clone())) {
            let said = format!(
                "is in {} and in {}: the first counts, but a Weir that runs keeps the one it has; \
                 leave one out",
                first.display(),
                source.path.display()
            );
            self.say(source, None, name, Level::Warning, &said);
            return;
        }
        self.first.insert((kind, key.clone()), source.path.clone());
        let is_judged = matches!(kind, Kind::BackendPool | Kind::Ingress);
        if is_judged {
            let position = self.report.findings.len();
            self.judged.push(Judged { position, kind, key: key.clone(), is_good });
        }
        if is_judged || is_good {
            self.say(source, None, name, Level::Accepted, "");
        }
        self.objects.apply(Change { kind, key, object: Some(object) });
    }

    /// Puts what all objects together mean in the place of what each alone seems to be.
    fn conclude(mut self, translator: &Translator) -> Report {
        for Judged { position, kind, key, is_good } in self.judged.iter().rev() {
            let Some(alone) = self.report.findings.get(*position).cloned() else { continue };
            let verdict = match kind {
                Kind::Ingress => verdicts_of_ingress(translator, key),
                _ => verdicts_of_pool(translator, &self.objects, key),
            };
            let mut said: Vec<Finding> = verdict
                .into_iter()
                .map(|(level, message)| Finding { level, message, ..alone.clone() })
                .collect();
            let is_refused = said.iter().any(|finding| finding.level >= Level::RefusedInPart);
            let is_ours =
                said.iter().all(|finding| finding.level != Level::Note || *kind != Kind::Ingress);
            // What is wrong alone is counted, and not accepted.
            if *is_good && is_refused {
                self.report.refused += 1;
            } else if *is_good && is_ours {
                said.insert(0, alone);
            }
            self.report.findings.splice(*position..=*position, said);
        }
        self.report
    }
}

/// Returns what is wrong with a pool among all objects: its conditions, but each reference by
/// itself, where the condition has one reason for all of them.
fn verdicts_of_pool(
    translator: &Translator,
    objects: &Objects,
    key: &ObjectKey,
) -> Vec<(Level, String)> {
    let origin = Origin::pool(&PoolName::new(&key.namespace, &key.name));
    let say = |kind: ConditionType, reason: ConditionReason, message: &str| {
        let said = format!("{message} ({}: {})", kind.as_str(), reason.as_str());
        let is_partial = reason == ConditionReason::RouteConflict && translator.serves(&origin);
        (if is_partial { Level::RefusedInPart } else { level(reason) }, said)
    };
    let mut said = Vec::new();
    let conditions = translator.update_of(objects, key).map(|update| update.conditions);
    for condition in conditions.into_iter().flatten().filter(|condition| !condition.status) {
        match condition.kind {
            ConditionType::ResolvedRefs => said.extend(
                translator
                    .unresolved(key)
                    .iter()
                    .map(|one| say(condition.kind, one.reason, &one.message)),
            ),
            ConditionType::Programmed => {}
            kind => said.push(say(kind, condition.reason, &condition.message)),
        }
    }
    let warnings = translator.warnings(key).into_iter();
    said.extend(warnings.map(|warning| (Level::Warning, warning)));
    said.extend(translator.notes(key).iter().map(|note| (Level::Note, note.clone())));
    said
}

/// Returns what is wrong with an Ingress among all objects, or that it is not ours.
fn verdicts_of_ingress(translator: &Translator, key: &ObjectKey) -> Vec<(Level, String)> {
    match translator.ingress_update_of(key).filter(|update| update.is_ours) {
        None => vec![(Level::Note, "is of another class, and not served".to_owned())],
        Some(update) => {
            let is_served = translator.serves(&Origin::ingress(&key.namespace, &key.name));
            let problems = update.problems.iter();
            let said = problems.map(|problem| {
                let level = match level(problem.reason) {
                    Level::Refused if is_served => Level::RefusedInPart,
                    level => level,
                };
                (level, format!("{} ({})", problem.message, problem.reason.as_str()))
            });
            said.collect()
        }
    }
}

/// A reference may lead to what only the cluster has; all else would be refused there too.
fn level(reason: ConditionReason) -> Level {
    use ConditionReason::{
        BackendNotFound, InvalidCertificateRef, MissingCaCertificateRef, RefNotPermitted,
        TargetNotFound,
    };
    match reason {
        BackendNotFound
        | InvalidCertificateRef
        | MissingCaCertificateRef
        | RefNotPermitted
        | TargetNotFound => Level::Warning,
        _ => Level::Refused,
    }
}
