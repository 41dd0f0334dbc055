//! Authorities: those that the system believes, and what they have revoked.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;

/// Returns the system's authorities: those of the file or folders that `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` name, else of the usual places. They are read once.
///
/// # Errors
/// Where there is none that can be used.
pub(super) fn of_system() -> Result<Arc<RootCertStore>, String> {
    static FOUND: OnceLock<Result<Arc<RootCertStore>, String>> = OnceLock::new();
    FOUND.get_or_init(read).clone()
}

fn read() -> Result<Arc<RootCertStore>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    let (usable, _) = store.add_parsable_certificates(found.certs);
    if usable > 0 {
        return Ok(Arc::new(store));
    }
    let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    let why = if why.is_empty() { "there is none on this system".into() } else { why.join("; ") };
    Err(format!("{why}; mount a file of them and name it in SSL_CERT_FILE"))
}

/// Returns the lists of revoked certificates that stand beside those of authorities.
pub(super) fn revocations(anchors: &str) -> Vec<CertificateRevocationListDer<'static>> {
    CertificateRevocationListDer::pem_slice_iter(anchors.as_bytes())
        .filter_map(Result::ok)
        .collect()
}
