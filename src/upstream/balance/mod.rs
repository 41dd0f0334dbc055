//! The choice of an endpoint.
//!
//! `Selection::derive` makes, from what was declared and what is known of the endpoints, an
//! immutable view: groups of endpoints that are alike, plans that say what load each group takes,
//! and the schedules and tables of the algorithm. `pick` reads it with the facts of a request and
//! chooses. Both are pure in their arguments, cursors and counters aside.
//!
//! First the tier, then the backend, then near or far: these make the groups. Inside a group the
//! algorithm chooses. What is full, ejected, unhealthy or tried already is passed over.

mod algorithm;
mod client_region;
mod explain;
mod group;
mod maglev;
mod nearness;
mod outline;
mod pick;
mod request;
mod ring_hash;
mod schedule;
mod selection;
mod session;
mod show;
mod spill;
mod trace;

pub use pick::{NoEndpoint, Pick, Tried, pick};
pub use request::{RequestFacts, raw_cookie};
pub use selection::{Counts, Selection};
pub use session::SessionToken;
pub use trace::{EndpointTrace, GroupTrace, PickTrace, Verdict};
