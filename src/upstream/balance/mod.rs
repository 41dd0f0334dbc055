//! The choice of an endpoint.
//!
//! `Selection::derive` makes, from what was declared and what is known of the endpoints, an
//! immutable view: plans of groups with loads, schedules and tables. `pick` reads it with the facts
//! of a request and chooses. Both are pure in their arguments, cursors and counters aside.
//!
//! tier -> backend -> near or far: these make the groups of a plan. Inside a group the algorithm
//! chooses. What is full, ejected, unhealthy or tried already is passed over.

mod pick;
mod request;
mod selection;
mod session;
mod trace;

pub use pick::{NoEndpoint, Pick, Tried, pick};
pub use request::RequestFacts;
pub use selection::{Counts, Selection};
pub use session::SessionToken;
pub use trace::{EndpointTrace, GroupTrace, PickTrace, Verdict};
