//! The validated routing configuration: what `translate` makes and everything behind it reads.
//!
//! Plain values with `Eq` and `Serialize`; names are newtypes that cannot hold a wrong value.
//! No I/O, no clock, no randomness, no `HashMap`, nothing of Kubernetes and nothing of HTTP crates.
//! Secrets redact themselves.

mod access;
mod backend_tls;
mod changed;
mod geo;
mod limits;
mod name;
mod origin;
pub mod path;
mod pool;
mod route;
mod shown;
mod taken;
mod tls;

pub use access::{Access, Networks};
pub use backend_tls::{
    Authorities, BackendTls, BackendTlsSettings, ClientCertificate, ProxyProtocol, SubjectName,
};
pub use changed::Changed;
pub use geo::{ClientRegions, Coordinates, RegionName};
pub use limits::{EndpointLimits, Limits, Outlier, RateKey, RateLimit, Retry, RetryCondition};
pub use name::{Hostname, InvalidName, PoolName};
pub use origin::{Origin, OriginKind};
pub use pool::{
    Algorithm, Backend, Endpoint, HashKey, HealthCheck, LocalityPreference, Persistence,
    PersistenceKind, Pool, Probe, Protocol, Readiness, Region,
};
pub use route::{
    HeaderName, HttpsRedirect, PathPattern, Pattern, Route, RouteId, RouteMatch, ValueMatch,
    ValuePattern,
};
pub use shown::{owners, shown};
pub use taken::Taken;
pub use tls::{Certificate, CipherSuite, ClientRule, PrivateKey, TlsTerms, TlsVersion};

use std::collections::BTreeMap;
use std::sync::Arc;

/// Model is everything that the data path needs to know.
///
/// Parts are shared by `Arc`, so that a change of one pool costs the size of that pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// Pools by name.
    pub pools: BTreeMap<PoolName, Arc<Pool>>,
    /// Accepted routes by the object that declares them. The pool of each is in `pools`.
    pub routes: BTreeMap<Origin, Arc<[Route]>>,
    /// Certificates by the object that refers to them; [`shown`] says which of them clients see.
    pub certificates: BTreeMap<Origin, Arc<[Certificate]>>,
}
