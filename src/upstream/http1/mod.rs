//! HTTP/1.1 towards endpoints: a client codec without tasks or channels. What both directions need
//! is here too, and used by the server codec.
//!
//! Flow: `Connections::checkout` gives an idle connection or the right to open one, which the pool's
//! `Transport` does; an `Exchange`
//! sends the request and reads the head of the answer in the caller's own task; its `Body` reads
//! the rest from the socket as the client takes it, and gives the connection back at its end.
//!
//! Strict: an answer that could be read in two ways is an error, and its connection is never used
//! again. One thread owns a connection for life. Source: RFC 9112.

mod body;
mod chunked;
mod connection;
mod encode;
mod error;
mod exchange;
mod fields;
mod framing;
#[doc(hidden)]
pub mod fuzzing;
mod names;
mod outgoing;
mod parse;
mod pieces;
mod pool;
mod spare;
#[cfg(test)]
mod tests;

pub use body::Body;
pub(super) use chunked::is_forbidden;
pub use chunked::{Chunked, Decoded};
pub use connection::Connection;
pub use encode::{RequestHead, encode, line};
pub use error::{Error, Violation};
pub use exchange::{Exchange, Expectation, Head, Unsent, head_buffer};
pub use fields::Fields;
pub use framing::{Framing, keeps_alive, parse_decimal};
pub use outgoing::{Outgoing, Output};
pub use pieces::Pieces;
pub(super) use pool::AddressHasher;
pub use pool::{Checkout, Connections, Lease, Owner};
pub use spare::{header_map, keep_buffer, keep_header_map, keep_request_parts, request_parts};
