//! Everything that is counted: names, labels, counters, and their text form.
//!
//! In: `proxy`, `upstream`, `health`, `reconcile`, `source` and `status` count into the handles that
//! [`Metrics`] gives them. Out: [`Metrics::encode`], and totals for the page of `admin`.
//!
//! - What workers count is sharded by worker: counting takes no lock and, after a worker's first
//!   count for an object, no memory. Reading sums the shards.
//! - Label values come from the configuration or from closed sets ([`Reason`], [`MethodLabel`], ...),
//!   never from a request: a stranger cannot add a series.
//! - Series end with the object they belong to; until then counters never run backwards.
//! - Nothing of Weir is imported here, and `prometheus` nowhere else.

mod backend;
mod catalog;
mod collect;
mod control;
mod document;
mod endpoint;
mod label;
mod listener;
mod pool;
mod process;
mod reason;
mod registry;
mod route;
mod samples;
mod shard;
mod standing;

pub use backend::BackendStats;
pub use catalog::{Family, Kind, catalog};
pub use control::{CertificateExpiry, Control};
pub use document::reference;
pub use endpoint::{EndpointStats, EndpointTotals};
pub use label::{
    CodeClass, Flood, HandshakeResult, MethodLabel, ProbeResult, Protocol, ReconcileResult,
    RetryOutcome, WriteResult,
};
pub use listener::{ListenerStats, ListenerTotals};
pub use pool::{EndpointCounts, PoolStats, PoolTotals};
pub use reason::Reason;
pub use registry::{DEFAULT_ENDPOINT_LIMIT, Metrics};
pub use route::{RequestSample, RouteLabels, RouteStats, RouteTotals};
pub use shard::Distribution;
