//! Pools and endpoints.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{
    Access, BackendTls, ClientRegions, Coordinates, HeaderName, Limits, Outlier, PoolName,
    ProxyProtocol, RateLimit, RegionName, Retry,
};

/// Pool is a set of endpoints and everything about how they are used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pool {
    /// Name.
    pub name: PoolName,
    /// Groups of endpoints that share a weight, in the order of the object.
    pub backends: Vec<Backend>,
    /// How an endpoint is chosen.
    pub algorithm: Algorithm,
    /// What hashing algorithms hash, in order; a key that a request lacks is skipped.
    pub hash_on: Vec<HashKey>,
    /// How long a new endpoint's share grows. Nothing is at once.
    pub slow_start: Option<Duration>,
    /// Which endpoints are near.
    pub locality: Option<LocalityPreference>,
    /// Keeps a client on its endpoint.
    pub persistence: Option<Persistence>,
    /// Active check.
    pub health_check: Option<HealthCheck>,
    /// Passive check.
    pub outlier: Option<Outlier>,
    /// Percent of available endpoints below which health is ignored; 0 is never.
    pub panic_threshold: u8,
    /// Retries.
    pub retry: Option<Retry>,
    /// Time to open a connection.
    pub connect_timeout: Duration,
    /// Time without a byte either way that ends an exchange or a tunnel. Nothing is no limit.
    pub idle_timeout: Option<Duration>,
    /// How long an unused connection is kept.
    pub keep_alive: Duration,
    /// Bounds.
    pub limits: Limits,
    /// Rate limit.
    pub rate_limit: Option<RateLimit>,
    /// Which clients may ask; nothing is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// TLS towards the endpoints. Nothing is clear text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_tls: Option<BackendTls>,
    /// The header that tells endpoints who their client is. Nothing is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// What all endpoints speak, whatever their Services say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

impl Pool {
    /// Makes a pool without backends, with what a BackendPool says that says nothing.
    pub fn new(name: PoolName) -> Self {
        Self {
            name,
            backends: Vec::new(),
            algorithm: Algorithm::RoundRobin,
            hash_on: Vec::new(),
            slow_start: None,
            locality: None,
            persistence: None,
            health_check: None,
            outlier: None,
            panic_threshold: 0,
            retry: None,
            connect_timeout: Duration::from_secs(2),
            idle_timeout: Some(Duration::from_secs(300)),
            keep_alive: Duration::from_secs(60),
            limits: Limits { queue_timeout: Duration::from_secs(1), ..Limits::default() },
            rate_limit: None,
            access: None,
            backend_tls: None,
            proxy_protocol: None,
            protocol: None,
        }
    }

    /// Gives it its backends.
    pub fn with_backends(self, backends: Vec<Backend>) -> Self {
        let mut pool = Self { backends, ..self };
        pool.limits.shares_connections =
            pool.backends.iter().any(|backend| pool.protocol_of(backend) == Protocol::Http2);
        pool
    }

    /// Returns what the endpoints of a backend speak.
    pub fn protocol_of(&self, backend: &Backend) -> Protocol {
        self.protocol.unwrap_or(backend.protocol)
    }
}

/// Protocol is what endpoints speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 from the first byte, or chosen in the TLS handshake.
    Http2,
}

impl Protocol {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_http1(&self) -> bool {
        *self == Self::Http1
    }
}

/// Backend is a group of endpoints that share a weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backend {
    /// Where the endpoints come from, for people and metrics: `namespace/service:port`, or
    /// `endpoint` for an address written into the pool.
    pub origin: Arc<str>,
    /// Whether this is a Service: its weight is then a share of requests that holds under every
    /// algorithm. An endpoint's weight is its capacity instead.
    pub is_service: bool,
    /// Weight; 0 takes no traffic.
    pub weight: u32,
    /// Failover tier; 0 is used first.
    pub tier: u8,
    /// What its Service says that its endpoints speak.
    #[serde(skip_serializing_if = "Protocol::is_http1")]
    pub protocol: Protocol,
    /// Endpoints, ordered by address.
    pub endpoints: Vec<Endpoint>,
}

/// Endpoint is one address and port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Address and port.
    pub address: SocketAddr,
    /// Zone, where it is known.
    pub zone: Option<Arc<str>>,
    /// Region, where it is known.
    pub region: Option<RegionName>,
    /// What Kubernetes says of it.
    pub readiness: Readiness,
}

/// Readiness is what Kubernetes says of an endpoint. One that is neither ready nor serving is not
/// in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Readiness {
    /// Takes traffic.
    Ready,
    /// Is ending but still serves: only for sessions pinned to it, and when nothing ready is left.
    Terminating,
}

/// Algorithm chooses an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Algorithm {
    /// Smooth weighted round robin.
    RoundRobin,
    /// Fewest requests in flight for the weight.
    LeastRequest,
    /// Lower peak-sensitive latency times requests in flight, of two.
    PeakEwma,
    /// By chance and weight.
    Random,
    /// Consistent hashing on a ring.
    RingHash,
    /// Consistent hashing by a Maglev table.
    Maglev,
}

/// HashKey is one thing to hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum HashKey {
    /// A header's value.
    Header(HeaderName),
    /// A cookie's value.
    Cookie(Arc<str>),
    /// A query parameter's first value.
    QueryParam(Arc<str>),
    /// The client's address.
    ClientAddress,
    /// The path.
    Path,
}

/// LocalityPreference says which endpoints are near.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum LocalityPreference {
    /// Weir's own zone, then its region, then the rest.
    Zone,
    /// Weir's own region, then the rest.
    Region,
    /// The region nearest to the client, then the next by distance.
    ClientRegion {
        /// The regions, in the order of the object, which is the order for unknown clients.
        regions: Vec<Region>,
        /// Which clients belong to which region (an index into `regions`).
        clients: ClientRegions,
    },
}

/// Region is a place with endpoints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Region {
    /// Name.
    pub name: RegionName,
    /// Where it is.
    pub location: Coordinates,
}

/// Persistence keeps a client on its endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Persistence {
    /// Where the session is kept.
    pub kind: PersistenceKind,
    /// How long it lasts. Nothing is no limit.
    pub absolute_timeout: Option<Duration>,
}

/// PersistenceKind says where a session is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum PersistenceKind {
    /// In a cookie of this name.
    Cookie(Arc<str>),
    /// In a header of this name.
    Header(HeaderName),
}

/// HealthCheck asks every endpoint, at an interval, whether it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// Port, when it is not the endpoint's own.
    pub port: Option<u16>,
    /// Time between checks.
    pub interval: Duration,
    /// Time for one check.
    pub timeout: Duration,
    /// Failures in a row that make unhealthy.
    pub unhealthy_threshold: u32,
    /// Successes in a row that make healthy.
    pub healthy_threshold: u32,
}

/// Probe is what an active check asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Probe {
    /// An HTTP/1.1 request.
    Http {
        /// Path and query.
        path: Arc<str>,
        /// HEAD instead of GET.
        head: bool,
        /// Host header, when it is not the endpoint's address.
        host: Option<Arc<str>>,
        /// Codes that are healthy, as ranges with both ends included.
        expected: Vec<(u16, u16)>,
    },
    /// A connection that opens.
    Tcp,
    /// The gRPC health service.
    Grpc {
        /// Service asked for; empty is the whole server.
        service: Arc<str>,
    },
}
