//! What can go wrong between Weir and an endpoint.

use std::io;

/// Error says why an exchange with an endpoint failed, and whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint closed the connection before its answer was whole.
    #[error("the endpoint closed the connection")]
    Closed,
    /// The connection broke.
    #[error("the connection to the endpoint broke")]
    Io(#[source] io::Error),
    /// The endpoint does not speak HTTP/1.1 as it should.
    #[error("the endpoint's answer is not valid HTTP/1.1: {0}")]
    Protocol(Violation),
    /// The client's request body broke off; not the endpoint's fault.
    #[error("the request body could not be read")]
    RequestBody(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Returns whether TLS broke off, and not what is inside it: with TLS 1.3 an endpoint that does
    /// not take the client certificate says so after its part of the handshake.
    pub fn is_tls(&self) -> bool {
        let Self::Io(error) = self else { return false };
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
    }
}

/// Violation is a rule of HTTP/1.1 that an answer breaks. Source: RFC 9112.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The head is not a status line and fields.
    #[error("malformed head")]
    Head,
    /// The head is longer than allowed.
    #[error("head longer than 64 KiB or 256 fields")]
    HeadTooLarge,
    /// Both Content-Length and Transfer-Encoding.
    #[error("both Content-Length and Transfer-Encoding")]
    TwoFramings,
    /// Content-Length is no number, or there are several.
    #[error("invalid Content-Length")]
    ContentLength,
    /// Transfer-Encoding is not `chunked`, once, in HTTP/1.1.
    #[error("unsupported Transfer-Encoding")]
    TransferEncoding,
    /// 101 without a request to switch protocols.
    #[error("101 that was not asked for")]
    UnaskedUpgrade,
    /// Interim answers without end.
    #[error("too many interim answers")]
    Interim,
    /// A chunk is malformed.
    #[error("malformed chunk")]
    Chunk,
    /// Trailers are malformed or too long.
    #[error("malformed trailers")]
    Trailers,
    /// Bytes before the request was sent.
    #[error("bytes that belong to no request")]
    Unasked,
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Protocol(violation)
    }
}
