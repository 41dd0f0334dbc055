//! Checks an endpoint's certificate against a list of names.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::model::SubjectName;

/// OneOfNames believes a certificate of its authorities that has one of these names; the name that
/// was asked for does not count.
/// Source: Gateway API BackendTLSPolicyValidation.subjectAltNames.
#[derive(Debug)]
pub(super) struct OneOfNames {
    names: Vec<SubjectName>,
    chain: Arc<WebPkiServerVerifier>,
}

impl OneOfNames {
    /// Makes one that has the rest checked: who signed the certificate, when, and what was revoked.
    pub(super) fn new(names: Vec<SubjectName>, chain: Arc<WebPkiServerVerifier>) -> Self {
        Self { names, chain }
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
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let checked = self.chain.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match checked {
            Ok(_) => {}
            // The name is what it looks at last, and not the one that counts.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => {}
            Err(error) => return Err(error),
        }
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
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
