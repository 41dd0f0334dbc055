//! What a source tells.

use crate::api::Change;

/// Batch is changes that belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// Whether everything that was there at the start has been told by now.
    pub synced: bool,
}

/// State is how a source is. The default is that of a source that has just started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whether everything that was there at the start has been told.
    pub synced: bool,
    /// What is wrong, for people; nothing where all is well. What was told before stays in use.
    pub trouble: Option<String>,
}
