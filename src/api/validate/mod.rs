//! Says of a manifest what the API server would say: decoded object, or every problem by field.
//!
//! A BackendPool is held against the generated CRD: structure, defaults, then the CEL rules.
//! The other kinds are decoded as their Kubernetes types, and what a bad one says right is of use.
//! Used by the file source and by `weir check`; input is bounded in size, depth and number of nodes, and so is the output.

mod decode;
mod defaults;
mod document;
mod flaws;
mod hint;
mod json;
mod locate;
mod metadata;
mod parts;
mod pool;
mod problem;
mod schema;
mod text;
mod wording;
mod yaml;
mod zeros;

#[cfg(test)]
mod tests;

pub use decode::decode;
pub use document::{Document, Verdict, read};
pub use pool::{PoolSchema, UnusableSchema};
pub use problem::{FieldPath, Problem, Segment};
pub use text::{Format, MAX_BYTES, Place, SyntaxError};
