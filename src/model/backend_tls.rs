//! TLS towards endpoints, and what they are told of clients.

use std::sync::Arc;

use serde::Serialize;

use super::{PrivateKey, TlsVersion};

/// BackendTls says that endpoints are spoken to over TLS, and never in clear text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum BackendTls {
    /// Something it needs is missing: no connection is opened.
    Unresolved,
    /// How.
    Settings(Arc<BackendTlsSettings>),
}

/// BackendTlsSettings is how an endpoint proves who it is, and Weir to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackendTlsSettings {
    /// The name that is asked for (SNI) and, where `names` is empty, that the endpoint's
    /// certificate must be for.
    pub hostname: Arc<str>,
    /// Names of which the certificate must have one.
    pub names: Vec<SubjectName>,
    /// Whose certificates are believed.
    pub authorities: Authorities,
    /// What is shown to an endpoint that asks who its client is.
    pub client: Option<ClientCertificate>,
    /// Oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// Authorities are those whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Authorities {
    /// These certificates alone, PEM.
    Certificates(Arc<str>),
    /// Those that the system believes.
    System,
}

/// SubjectName is a name that a certificate can be for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum SubjectName {
    /// A DNS name. One with a `*` is the very wildcard that the certificate has.
    Hostname(Arc<str>),
    /// A URI, as SPIFFE has it.
    Uri(Arc<str>),
}

/// ClientCertificate is a certificate chain with its key, as text that was checked to be usable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientCertificate {
    /// The Secret, as `namespace/name`, for people.
    pub origin: Arc<str>,
    /// End of its validity, in seconds since 1970.
    pub not_after: i64,
    /// The chain, PEM.
    pub chain_pem: Arc<str>,
    /// The key.
    pub key: PrivateKey,
}

/// ProxyProtocol is the version of the header that tells an endpoint who its client is.
/// Source: haproxy.org/download/2.9/doc/proxy-protocol.txt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}
