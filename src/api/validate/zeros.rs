//! Numbers that begin with a zero: `0100` is 100 in YAML 1.2 and 64 in YAML 1.1, which kubectl reads.

use serde_json::Value;

use super::problem::{FieldPath, MAX_PROBLEMS, Problem, Segment};
use super::text::Format;
use super::yaml;

/// Zeros is a text as it was read, and as it is where such numbers are texts. Empty where there is
/// none.
pub(super) struct Zeros(Vec<(Value, Value)>);

impl Zeros {
    /// Reads a text again where it may hold some. JSON has none.
    pub(super) fn of(text: &str, format: Format, values: &[Value]) -> Self {
        if format == Format::Json || !may_have_some(text) {
            return Self(Vec::new());
        }
        Self(values.iter().cloned().zip(yaml::with_zeros(text)).collect())
    }

    /// Returns those of one object: of a value, or what is below a path of it.
    pub(super) fn in_object(&self, position: usize, front: &FieldPath) -> Vec<Problem> {
        let mut found = Vec::new();
        let Some((read, plain)) = self.0.get(position) else { return found };
        if let (Some(read), Some(plain)) = (below(read, front), below(plain, front)) {
            compare(read, plain, &mut Vec::new(), &mut |path| {
                if found.len() < MAX_PROBLEMS {
                    found.push(Problem::new(FieldPath(path.to_vec()), WHY));
                }
            });
        }
        found
    }
}

fn below<'a>(value: &'a Value, path: &FieldPath) -> Option<&'a Value> {
    path.0.iter().try_fold(value, |value, segment| match segment {
        Segment::Field(name) => value.get(name),
        Segment::Index(index) => value.get(index),
    })
}

/// Does not say the number, which may be part of a Secret.
const WHY: &str = "a number that begins with a zero: kubectl reads it as octal (YAML 1.1), others as \
                   decimal; write it without the zero, or in quotes where it is a text";

/// Returns whether anything looks like one, as in few texts: the others are not read again.
fn may_have_some(text: &str) -> bool {
    let ends = |c: char| c.is_whitespace() || ",[]{}\"'".contains(c);
    text.split(ends).any(|word| {
        let digits = word.trim_start_matches([':', '+', '-']);
        let is_long = digits.len() > 1 && digits.starts_with('0');
        is_long && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Tells where one reading has a number and the other its text.
fn compare(
    read: &Value,
    plain: &Value,
    path: &mut Vec<Segment>,
    tell: &mut impl FnMut(&[Segment]),
) {
    match (read, plain) {
        (Value::Number(_), Value::String(_)) => tell(path),
        (Value::Object(read), Value::Object(plain)) => {
            for (name, read) in read {
                let Some(plain) = plain.get(name) else { continue };
                path.push(Segment::Field(name.clone()));
                compare(read, plain, path, tell);
                path.pop();
            }
        }
        (Value::Array(read), Value::Array(plain)) => {
            for (index, (read, plain)) in read.iter().zip(plain).enumerate() {
                path.push(Segment::Index(index));
                compare(read, plain, path, tell);
                path.pop();
            }
        }
        _ => {}
    }
}
