//! `BackendPool`: a set of backends and everything about how they are used.
//!
//! The Rust types are the source of the CRD: `weir crds` prints it, `crds/` and the chart hold
//! generated copies. Words are the Gateway API's wherever it has one. Every accepted field does
//! something; a field that nothing reads is not in the schema.

mod access;
mod backend_tls;
mod balancing;
mod health;
mod limits;
mod refs;
mod routes;
mod setting;
mod spec;
mod status;
mod tls;

pub use access::*;
pub use backend_tls::*;
pub use balancing::*;
pub use health::*;
pub use limits::*;
pub use refs::*;
pub use routes::*;
pub use setting::*;
pub use spec::*;
pub use status::*;
pub use tls::*;

/// API group of Weir's own resources.
pub const GROUP: &str = "weir.dev";
/// Version of [`BackendPool`].
pub const VERSION: &str = "v1alpha1";
