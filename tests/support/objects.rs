//! Objects of a manifest, as the file source reads them.

use std::sync::Arc;

use weir::api::validate::{Format, PoolSchema, Verdict, read};
use weir::api::{Change, InvalidObject, Object};

/// Reads all objects of a text. Fields that nothing reads are an error; an object that the API
/// server would refuse is one too, unless `refused` allows it: then it is an invalid object.
///
/// # Errors
/// Where the text or an object of it is not as it must be.
pub fn changes(text: &str, schema: &PoolSchema, refused: bool) -> Result<Vec<Change>, String> {
    let documents =
        read(text.as_bytes(), Format::Yaml, schema).map_err(|error| error.to_string())?;
    let changes = documents.into_iter().map(|document| {
        let Some((kind, key)) = document.identity else {
            return Err(format!("{} has no kind that is read, or no name", document.name));
        };
        let messages = |problems: &[weir::api::validate::Problem]| {
            problems.iter().map(|p| format!("{}: {}", p.path, p.message)).collect::<Vec<_>>()
        };
        let object = match document.verdict {
            Verdict::Read(object, problems) if problems.is_empty() => object,
            // What the data of a Secret is the API server does not look at.
            Verdict::Flawed(object @ Object::Secret(_), _) => object,
            Verdict::Refused(problems) if refused => Object::Invalid(Arc::new(InvalidObject {
                generation: None,
                message: messages(&problems).join("; "),
            })),
            Verdict::Read(_, problems)
            | Verdict::Flawed(_, problems)
            | Verdict::Refused(problems) => {
                return Err(format!("{}: {}", document.name, messages(&problems).join("; ")));
            }
            Verdict::Unread => return Err(format!("{} is of no kind that is read", document.name)),
        };
        Ok(Change { kind, key, object: Some(object) })
    });
    changes.collect()
}
