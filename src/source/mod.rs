//! Where objects come from. Each source keeps one picture of the objects current by telling every
//! change of it, and gives no field a meaning.
//!
//! Out: [`Batch`]es of changes, and a [`State`] that says how the source itself is. A source that
//! has lost its origin keeps quiet: what was told last stays true until something else is told.

mod batch;
pub mod dns;
pub mod file;
pub mod kubernetes;

pub use batch::{Batch, Refused, State};
