//! TLS to the endpoints, in the words of the Gateway API's BackendTLSPolicy, and the PROXY header.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{SecretRef, TlsVersion};

/// BackendTls says that the endpoints are spoken to over TLS.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackendTls {
    /// Who an endpoint has to be. There is no way to leave this out: TLS with whoever answers
    /// protects from nobody.
    /// Source: Gateway API BackendTLSPolicySpec.validation.
    pub validation: BackendTlsValidation,

    /// A Secret of type kubernetes.io/tls with the certificate that Weir shows to endpoints that
    /// ask for one. Default is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate_ref: Option<SecretRef>,

    /// Lowest version of TLS. Default is TLSv1.2.
    #[serde(default)]
    pub min_version: TlsVersion,
}

/// BackendTlsValidation says who an endpoint has to be.
/// Source: Gateway API BackendTLSPolicyValidation.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.caCertificateRefs) != has(self.wellKnownCACertificates)")
    .message("exactly one of caCertificateRefs and wellKnownCACertificates must be set: say whose certificates are believed"))]
pub struct BackendTlsValidation {
    /// The name that endpoints are asked for (SNI). Their certificate must be for it, unless
    /// `subjectAltNames` says otherwise.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub hostname: String,

    /// ConfigMaps or Secrets with the authorities whose certificates are believed, and no others:
    /// PEM under the key `ca.crt`. Lists of revoked certificates may stand beside them, PEM under
    /// `ca.crl`. 1 to 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8))]
    pub ca_certificate_refs: Option<Vec<CaCertificateRef>>,

    /// System: the authorities that the system believes, which in the image are those of Debian.
    /// `SSL_CERT_FILE` names another file of them.
    #[serde(default, rename = "wellKnownCACertificates", skip_serializing_if = "Option::is_none")]
    pub well_known_ca_certificates: Option<WellKnownCaCertificates>,

    /// Names of which the certificate must have one, in place of `hostname`, which is then only
    /// asked for. 1 to 5. Default is `hostname`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 5))]
    pub subject_alt_names: Option<Vec<SubjectAltName>>,
}

/// CaCertificateRef names a ConfigMap or a Secret with `ca.crt`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.group == ''")
    .message("certificates of authorities are in ConfigMaps or Secrets: write group \"\""))]
pub struct CaCertificateRef {
    /// API group: empty, the core group. Default is empty.
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub group: String,

    /// ConfigMap or Secret. Default is ConfigMap.
    #[serde(default)]
    pub kind: CaCertificateKind,

    /// Name of the object.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,

    /// Namespace of the object. Another namespace than the pool's needs a ReferenceGrant there.
    /// Default is the pool's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: Option<String>,
}

/// CaCertificateKind is what holds certificates of authorities.
#[derive(
    Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, schemars::JsonSchema,
)]
pub enum CaCertificateKind {
    /// A ConfigMap.
    #[default]
    ConfigMap,
    /// A Secret.
    Secret,
}

/// WellKnownCaCertificates is a set of authorities that needs no object.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema)]
pub enum WellKnownCaCertificates {
    /// Those that the system believes.
    System,
}

/// SubjectAltName is a name that a certificate can be for.
/// Source: Gateway API SubjectAltName.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type != 'Hostname' || (has(self.hostname) && !has(self.uri))")
    .message("a name of type Hostname needs hostname, and no uri"))]
#[x_kube(validation = Rule::new("self.type != 'URI' || (has(self.uri) && !has(self.hostname))")
    .message("a name of type URI needs uri, and no hostname"))]
pub struct SubjectAltName {
    /// Hostname or URI.
    #[serde(rename = "type")]
    pub kind: SubjectAltNameType,

    /// The DNS name, for type Hostname. One that begins with `*.` is the very wildcard that the
    /// certificate has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(
            pattern = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
        )
    )]
    pub hostname: Option<String>,

    /// The URI, for type URI; as SPIFFE has it, for instance `spiffe://cluster.local/ns/a/sa/b`. It
    /// is compared letter by letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-zA-Z][-a-zA-Z0-9+.]*:[!-~]+$"))]
    pub uri: Option<String>,
}

/// SubjectAltNameType is a kind of name in a certificate.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema)]
pub enum SubjectAltNameType {
    /// A DNS name.
    Hostname,
    /// A URI.
    #[serde(rename = "URI")]
    Uri,
}

/// ProxyProtocol says that endpoints are told who their client is before anything else.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProxyProtocol {
    /// V1, a line of text, or V2, which is binary.
    pub version: ProxyProtocolVersion,
}

/// ProxyProtocolVersion is a version of the PROXY header.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema)]
pub enum ProxyProtocolVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}
