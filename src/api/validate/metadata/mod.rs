//! The metadata of an object, as the API server judges it when the object is created.
//!
//! What leaves no object, a name or a type that is wrong, is told apart from what leaves one: a wrong
//! label, annotation or owner means nothing to Weir, and is taken out.

mod judge;
mod names;
mod owners;
mod shape;

pub(super) use judge::judge;
pub(super) use shape::{TIME, shape};
