mod bounds;
mod cases;
mod kinds;
mod metadata;
mod metadata_cases;
mod rules;
mod structure;

use super::*;
use crate::api::{BackendPool, Object};

/// Returns the problems of a pool whose spec is a YAML text; spec lines start at line 5.
fn problems(spec: &str) -> Vec<String> {
    let spec = spec.trim_matches('\n').replace('\n', "\n  ");
    let text = format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: shop }}\nspec:\n  {spec}\n"
    );
    refusal(&text)
}

/// Returns the problems of a text that holds one object.
fn refusal(text: &str) -> Vec<String> {
    match only(text).verdict {
        Verdict::Flawed(_, problems) | Verdict::Refused(problems) => {
            problems.iter().map(ToString::to_string).collect()
        }
        Verdict::Read(..) => Vec::new(),
        Verdict::Unread => vec!["unread".to_owned()],
    }
}

fn only(text: &str) -> Document {
    let mut documents = all(text).unwrap();
    assert_eq!(documents.len(), 1, "{documents:?}");
    documents.remove(0)
}

fn all(text: &str) -> Result<Vec<Document>, SyntaxError> {
    read_bytes(text.as_bytes(), Format::Yaml)
}

fn read_bytes(bytes: &[u8], format: Format) -> Result<Vec<Document>, SyntaxError> {
    thread_local! {
        static SCHEMA: PoolSchema = PoolSchema::new().unwrap();
    }
    SCHEMA.with(|schema| read(bytes, format, schema))
}

fn pool(spec: &str) -> BackendPool {
    let text = format!(
        "{{apiVersion: weir.dev/v1alpha1, kind: BackendPool, metadata: {{name: shop}}, spec: {spec}}}"
    );
    match only(&text).verdict {
        Verdict::Read(Object::BackendPool(pool), _) => (*pool).clone(),
        other => panic!("{other:?}"),
    }
}
