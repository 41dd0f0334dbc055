//! An authority, the certificates it signs, and TLS servers that show them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::sync::mpsc;

/// Authority signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// Leaf is a certificate and its key.
pub struct Leaf {
    pub chain_pem: String,
    pub key_pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Signs a certificate for DNS names.
    pub fn leaf(&self, names: &[&str]) -> Leaf {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.sign(&CertificateParams::new(names).unwrap())
    }

    /// Signs a certificate for a URI alone.
    pub fn leaf_of_uri(&self, uri: &str) -> Leaf {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        self.sign(&params)
    }

    /// Signs a certificate whose time has passed.
    pub fn expired(&self, name: &str) -> Leaf {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Leaf {
            chain_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    /// Returns this authority and its list of revoked certificates; the list may have ended.
    pub fn pem_without(&self, revoked: &[&Leaf], is_old: bool) -> String {
        let serials = revoked.iter().map(|leaf| {
            let (_, parsed) = x509_parser::parse_x509_certificate(&leaf.der).unwrap();
            SerialNumber::from_slice(parsed.raw_serial())
        });
        let list = revoked_list(serials, is_old);
        self.pem() + &list.signed_by(&self.0).unwrap().pem().unwrap()
    }

    /// Returns what believes this authority alone.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

/// What a TLS server is asked for.
pub type Asked = mpsc::UnboundedReceiver<Option<String>>;

/// Returns a server that shows the certificate, and the names it is asked for.
pub fn server(leaf: &Leaf) -> (ServerConfig, Asked) {
    server_with(leaf, rustls::ALL_VERSIONS, None)
}

/// Returns a server of some versions of TLS, perhaps one that lets clients of an authority in alone.
pub fn server_with(
    leaf: &Leaf,
    versions: &[&'static SupportedProtocolVersion],
    clients_of: Option<&Authority>,
) -> (ServerConfig, Asked) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = CertifiedKey::from_der(vec![leaf.der.clone()], leaf.key.clone_key(), &provider);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients_of {
        None => builder.with_no_client_auth(),
        Some(authority) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(authority.roots()), provider)
                .build()
                .unwrap(),
        ),
    };
    let (asked, names) = mpsc::unbounded_channel();
    let config = builder.with_cert_resolver(Arc::new(Show { key: Arc::new(key.unwrap()), asked }));
    (config, names)
}

/// Show shows one certificate and tells which name was asked for.
#[derive(Debug)]
struct Show {
    key: Arc<CertifiedKey>,
    asked: mpsc::UnboundedSender<Option<String>>,
}

impl ResolvesServerCert for Show {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let _ = self.asked.send(hello.server_name().map(ToOwned::to_owned));
        Some(Arc::clone(&self.key))
    }
}

/// Returns a list of revoked certificates, which may have ended.
pub fn revoked_list(
    serials: impl Iterator<Item = SerialNumber>,
    is_old: bool,
) -> CertificateRevocationListParams {
    let now = rcgen::date_time_ymd(1970, 1, 1) + SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let day = Duration::from_secs(24 * 3600);
    let revoked_certs = serials.map(|serial_number| RevokedCertParams {
        serial_number,
        revocation_time: now - day,
        reason_code: None,
        invalidity_date: None,
    });
    CertificateRevocationListParams {
        this_update: now - day * 7,
        next_update: if is_old { now - day } else { now + day },
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: revoked_certs.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}
