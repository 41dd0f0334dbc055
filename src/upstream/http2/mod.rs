//! HTTP/2 towards endpoints, by the crate h2.
//!
//! Flow: `Connections::checkout` finds a connection with room for one more stream, or the right to
//! open one; an `Exchange` is a stream whose answer has not begun, polled in the caller's own task;
//! its `Body` reads the rest as the client takes it. One task per connection moves its frames.
//!
//! - A stream takes from an endpoint what its client has room for: 64 KiB wait at most, and they
//!   never take the window of another stream.
//! - What the endpoint says it did not process (GOAWAY, REFUSED_STREAM) counts as not sent.
//! - A stream can be a WebSocket's, where the endpoint takes them: then it is a `Tunnel` (RFC 8441).
//! - An endpoint that floods its connection with frames that bring nothing loses it (`EndpointLedger`).
//! - A stream that is dropped before its end is reset: the endpoint stops working for nobody.
//!
//! One thread owns a connection for life. Source: RFC 9113.

mod body;
mod connection;
mod error;
mod exchange;
mod ledger;
mod outgoing;
mod pool;
mod tunnel;

pub use body::Body;
pub use connection::begin;
pub use error::Error;
pub use exchange::{Exchange, Expectation, Head, Unsent};
pub use pool::{Checkout, Connections, Opening, Slot};
pub use tunnel::Tunnel;
