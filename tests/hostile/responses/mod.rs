//! Hostile answers over HTTP/1.1.

mod bodies;
mod heads;
pub mod kinds;
pub mod run;
