//! What handshakes with clients use.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;
use rustls::{HandshakeKind, ServerConfig, ServerConnection};

use super::names::{Names, canonical};
use super::resolver::{Offer, Resolver};
use super::scope::{Scope, Shown};
use super::terms::Prepared;
use super::tickets::{NoTicketKey, TicketKeys};
use crate::model::{Certificate, Hostname, TlsTerms};

/// Says why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The TLS library refuses the settings.
    #[error("cannot set TLS up")]
    Setup(#[source] rustls::Error),
    /// What certificates of clients are judged by is no use.
    #[error("cannot judge certificates of clients")]
    Clients(#[source] rustls::server::VerifierBuilderError),
    /// The session ticket key cannot be made.
    #[error(transparent)]
    Tickets(#[from] NoTicketKey),
}

/// ServerTls is what all workers share of TLS towards clients: certificates and terms by name.
///
/// Which configuration a handshake uses is decided by its first message, so that each name can have
/// terms of its own; all configurations are made before.
#[derive(Debug)]
pub struct ServerTls {
    /// For names that nobody declares.
    standard: Arc<Prepared>,
    resolver: Arc<Resolver>,
    tickets: Arc<TicketKeys>,
    // What is in use was made of this; only the control side takes it.
    loaded: Mutex<Loaded>,
}

/// Chosen is what a handshake uses.
#[derive(Debug)]
pub struct Chosen {
    /// What it is made for.
    pub shown: Shown,
    prepared: Arc<Prepared>,
    /// Whether there is a certificate for the name, or for names that nobody declares.
    is_offered: bool,
}

impl Chosen {
    /// Returns the configuration.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.prepared.config)
    }

    /// Returns the record that ends a handshake for which there is no certificate: an alert that
    /// clients know, where the TLS library would send `access_denied`.
    ///
    /// Source: RFC 6066 §3, unrecognized_name; RFC 8446 §9.2, missing_extension.
    pub fn refusal(&self) -> Option<[u8; 7]> {
        const ALERT: u8 = 21;
        const FATAL: u8 = 2;
        let description = if self.shown.name.is_some() { 112 } else { 109 };
        (!self.is_offered).then_some([ALERT, 3, 3, 0, 2, FATAL, description])
    }

    /// Judges a finished handshake by the client's certificates: a session that is resumed brings
    /// those of its beginning, which may have ended since.
    ///
    /// # Errors
    /// Where they are not there or not valid, and have to be.
    pub fn judge(&self, connection: &ServerConnection) -> Result<(), rustls::Error> {
        let Some(verifier) = &self.prepared.verifier else { return Ok(()) };
        let Some((own, above)) = connection.peer_certificates().and_then(<[_]>::split_first) else {
            let is_mandatory = verifier.client_auth_mandatory();
            return if is_mandatory { Err(rustls::Error::NoCertificatesPresented) } else { Ok(()) };
        };
        if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
            verifier.verify_client_cert(own, above, UnixTime::now())?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Loaded {
    keys: Vec<(Certificate, Arc<CertifiedKey>)>,
    terms: BTreeMap<Arc<TlsTerms>, Arc<Prepared>>,
}

impl ServerTls {
    /// Makes a side without a certificate: handshakes fail until there is one. Sessions are resumed
    /// in this process alone.
    ///
    /// # Errors
    /// Where the TLS library refuses its own defaults, or the source of chance fails.
    pub fn new() -> Result<Arc<Self>, TlsError> {
        Self::with_tickets(TicketKeys::random()?)
    }

    /// Makes the same with keys of session tickets that others may have too.
    ///
    /// # Errors
    /// Where the TLS library refuses its own defaults.
    pub fn with_tickets(tickets: TicketKeys) -> Result<Arc<Self>, TlsError> {
        let resolver = Arc::new(Resolver::new());
        let tickets = Arc::new(tickets);
        let standard = Arc::new(Prepared::new(&Arc::default(), &resolver, &tickets)?);
        Ok(Arc::new(Self { standard, resolver, tickets, loaded: Mutex::default() }))
    }

    /// Returns the keys of session tickets.
    pub fn tickets(&self) -> &Arc<TicketKeys> {
        &self.tickets
    }

    /// Returns the configuration for a handshake, by its first message.
    pub fn choose(&self, hello: &ClientHello<'_>) -> Chosen {
        let offers = self.resolver.offers();
        let name = hello.server_name().map(canonical);
        let offer = offers.find(name.as_deref());
        let prepared = Arc::clone(offer.map_or(&self.standard, |offer| &offer.prepared));
        let scope = match offer {
            Some(offer) => Arc::clone(&offer.scope),
            None => Arc::new(Scope::new(&prepared.terms)),
        };
        Chosen { shown: Shown { name, scope }, prepared, is_offered: offer.is_some() }
    }

    /// Uses these certificates from the next handshake on. One that cannot be loaded is left out
    /// and reported; the others are used.
    pub fn update(&self, certificates: &[Certificate]) -> Vec<String> {
        let mut loaded = self.loaded.lock();
        let mut offers = Names::<Offer>::new();
        let (mut now, mut wrong) = (Loaded::default(), Vec::new());
        now.terms.insert(Arc::default(), Arc::clone(&self.standard));
        for certificate in certificates {
            let known = loaded.keys.iter().find(|(old, _)| is_same_pair(old, certificate));
            let key = match known {
                Some((_, key)) => Ok(Arc::clone(key)),
                None => load(certificate).map(Arc::new),
            };
            let (prepared, why) = self.prepare(&certificate.terms, &loaded, &mut now);
            if let Some(why) = why {
                let names = certificate.names.iter().map(Hostname::as_str).collect::<Vec<_>>();
                wrong.push(format!("nobody is served in TLS for {}: {why}", names.join(", ")));
            }
            let key = match key {
                Ok(key) => key,
                Err(why) => {
                    wrong.push(format!("Secret {}: {why}; it is not used", certificate.origin));
                    continue;
                }
            };
            let offer = || Offer {
                keys: Vec::new(),
                scope: Arc::new(Scope::new(&prepared.terms)),
                prepared: Arc::clone(&prepared),
            };
            let add = |offer: &mut Offer| {
                offer.keys.push(Arc::clone(&key));
                Arc::make_mut(&mut offer.scope).add(certificate);
            };
            for name in &certificate.names {
                add(offers.at(name, offer));
            }
            if certificate.is_default {
                add(offers.at_default(offer));
            }
            now.keys.push((certificate.clone(), key));
        }
        *self.resolver.offers.write() = Arc::new(offers);
        *loaded = now;
        wrong
    }

    /// Returns what handshakes on these terms need, made anew only where there is none. Terms that
    /// cannot be kept are refused to everybody, and it says why.
    fn prepare(
        &self,
        terms: &Arc<TlsTerms>,
        before: &Loaded,
        now: &mut Loaded,
    ) -> (Arc<Prepared>, Option<String>) {
        if let Some(known) = now.terms.get(terms).or_else(|| before.terms.get(terms)) {
            let known = Arc::clone(known);
            now.terms.insert(Arc::clone(terms), Arc::clone(&known));
            return (known, None);
        }
        let made = Prepared::new(terms, &self.resolver, &self.tickets);
        let (made, why) = match made {
            Ok(made) => (Arc::new(made), None),
            Err(error) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                (Arc::new(self.standard.refusing(terms)), Some(format!("{error}{cause}")))
            }
        };
        now.terms.insert(Arc::clone(terms), Arc::clone(&made));
        (made, why)
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
            covers: Arc::default(),
            is_default,
            terms: Arc::default(),
            not_after: 0,
            chain_pem: pair.cert.pem().into(),
            key: PrivateKey::new(&pair.signing_key.serialize_pem()),
        }
    }

    fn chosen(tls: &ServerTls, name: Option<&str>) -> Option<Vec<u8>> {
        let offers = tls.resolver.offers();
        let name = name.map(canonical);
        let key = offers.find(name.as_deref()).and_then(|offer| offer.keys.first()).cloned()?;
        key.cert.first().map(|der| der.to_vec())
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
