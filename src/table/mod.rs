//! The routing table: what the data path looks requests up in.
//!
//! Flow: `reconcile` builds the next [`Table`] from the model and the one before, and publishes it
//! through [`TableHandle`], the one swap; a request loads it once and uses only that. A table never
//! changes. Parts that did not change are shared with the table before it.
//!
//! [`Table::find`] is exact: it equals trying all rules of the host in the order of
//! [`RouteMatch::precedence`](crate::model::RouteMatch::precedence), from the most specific host to
//! the least. `explain` sees the same rules through a [`RouteTrace`].
//!
//! May use model, upstream, tls and metrics; knows nothing of Kubernetes, sockets or tasks.

mod handle;
mod hash;
mod host;
mod query;
mod route;
mod router;
mod rule;
mod rules;
#[cfg(test)]
mod tests;
mod trace;
mod version;

pub use crate::model::path;
pub use handle::{LocalTable, TableHandle};
pub use host::canonical_host;
pub use route::{NoRoute, RequestHead, Route};
pub use trace::{Candidate, RouteTrace, Verdict};
pub use version::Table;
