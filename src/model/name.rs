//! Names that cannot hold a wrong value.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// PoolName is the namespace and name of the object that a pool comes from: that of a BackendPool,
/// or of a Service with a port, as in `shop/cart:80`. No object's name holds a colon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolName(Arc<str>);

impl PoolName {
    /// Makes a name.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self(format!("{namespace}/{name}").into())
    }

    /// Makes the name of the pool of a Service's port.
    pub fn of_service(namespace: &str, service: &str, port: impl fmt::Display) -> Self {
        Self(format!("{namespace}/{service}:{port}").into())
    }

    /// Makes the name of no pool, for routes that are held because they name none. No object has
    /// this name.
    pub fn nowhere(namespace: &str) -> Self {
        Self(format!("{namespace}/-").into())
    }

    /// Returns whether it is the name of no pool.
    pub fn is_nowhere(&self) -> bool {
        self.name() == "-"
    }

    /// Returns `namespace/name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Returns the name of the Service, where the pool is that of a Service's port.
    pub fn service(&self) -> Option<&str> {
        self.name().split_once(':').map(|(service, _)| service)
    }

    /// Returns the name without the namespace.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PoolName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Hostname is a configured host: `shop.example.com`, or `*.example.com`. Lower case, no trailing
/// dot, no port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hostname(Arc<str>);

/// Says which name is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a {what}: {expected}")]
pub struct InvalidName {
    /// What the name should be.
    pub what: &'static str,
    /// The name as given.
    pub value: String,
    /// What would be right.
    pub expected: &'static str,
}

impl Hostname {
    /// Parses a configured hostname; case and one trailing dot do not matter.
    ///
    /// # Errors
    /// Where it is not a DNS name of at most 253 bytes, with `*` only as its whole first label.
    /// Source: RFC 1123 §2.1; Gateway API Hostname.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName {
            what: "hostname",
            value: text.chars().take(64).collect(),
            expected: "use DNS labels as in shop.example.com, or *.example.com",
        };
        let lower = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let labels = lower.strip_prefix("*.").unwrap_or(&lower);
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if lower.len() > 253 || !labels.split('.').all(label_ok) {
            return Err(invalid());
        }
        Ok(Self(lower.into()))
    }

    /// Returns the text, `*.` included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what follows `*` of a wildcard (`.example.com`), or nothing for an exact name.
    pub fn wildcard_suffix(&self) -> Option<&str> {
        self.0.strip_prefix('*')
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Hostname {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
