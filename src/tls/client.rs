//! The configuration of connections to endpoints.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::{RootCertStore, SupportedProtocolVersion};

use super::roots;
use super::subject_names::OneOfNames;
use crate::model::{Authorities, BackendTlsSettings, ClientCertificate, TlsVersion};

/// Says why endpoints cannot be spoken to over TLS.
#[derive(Debug, thiserror::Error)]
pub enum ClientTlsError {
    /// The name is not one that can be asked for.
    #[error("{0:?} is no name of a server")]
    Name(String),
    /// There is no certificate of an authority.
    #[error("no certificate of an authority can be used: {0}")]
    Authorities(String),
    /// The client certificate is not one, or its key does not fit.
    #[error("the client certificate cannot be used: {0}")]
    Client(String),
    /// The TLS library refuses the settings.
    #[error("cannot set TLS up")]
    Setup(#[source] rustls::Error),
}

/// Alpn is what is to be spoken inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// HTTP/2 where the endpoint can, else HTTP/1.1.
    Either,
}

/// ClientTls is how the endpoints of a pool are spoken to over TLS. Sessions are resumed among
/// connections that share it, and no others.
#[derive(Debug)]
pub struct ClientTls {
    name: ServerName<'static>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    either: Arc<ClientConfig>,
}

impl ClientTls {
    /// Makes the configuration. Certificates are believed that chain up to the given authorities
    /// and to no others.
    ///
    /// # Errors
    /// Where the settings cannot be used; the error says which.
    pub fn new(settings: &BackendTlsSettings) -> Result<Self, ClientTlsError> {
        let name = ServerName::try_from(settings.hostname.to_string())
            .map_err(|_| ClientTlsError::Name(settings.hostname.to_string()))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = authorities(&settings.authorities)?;
        let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .with_crls(revocations(&settings.authorities))
            .allow_unknown_revocation_status()
            .enforce_revocation_expiration()
            .build()
            .map_err(|error| ClientTlsError::Authorities(error.to_string()))?;
        let verifier: Arc<dyn ServerCertVerifier> = if settings.names.is_empty() {
            chain
        } else {
            Arc::new(OneOfNames::new(settings.names.clone(), chain))
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(settings.min_version))
            .map_err(ClientTlsError::Setup)?
            // What replaces the library's own verifier checks the same and other names.
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match &settings.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let (chain, key) = identity(client)?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| ClientTlsError::Client(error.to_string()))?
            }
        };
        Ok(Self {
            name,
            http1: Arc::new(offering(config.clone(), &[b"http/1.1"])),
            http2: Arc::new(offering(config.clone(), &[b"h2"])),
            either: Arc::new(offering(config, &[b"h2", b"http/1.1"])),
        })
    }

    /// Returns the name that is asked for.
    pub fn name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    /// Returns the configuration for a connection that is to speak a protocol.
    pub fn config(&self, alpn: Alpn) -> Arc<ClientConfig> {
        Arc::clone(match alpn {
            Alpn::Http1 => &self.http1,
            Alpn::Http2 => &self.http2,
            Alpn::Either => &self.either,
        })
    }
}

fn offering(mut config: ClientConfig, protocols: &[&[u8]]) -> ClientConfig {
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static NEWEST: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
    match least {
        TlsVersion::Tls12 => rustls::DEFAULT_VERSIONS,
        TlsVersion::Tls13 => &NEWEST,
    }
}

fn authorities(declared: &Authorities) -> Result<Arc<RootCertStore>, ClientTlsError> {
    let Authorities::Certificates(pem) = declared else {
        return roots::of_system().map_err(ClientTlsError::Authorities);
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate =
            certificate.map_err(|error| ClientTlsError::Authorities(error.to_string()))?;
        store.add(certificate).map_err(|error| ClientTlsError::Authorities(error.to_string()))?;
    }
    Ok(Arc::new(store))
}

fn revocations(declared: &Authorities) -> Vec<CertificateRevocationListDer<'static>> {
    match declared {
        Authorities::Certificates(pem) => roots::revocations(pem),
        Authorities::System => Vec::new(),
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(client: &ClientCertificate) -> Result<Identity, ClientTlsError> {
    let wrong = |error: rustls::pki_types::pem::Error| ClientTlsError::Client(error.to_string());
    let chain = CertificateDer::pem_slice_iter(client.chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    let key = PrivateKeyDer::from_pem_slice(client.key.expose_pem().as_bytes()).map_err(wrong)?;
    Ok((chain, key))
}
