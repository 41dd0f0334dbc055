//! Hostile clients over HTTP/2, with frames written by hand.

mod cases;
mod client;
mod floods;
pub mod frames;
mod headers;
pub mod run;
