//! Chooses a certificate by the name a client asks for.

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::names::{Names, canonical};
use super::scope::Scope;
use super::terms::Prepared;

/// Offer is what a client gets for a name.
#[derive(Debug)]
pub(super) struct Offer {
    /// Certificates, the preferred first.
    pub(super) keys: Vec<Arc<CertifiedKey>>,
    /// What they are for.
    pub(super) scope: Arc<Scope>,
    /// The terms.
    pub(super) prepared: Arc<Prepared>,
}

/// Resolver gives each handshake the certificate for its name.
///
/// The lock is held for the copy of a pointer; a handshake costs a thousand times that.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) offers: RwLock<Arc<Names<Offer>>>,
}

impl Resolver {
    /// Makes a resolver that has no certificate.
    pub(super) fn new() -> Self {
        Self { offers: RwLock::new(Arc::new(Names::new())) }
    }

    /// Returns the offers of this moment.
    pub(super) fn offers(&self) -> Arc<Names<Offer>> {
        Arc::clone(&self.offers.read())
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let offers = self.offers();
        let name = hello.server_name().map(canonical);
        let candidates = &offers.find(name.as_deref())?.keys;
        let schemes = hello.signature_schemes();
        let fitting = candidates.iter().find(|key| key.key.choose_scheme(schemes).is_some());
        // Where none fits, the handshake itself finds nothing in common, and says so with the alert
        // that clients know, `handshake_failure`. Source: RFC 8446 §4.4.2.2.
        fitting.or_else(|| candidates.first()).cloned()
    }
}
