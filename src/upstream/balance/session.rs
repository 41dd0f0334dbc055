//! Tokens that lead a client back to its endpoint.

use std::fmt;

/// SessionToken names the endpoint of a session, for the client to send again. It is made of
/// letters, digits, `-` and `_`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionToken([u8; TEXT_BYTES]);

const TEXT_BYTES: usize = 27;

impl SessionToken {
    /// Returns the text, fit for a cookie or a header.
    pub fn as_str(&self) -> &str {
        // It was made of ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}
