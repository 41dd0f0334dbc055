//! Objects from a directory of manifests, read again when it changes.
//!
//! A file that is half written or broken keeps its last good objects, as the API server would keep
//! the stored one; so does an object that is refused. Where one document of a file cannot be read,
//! the others are, and what the file does not show any more stays until all of it can be. Of an object that is in two files the one
//! that was read first counts, and of two read at once the one in the first path. Swapped symbolic
//! links, as in a mounted ConfigMap, are seen as changes. Large files are judged apart, so that no
//! other waits for them.

mod directory;
mod judge;
mod list;
mod merge;
mod run;

#[cfg(test)]
mod tests;

pub use directory::{Directory, OpenError};
pub use list::paths;
pub use run::run;
