//! HTTP/1.1 towards clients: a server codec without tasks or channels.
//!
//! Flow: `head` parses a request out of the connection's buffer, `serve` asks the service for the
//! answer in the connection's own task, `body` reads the request's body while that goes on,
//! `answer` writes the head of the answer, and its body follows as it comes.
//!
//! Strict: what could be read in two ways is refused, and its connection ends. A connection that
//! waits for its next request holds no buffer: those of the thread are used in turn.
//! Source: RFC 9112.

mod answer;
mod body;
mod date;
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod link;
mod serve;
mod stream;

#[cfg(test)]
mod tests;

pub(super) use answer::encode_interim;
pub(super) use body::{Body, BodyError};
pub(super) use serve::{Upgraded, serve};
pub(super) use stream::Stream;
