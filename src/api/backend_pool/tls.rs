//! What clients see of a pool in TLS.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CaCertificateRef, SecretRef};

/// PoolTls says what clients see for the hostnames of the pool's routes, and of Ingresses that lead
/// to the pool. A hostname belongs to the oldest object that declares it with TLS; that one says
/// everything here for it. Where an Ingress leads to several pools under one host, the strictest
/// versions count, and what cannot hold beside each other is said by an Event.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.minVersion) || !has(self.maxVersion) || self.minVersion == 'TLSv1.2' || self.maxVersion == 'TLSv1.3'")
    .message("tls.maxVersion must not be below tls.minVersion"))]
#[x_kube(validation = Rule::new("!has(self.cipherSuites) || (has(self.minVersion) && self.minVersion == 'TLSv1.3') || self.cipherSuites.exists(s, s.startsWith('TLS_ECDHE_'))")
    .message("tls.cipherSuites has none for TLS 1.2: add one whose name begins with TLS_ECDHE_, or set minVersion to TLSv1.3"))]
#[x_kube(validation = Rule::new("!has(self.cipherSuites) || (has(self.maxVersion) && self.maxVersion == 'TLSv1.2') || self.cipherSuites.exists(s, !s.startsWith('TLS_ECDHE_'))")
    .message("tls.cipherSuites has none for TLS 1.3: add for instance TLS_AES_128_GCM_SHA256, or set maxVersion to TLSv1.2"))]
#[x_kube(validation = Rule::new("!has(self.cipherSuites) || !has(self.minVersion) || self.minVersion == 'TLSv1.2' || !self.cipherSuites.exists(s, s.startsWith('TLS_ECDHE_'))")
    .message("tls.cipherSuites whose names begin with TLS_ECDHE_ are of TLS 1.2, which minVersion leaves out: leave them out too"))]
#[x_kube(validation = Rule::new("!has(self.cipherSuites) || !has(self.maxVersion) || self.maxVersion == 'TLSv1.3' || self.cipherSuites.all(s, s.startsWith('TLS_ECDHE_'))")
    .message("tls.cipherSuites whose names do not begin with TLS_ECDHE_ are of TLS 1.3, which maxVersion leaves out: leave them out too"))]
pub struct PoolTls {
    /// Secrets of type kubernetes.io/tls. The certificate's names decide which one a client sees;
    /// several per hostname (for instance ECDSA and RSA) are allowed. 1 to 16 where the pool has
    /// routes; the certificates of an Ingress's hosts are said by the Ingress.
    /// Source: Gateway API ListenerTLSConfig.certificateRefs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub certificate_refs: Option<Vec<SecretRef>>,

    /// Lowest version of TLS. Default is TLSv1.2.
    #[serde(default = "TlsVersion::lowest")]
    pub min_version: TlsVersion,

    /// Highest version of TLS. Default is TLSv1.3.
    #[serde(default = "TlsVersion::highest")]
    pub max_version: TlsVersion,

    /// Suites that are offered, by their names in the IANA registry; the client's preference
    /// decides between them. Each version that is offered needs one. 1 to 9. Default is all that can
    /// be named: every one encrypts with authentication and is forward secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 9))]
    pub cipher_suites: Option<Vec<CipherSuite>>,

    /// Asks clients for certificates. The rule holds for the hostnames, and on the routes themselves:
    /// a request that did not come over TLS under this very rule gets 421, one in clear text 403. The
    /// certificate goes to the endpoints as `Client-Cert` (RFC 9440). Default is to ask for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_validation: Option<ClientValidation>,
}

/// ClientValidation says which certificates clients show.
/// Source: Gateway API FrontendTLSValidation (GEP-91).
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClientValidation {
    /// ConfigMaps or Secrets with the authorities whose certificates are believed, and no others:
    /// PEM under the key `ca.crt`. Without any of them nobody gets a connection. Lists of revoked
    /// certificates may stand beside them, PEM under `ca.crl`. 1 to 8.
    #[schemars(length(min = 1, max = 8))]
    pub ca_certificate_refs: Vec<CaCertificateRef>,

    /// Whether a client may show none. Default is Required.
    #[serde(default)]
    pub mode: ClientValidationMode,
}

/// ClientValidationMode says whether a client may show no certificate.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClientValidationMode {
    /// Only clients with a valid certificate get a connection.
    #[default]
    Required,
    /// A client may show none, and clear text is served; a certificate that is shown has to be valid.
    Optional,
}

/// HttpsRedirect says how clients in clear text are sent to https.
/// Source: Gateway API HTTPRequestRedirectFilter.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.statusCode in [301, 308]")
    .message("httpsRedirect.statusCode must be 301 or 308"))]
pub struct HttpsRedirect {
    /// Status of the answer: 308, or 301, after which many clients ask with GET. Default is 308.
    #[serde(default = "permanent")]
    #[schemars(range(min = 301, max = 308))]
    pub status_code: i32,

    /// Port that clients are sent to. Default is 443, which is not written.
    #[serde(default = "https")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: i32,
}

fn permanent() -> i32 {
    308
}

fn https() -> i32 {
    443
}

/// TlsVersion is a version of TLS.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "TLSv1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "TLSv1.3")]
    Tls13,
}

impl TlsVersion {
    fn lowest() -> Self {
        Self::Tls12
    }

    fn highest() -> Self {
        Self::Tls13
    }
}

/// CipherSuite is a suite by its name in the IANA registry.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CipherSuite {
    /// TLS 1.3, AES-128-GCM.
    #[serde(rename = "TLS_AES_128_GCM_SHA256")]
    Aes128,
    /// TLS 1.3, AES-256-GCM.
    #[serde(rename = "TLS_AES_256_GCM_SHA384")]
    Aes256,
    /// TLS 1.3, ChaCha20-Poly1305.
    #[serde(rename = "TLS_CHACHA20_POLY1305_SHA256")]
    Chacha20,
    /// TLS 1.2 with an ECDSA certificate, AES-128-GCM.
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")]
    EcdsaAes128,
    /// TLS 1.2 with an ECDSA certificate, AES-256-GCM.
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")]
    EcdsaAes256,
    /// TLS 1.2 with an ECDSA certificate, ChaCha20-Poly1305.
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")]
    EcdsaChacha20,
    /// TLS 1.2 with an RSA certificate, AES-128-GCM.
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]
    RsaAes128,
    /// TLS 1.2 with an RSA certificate, AES-256-GCM.
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")]
    RsaAes256,
    /// TLS 1.2 with an RSA certificate, ChaCha20-Poly1305.
    #[serde(rename = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")]
    RsaChacha20,
}
