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
    /// Why the source cannot be followed, for people; nothing while it can. What was told before
    /// stays in use.
    pub trouble: Option<String>,
    /// What is wrong in a source that can be followed.
    pub refused: Refused,
}

/// Refused is what a source reads and cannot use; what was good of it before stays in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// How many problems there are.
    pub count: usize,
    /// The first of them, for people: each says where, what, and what would be right.
    pub first: Vec<String>,
}
