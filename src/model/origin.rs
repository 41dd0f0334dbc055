//! Which object something of the model was declared in.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::PoolName;

/// Origin is the object that declares routes and certificates. Origins are ordered by namespace
/// and name, then by kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    name: Arc<str>,
    kind: OriginKind,
}

/// OriginKind is the kind of object that declares routes and certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum OriginKind {
    /// weir.dev BackendPool.
    BackendPool,
    /// networking.k8s.io Ingress.
    Ingress,
}

impl OriginKind {
    /// Returns the kind as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BackendPool => "BackendPool",
            Self::Ingress => "Ingress",
        }
    }
}

impl Origin {
    /// Makes the origin of what a BackendPool declares.
    pub fn pool(name: &PoolName) -> Self {
        Self { name: name.as_str().into(), kind: OriginKind::BackendPool }
    }

    /// Makes the origin of what an Ingress declares.
    pub fn ingress(namespace: &str, name: &str) -> Self {
        Self { name: format!("{namespace}/{name}").into(), kind: OriginKind::Ingress }
    }

    /// Returns the kind of the object.
    pub fn kind(&self) -> OriginKind {
        self.kind
    }

    /// Returns `namespace/name`.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &str {
        self.name.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Returns the name without the namespace.
    pub fn name(&self) -> &str {
        self.name.split_once('/').map_or(&self.name, |(_, name)| name)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

impl Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
