//! Hostile answers over HTTP/1.1 and HTTP/2.

mod bodies;
mod heads;
pub mod http2;
pub mod kinds;
pub mod run;
pub mod run_http2;
