//! Certificates, and on which terms TLS is spoken with clients.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::Hostname;

/// Certificate is a certificate chain with its key, as text that was checked to be usable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The Secret, as `namespace/name`, for people.
    pub origin: Arc<str>,
    /// When its pool was made, in seconds since 1970.
    pub created: i64,
    /// Hostnames that its pool declares and that it is for.
    pub names: Vec<Hostname>,
    /// DNS names that it is for, where its pool serves any host; used where no pool declares them.
    pub other_names: Vec<Hostname>,
    /// All DNS names that it is for.
    #[serde(skip_serializing_if = "<[Hostname]>::is_empty")]
    pub covers: Arc<[Hostname]>,
    /// Whether it is shown to clients that send no name, or one that no certificate is for.
    pub is_default: bool,
    /// On which terms it is shown.
    #[serde(skip_serializing_if = "is_standard")]
    pub terms: Arc<TlsTerms>,
    /// End of its validity, in seconds since 1970.
    pub not_after: i64,
    /// The chain, PEM.
    pub chain_pem: Arc<str>,
    /// The key.
    pub key: PrivateKey,
}

fn is_standard(terms: &Arc<TlsTerms>) -> bool {
    **terms == TlsTerms::default()
}

/// TlsTerms are on which terms TLS is spoken for a name. Those of nobody in particular are the
/// default: TLS 1.2 and 1.3, and every suite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TlsTerms {
    /// Lowest version.
    pub min_version: TlsVersion,
    /// Highest version.
    pub max_version: TlsVersion,
    /// Suites, in order and each once; empty is all that are safe.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<CipherSuite>,
    /// Which certificates clients show. Nothing asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Arc<ClientRule>>,
}

impl Default for TlsTerms {
    fn default() -> Self {
        Self {
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            suites: Vec::new(),
            client: None,
        }
    }
}

/// ClientRule says which certificates clients show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ClientRule {
    /// Whether a client may show none.
    pub is_optional: bool,
    /// The certificates, PEM, that those of clients lead to. Nothing where they are not known: then
    /// nobody is let in.
    #[serde(serialize_with = "is_known")]
    pub anchors: Option<Arc<str>>,
}

#[allow(clippy::ref_option, reason = "what serde calls")]
fn is_known<S: serde::Serializer>(
    anchors: &Option<Arc<str>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(anchors.is_some())
}

/// TlsVersion is a version of TLS. There is none below 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum TlsVersion {
    /// 1.2.
    #[serde(rename = "1.2")]
    Tls12,
    /// 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// CipherSuite is a suite by its number. All of them encrypt with authentication, and keep what was
/// said secret when the key of the certificate is lost. Source: the IANA registry of TLS cipher suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[allow(missing_docs, reason = "the names are those of the registry")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(u16)]
pub enum CipherSuite {
    TlsAes128GcmSha256 = 0x1301,
    TlsAes256GcmSha384 = 0x1302,
    TlsChacha20Poly1305Sha256 = 0x1303,
    TlsEcdheEcdsaWithAes128GcmSha256 = 0xc02b,
    TlsEcdheEcdsaWithAes256GcmSha384 = 0xc02c,
    TlsEcdheRsaWithAes128GcmSha256 = 0xc02f,
    TlsEcdheRsaWithAes256GcmSha384 = 0xc030,
    TlsEcdheRsaWithChacha20Poly1305Sha256 = 0xcca8,
    TlsEcdheEcdsaWithChacha20Poly1305Sha256 = 0xcca9,
}

impl CipherSuite {
    /// Returns its number.
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// PrivateKey is a private key as PEM. It never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(Arc<str>);

impl PrivateKey {
    /// Wraps a key.
    pub fn new(pem: &str) -> Self {
        Self(pem.into())
    }

    /// Returns the key as PEM, for the TLS library alone.
    pub fn expose_pem(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

impl Serialize for PrivateKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("redacted")
    }
}
