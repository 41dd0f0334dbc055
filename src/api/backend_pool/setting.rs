//! Names of settings.

use serde::{Deserialize, Serialize};

/// Setting is a field of the spec that settings of several pools are joined by.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Setting {
    /// `access`.
    Access,
    /// `backendProtocol`.
    BackendProtocol,
    /// `backendTLS`.
    #[serde(rename = "backendTLS")]
    BackendTls,
    /// `healthCheck`.
    HealthCheck,
    /// `httpsRedirect`.
    HttpsRedirect,
    /// `limits`.
    Limits,
    /// `loadBalancing`.
    LoadBalancing,
    /// `outlierDetection`.
    OutlierDetection,
    /// `panicThreshold`.
    PanicThreshold,
    /// `proxyProtocol`.
    ProxyProtocol,
    /// `rateLimit`.
    RateLimit,
    /// `retry`.
    Retry,
    /// `sessionPersistence`.
    SessionPersistence,
    /// `timeouts`.
    Timeouts,
    /// `tls`.
    Tls,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Access,
        Self::BackendProtocol,
        Self::BackendTls,
        Self::HealthCheck,
        Self::HttpsRedirect,
        Self::Limits,
        Self::LoadBalancing,
        Self::OutlierDetection,
        Self::PanicThreshold,
        Self::ProxyProtocol,
        Self::RateLimit,
        Self::Retry,
        Self::SessionPersistence,
        Self::Timeouts,
        Self::Tls,
    ];

    /// Returns the name of the field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::BackendProtocol => "backendProtocol",
            Self::BackendTls => "backendTLS",
            Self::HealthCheck => "healthCheck",
            Self::HttpsRedirect => "httpsRedirect",
            Self::Limits => "limits",
            Self::LoadBalancing => "loadBalancing",
            Self::OutlierDetection => "outlierDetection",
            Self::PanicThreshold => "panicThreshold",
            Self::ProxyProtocol => "proxyProtocol",
            Self::RateLimit => "rateLimit",
            Self::Retry => "retry",
            Self::SessionPersistence => "sessionPersistence",
            Self::Timeouts => "timeouts",
            Self::Tls => "tls",
        }
    }
}
