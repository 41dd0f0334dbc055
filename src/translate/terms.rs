//! On which terms TLS is spoken with clients.

use std::sync::Arc;

use super::backend_tls;
use super::backends::Context;
use super::problems::Problems;
use super::unit::Used;
use crate::api::backend_pool as api;
use crate::model::{CipherSuite, ClientRule, HttpsRedirect, TlsTerms, TlsVersion};

/// Translates what a pool says of TLS besides its certificates.
///
/// Fewer authorities than declared let fewer clients in, which is safe; without any nobody gets in.
pub(super) fn translate(
    context: Context<'_>,
    spec: &api::PoolTls,
    used: &mut Used,
    problems: &mut Problems,
) -> TlsTerms {
    let client = spec.client_validation.as_ref().map(|validation| {
        let references = ("spec.tls.clientValidation", validation.ca_certificate_refs.as_slice());
        Arc::new(ClientRule {
            is_optional: validation.mode == api::ClientValidationMode::Optional,
            anchors: backend_tls::authorities(context, references, used, problems),
        })
    });
    let mut suites: Vec<CipherSuite> =
        spec.cipher_suites.iter().flatten().copied().map(suite).collect();
    suites.sort_unstable();
    suites.dedup();
    TlsTerms {
        min_version: version(spec.min_version),
        max_version: version(spec.max_version),
        suites,
        client,
    }
}

/// Translates how clients in clear text are sent to https.
pub(super) fn redirect(spec: &api::BackendPoolSpec) -> Option<HttpsRedirect> {
    let spec = spec.https_redirect.as_ref()?;
    Some(HttpsRedirect {
        status: if spec.status_code == 301 { 301 } else { 308 },
        port: u16::try_from(spec.port).unwrap_or(443),
    })
}

fn version(version: api::TlsVersion) -> TlsVersion {
    match version {
        api::TlsVersion::Tls12 => TlsVersion::Tls12,
        api::TlsVersion::Tls13 => TlsVersion::Tls13,
    }
}

fn suite(suite: api::CipherSuite) -> CipherSuite {
    use api::CipherSuite as Named;
    match suite {
        Named::Aes128 => CipherSuite::TlsAes128GcmSha256,
        Named::Aes256 => CipherSuite::TlsAes256GcmSha384,
        Named::Chacha20 => CipherSuite::TlsChacha20Poly1305Sha256,
        Named::EcdsaAes128 => CipherSuite::TlsEcdheEcdsaWithAes128GcmSha256,
        Named::EcdsaAes256 => CipherSuite::TlsEcdheEcdsaWithAes256GcmSha384,
        Named::EcdsaChacha20 => CipherSuite::TlsEcdheEcdsaWithChacha20Poly1305Sha256,
        Named::RsaAes128 => CipherSuite::TlsEcdheRsaWithAes128GcmSha256,
        Named::RsaAes256 => CipherSuite::TlsEcdheRsaWithAes256GcmSha384,
        Named::RsaChacha20 => CipherSuite::TlsEcdheRsaWithChacha20Poly1305Sha256,
    }
}
