//! Chooses a certificate by the name a client asks for.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Keys are the certificates in use, by name. Names are in lower case; those of a wildcard are
/// what follows its `*`.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) exact: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    pub(super) wildcard: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    pub(super) default: Vec<Arc<CertifiedKey>>,
}

impl Keys {
    /// Returns the certificates for a name: exact, then the wildcard above it, then the default.
    pub(super) fn find(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let Some(name) = name else { return &self.default };
        let lower = name.trim_end_matches('.').to_ascii_lowercase();
        if let Some(keys) = self.exact.get(lower.as_str()) {
            return keys;
        }
        let above = lower.find('.').and_then(|dot| lower.get(dot..));
        above.and_then(|suffix| self.wildcard.get(suffix)).map_or(&self.default, Vec::as_slice)
    }
}

/// Resolver gives each handshake the certificate for its name.
///
/// The lock is held for the copy of a pointer; a handshake costs a thousand times that.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    pub(super) keys: RwLock<Arc<Keys>>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = Arc::clone(&self.keys.read());
        let candidates = keys.find(hello.server_name());
        let schemes = hello.signature_schemes();
        let fitting = candidates.iter().find(|key| key.key.choose_scheme(schemes).is_some());
        // Where none fits, the handshake itself finds nothing in common, and says so with the alert
        // that clients know, `handshake_failure`. Source: RFC 8446 §4.4.2.2.
        fitting.or_else(|| candidates.first()).cloned()
    }
}
