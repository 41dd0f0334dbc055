//! Certificates.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::Hostname;

/// Certificate is a certificate chain with its key, as text that was checked to be usable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The Secret, as `namespace/name`, for people.
    pub origin: Arc<str>,
    /// When its pool was made, in seconds since 1970.
    pub created: i64,
    /// Hostnames that its pool declares and that it is for.
    pub names: Vec<Hostname>,
    /// DNS names that it is for, where its pool serves any host; used where no pool declares them.
    pub other_names: Vec<Hostname>,
    /// Whether it is shown to clients that send no name, or one that no certificate is for.
    pub is_default: bool,
    /// End of its validity, in seconds since 1970.
    pub not_after: i64,
    /// The chain, PEM.
    pub chain_pem: Arc<str>,
    /// The key.
    pub key: PrivateKey,
}

/// PrivateKey is a private key as PEM. It never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(Arc<str>);

impl PrivateKey {
    /// Wraps a key.
    pub fn new(pem: &str) -> Self {
        Self(pem.into())
    }

    /// Returns the key as PEM, for the TLS library alone.
    pub fn expose_pem(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

impl Serialize for PrivateKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("redacted")
    }
}
