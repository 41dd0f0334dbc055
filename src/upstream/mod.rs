//! Run-time pools: endpoint state that outlives table swaps, and the choice of an endpoint.
//!
//! `Pools::bind` makes one immutable `Pool` per version of a declared pool; the state of the pool
//! and of its endpoints is shared by all versions. `balance::pick` chooses an endpoint for a
//! request: production, `explain`, and the tests call this one function. `upkeep` derives the
//! `Selection`, the immutable view that `pick` reads, whenever health, ejections or warm-up change.
//!
//! The data path holds no lock that the control side holds for long, and allocates nothing to pick.
//! May use model, tls and metrics; must not know routes, listeners or Kubernetes.

mod admission;
pub mod balance;
pub mod clock;
mod endpoint;
mod events;
mod ewma;
pub mod frames;
mod geoip;
pub mod http1;
pub mod http2;
mod interim;
mod outlier;
mod padded;
mod pool;
mod proxy_header;
mod rate_limit;
mod registry;
mod retry_budget;
mod state;
mod stream;
mod transport;
pub mod upkeep;

pub use crate::tls::Alpn;
pub use admission::{Admission, Permit, Refusal, Waiting};
pub use clock::Millis;
pub use endpoint::{EndpointState, Health, InFlight, OpenConnection, Outcome};
pub use events::{PoolChange, PoolEvent};
pub use geoip::{GeoIp, GeoIpError};
pub use interim::OnInterim;
pub use padded::Padded;
pub use pool::{Member, Pool, Surroundings};
pub use registry::{Options, Pools, Readers};
pub use retry_budget::RetryBudget;
pub use state::PoolState;
pub use stream::{Stream, poll_write_parts};
pub use transport::{OpenError, Parties, Transport};
