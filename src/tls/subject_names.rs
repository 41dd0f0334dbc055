//! Checks an endpoint's certificate against a list of names.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::model::SubjectName;

/// OneOfNames believes a certificate of its authorities that has one of these names; the name that
/// was asked for does not count.
/// Source: Gateway API BackendTLSPolicyValidation.subjectAltNames.
#[derive(Debug)]
pub(super) struct OneOfNames {
    names: Vec<SubjectName>,
    authorities: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl OneOfNames {
    pub(super) fn new(
        names: Vec<SubjectName>,
        authorities: Arc<RootCertStore>,
        provider: &CryptoProvider,
    ) -> Self {
        Self { names, authorities, algorithms: provider.signature_verification_algorithms }
    }

    fn has_one(&self, der: &CertificateDer<'_>, parsed: &ParsedCertificate<'_>) -> bool {
        self.names.iter().any(|name| match name {
            SubjectName::Hostname(name) if name.starts_with('*') => {
                any_name(der, |found| match found {
                    GeneralName::DNSName(found) => found.eq_ignore_ascii_case(name),
                    _ => false,
                })
            }
            SubjectName::Hostname(name) => ServerName::try_from(name.as_ref())
                .is_ok_and(|name| verify_server_name(parsed, &name).is_ok()),
            SubjectName::Uri(uri) => any_name(der, |found| match found {
                GeneralName::URI(found) => *found == uri.as_ref(),
                _ => false,
            }),
        })
    }
}

/// Returns whether one of the certificate's alternative names is as wanted.
fn any_name(der: &CertificateDer<'_>, is_wanted: impl Fn(&GeneralName<'_>) -> bool) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der.as_ref()) else { return false };
    let names = certificate.subject_alternative_name().ok().flatten();
    names.is_some_and(|extension| extension.value.general_names.iter().any(is_wanted))
}

impl ServerCertVerifier for OneOfNames {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.authorities,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        if self.has_one(end_entity, &parsed) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
