//! What can go wrong with a stream to an endpoint.

use h2::Reason;

use crate::upstream::frames::FLOODED;
use crate::upstream::http1::Violation;

/// Error says why an exchange with an endpoint failed, and whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection ended before the answer was whole.
    #[error("the connection to the endpoint broke")]
    Closed,
    /// The endpoint reset the stream.
    #[error("the endpoint reset the stream: {0}")]
    Reset(Reason),
    /// The endpoint did not process the request, and says so. Source: RFC 9113 §8.7.
    #[error("the endpoint did not process the request")]
    Refused,
    /// The endpoint does not speak HTTP/2 as it should.
    #[error("the endpoint's answer is not valid HTTP/2")]
    Protocol(#[source] Option<h2::Error>),
    /// The endpoint sent too many frames that bring nothing, and the connection ended for it.
    #[error("the endpoint flooded the connection")]
    Flood,
    /// The answer is valid HTTP/2, but not a valid answer.
    #[error("the endpoint's answer is not valid: {0}")]
    Violation(#[from] Violation),
    /// The client's request body broke off; not the endpoint's fault.
    #[error("the request body could not be read")]
    RequestBody(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<h2::Error> for Error {
    fn from(error: h2::Error) -> Self {
        // A GOAWAY of the endpoint ends only streams above the last that it says it processes;
        // others end with their connection. Source: RFC 9113 §6.8.
        let is_remote = error.is_remote();
        match error.reason() {
            Some(_) if is_remote && error.is_go_away() => Self::Refused,
            Some(Reason::REFUSED_STREAM) if is_remote => Self::Refused,
            Some(reason) if is_remote => Self::Reset(reason),
            Some(_) if error.is_library() => Self::Protocol(Some(error)),
            None if error.get_io().is_some_and(|error| error.kind() == FLOODED) => Self::Flood,
            _ => Self::Closed,
        }
    }
}
