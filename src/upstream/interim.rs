//! Answers before the final one.

use http::{HeaderMap, StatusCode};

/// Most interim answers before the final one.
pub(super) const INTERIM_LIMIT: u8 = 32;

/// OnInterim is told of interim answers, with their fields, which are of no use to anybody else. An
/// exchange keeps 100, which lets its own body go, and 101 is a final answer or none at all.
/// Source: RFC 9110 §15.2.
pub type OnInterim<'a> = dyn FnMut(StatusCode, &mut HeaderMap) + 'a;
