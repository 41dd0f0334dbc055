//! Which fields go on to the other side, and which Weir adds.

mod rules;
#[cfg(test)]
mod tests;

pub(super) use rules::{Added, Dropped, add, add_http2, clean_answer};
