//! A rustls configuration for each terms.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::TlsError;
use super::resolver::Resolver;
use super::roots;
use super::tickets::{TicketKeys, Ticketer};
use crate::model::{TlsTerms, TlsVersion};

/// Protocols offered to clients, the preferred first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Prepared is what handshakes on some terms need. It is made when the terms come, never by a
/// handshake, and shared by all names that have them.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) terms: Arc<TlsTerms>,
    pub(super) config: Arc<ServerConfig>,
    /// Judges certificates of clients, where any are asked for.
    pub(super) verifier: Option<Arc<dyn ClientCertVerifier>>,
}

impl Prepared {
    /// Makes the configuration. A session that began on other terms is not resumed in it: tickets
    /// are bound to the terms, and each configuration keeps the sessions without tickets for itself.
    pub(super) fn new(
        terms: &Arc<TlsTerms>,
        resolver: &Arc<Resolver>,
        tickets: &Arc<TicketKeys>,
    ) -> Result<Self, TlsError> {
        let provider = provider_of(terms);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions(terms))
            .map_err(TlsError::Setup)?;
        let mut verifier = None;
        let mut config = match &terms.client {
            None => {
                builder.with_no_client_auth().with_cert_resolver(Arc::clone(resolver) as Arc<_>)
            }
            Some(rule) => match &rule.anchors {
                // Whoever comes is refused by `access_denied`.
                None => builder.with_no_client_auth().with_cert_resolver(Arc::new(Nothing)),
                Some(anchors) => {
                    let judge = verify(anchors, rule.is_optional, provider)?;
                    verifier = Some(Arc::clone(&judge));
                    let builder = builder.with_client_cert_verifier(judge);
                    builder.with_cert_resolver(Arc::clone(resolver) as Arc<_>)
                }
            },
        };
        config.alpn_protocols = ALPN.iter().map(|protocol| protocol.to_vec()).collect();
        config.ticketer = Arc::new(Ticketer::new(Arc::clone(tickets), digest(terms)));
        config.max_early_data_size = 0;
        Ok(Self { terms: Arc::clone(terms), config: Arc::new(config), verifier })
    }

    /// Returns what refuses every handshake on these terms: they cannot be kept.
    pub(super) fn refusing(&self, terms: &Arc<TlsTerms>) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.cert_resolver = Arc::new(Nothing);
        Self { terms: Arc::clone(terms), config: Arc::new(config), verifier: None }
    }
}

/// Nothing has no certificate for anybody.
#[derive(Debug)]
struct Nothing;

impl ResolvesServerCert for Nothing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

fn verify(
    anchors: &str,
    is_optional: bool,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut store = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(anchors.as_bytes()).filter_map(Result::ok);
    store.add_parsable_certificates(certificates);
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider);
    // What a list covers is judged by it, for as long as it holds; an authority need not have one.
    let builder = builder
        .with_crls(roots::revocations(anchors))
        .allow_unknown_revocation_status()
        .enforce_revocation_expiration();
    let builder = if is_optional { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(TlsError::Clients)
}

fn provider_of(terms: &TlsTerms) -> Arc<CryptoProvider> {
    let mut provider = provider::default_provider();
    if !terms.suites.is_empty() {
        let is_named = |number| terms.suites.iter().any(|suite| suite.number() == number);
        provider.cipher_suites.retain(|suite| is_named(u16::from(suite.suite())));
    }
    Arc::new(provider)
}

fn versions(terms: &TlsTerms) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    let (new, old) = BOTH.split_at(1);
    match (terms.min_version, terms.max_version) {
        (TlsVersion::Tls12, TlsVersion::Tls12) => old,
        (TlsVersion::Tls13, _) => new,
        (TlsVersion::Tls12, TlsVersion::Tls13) => &BOTH,
    }
}

/// Returns what tickets are bound to: the same in every replica.
fn digest(terms: &TlsTerms) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(b"weir terms 1");
    for version in [terms.min_version, terms.max_version] {
        context.update(&[u8::from(version == TlsVersion::Tls13)]);
    }
    context.update(&[u8::try_from(terms.suites.len()).unwrap_or(u8::MAX)]);
    for suite in &terms.suites {
        context.update(&suite.number().to_be_bytes());
    }
    if let Some(rule) = &terms.client {
        context.update(&[u8::from(rule.is_optional)]);
        context.update(rule.anchors.as_deref().unwrap_or_default().as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
