//! The configuration of the HTTPS listener.

use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::resolver::{Keys, Resolver};
use crate::model::Certificate;

/// Protocols offered to clients, the preferred first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Says why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The TLS library refuses the process-wide settings.
    #[error("cannot set TLS up")]
    Setup(#[source] rustls::Error),
    /// The session ticket key cannot be made.
    #[error("cannot make session ticket keys")]
    Tickets(#[source] rustls::Error),
}

/// ServerTls is the TLS configuration that all workers share.
#[derive(Debug)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    resolver: Arc<Resolver>,
    // What the keys in use were made of; only the control side takes it.
    loaded: Mutex<Vec<(Certificate, Arc<CertifiedKey>)>>,
}

impl ServerTls {
    /// Makes a configuration without a certificate: handshakes fail until there is one.
    ///
    /// # Errors
    /// Where the TLS library refuses its own defaults.
    pub fn new() -> Result<Arc<Self>, TlsError> {
        let resolver = Arc::new(Resolver::default());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&resolver) as Arc<_>);
        config.alpn_protocols = ALPN.iter().map(|protocol| protocol.to_vec()).collect();
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Tickets)?;
        config.max_early_data_size = 0;
        Ok(Arc::new(Self { config: Arc::new(config), resolver, loaded: Mutex::default() }))
    }

    /// Returns the configuration for accepting connections.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Uses these certificates from the next handshake on. One that cannot be loaded is left out
    /// and reported; the others are used.
    pub fn update(&self, certificates: &[Certificate]) -> Vec<String> {
        let mut loaded = self.loaded.lock();
        let (mut keys, mut now, mut wrong) = (Keys::default(), Vec::new(), Vec::new());
        for certificate in certificates {
            let known = loaded.iter().find(|(old, _)| is_same_pair(old, certificate));
            let key = match known {
                Some((_, key)) => Arc::clone(key),
                None => match load(certificate) {
                    Ok(key) => Arc::new(key),
                    Err(why) => {
                        wrong.push(format!("Secret {}: {why}", certificate.origin));
                        continue;
                    }
                },
            };
            for name in &certificate.names {
                let list = match name.wildcard_suffix() {
                    Some(suffix) => keys.wildcard.entry(suffix.into()).or_default(),
                    None => keys.exact.entry(name.as_str().into()).or_default(),
                };
                list.push(Arc::clone(&key));
            }
            if certificate.is_default {
                keys.default.push(Arc::clone(&key));
            }
            now.push((certificate.clone(), key));
        }
        *self.resolver.keys.write() = Arc::new(keys);
        *loaded = now;
        wrong
    }
}

fn is_same_pair(old: &Certificate, new: &Certificate) -> bool {
    old.chain_pem == new.chain_pem && old.key == new.key
}

fn load(certificate: &Certificate) -> Result<CertifiedKey, String> {
    let chain = CertificateDer::pem_slice_iter(certificate.chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("tls.crt: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key.expose_pem().as_bytes())
        .map_err(|error| format!("tls.key: {error}"))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Hostname, PrivateKey};

    fn certificate(name: &str, is_default: bool) -> Certificate {
        let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        Certificate {
            origin: format!("a/{name}").into(),
            created: 0,
            names: vec![Hostname::parse(name).unwrap()],
            other_names: Vec::new(),
            is_default,
            not_after: 0,
            chain_pem: pair.cert.pem().into(),
            key: PrivateKey::new(&pair.signing_key.serialize_pem()),
        }
    }

    fn chosen(tls: &ServerTls, name: Option<&str>) -> Option<Vec<u8>> {
        let keys = Arc::clone(&tls.resolver.keys.read());
        keys.find(name).first().and_then(|key| key.cert.first()).map(|der| der.to_vec())
    }

    fn der(certificate: &Certificate) -> Option<Vec<u8>> {
        CertificateDer::from_pem_slice(certificate.chain_pem.as_bytes())
            .ok()
            .map(|der| der.to_vec())
    }

    #[test]
    fn exact_wins_over_wildcard_and_default() {
        let (exact, wild) = (certificate("a.test", false), certificate("*.test", false));
        let default = certificate("other.test", true);
        let tls = ServerTls::new().unwrap();
        assert_eq!(chosen(&tls, Some("a.test")), None);
        let wrong = tls.update(&[exact.clone(), wild.clone(), default.clone()]);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(chosen(&tls, Some("A.test.")), der(&exact));
        assert_eq!(chosen(&tls, Some("b.test")), der(&wild));
        assert_eq!(chosen(&tls, Some("c.b.test")), der(&default));
        assert_eq!(chosen(&tls, None), der(&default));
    }

    #[test]
    fn a_broken_pair_is_reported_and_the_others_serve() {
        let good = certificate("a.test", false);
        let mut broken = certificate("b.test", false);
        broken.key =
            PrivateKey::new("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----");
        let tls = ServerTls::new().unwrap();
        let wrong = tls.update(&[broken, good.clone()]);
        assert!(matches!(wrong.as_slice(), [one] if one.contains("a/b.test")), "{wrong:?}");
        assert_eq!(chosen(&tls, Some("a.test")), der(&good));
    }
}
