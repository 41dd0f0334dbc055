//! Room around what many threads write.

use std::ops::Deref;

/// Padded keeps a value on cache lines of its own, so that writing it slows no neighbour.
/// Two lines, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Padded<T>(pub T);

impl<T> Deref for Padded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
