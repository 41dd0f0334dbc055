//! What operators read: metrics, readiness, the table, and why a request goes where it goes.
//!
//! Flow: [`run`] answers on the admin address from the table that serves, the state of pools and the
//! counters. It changes nothing, shows no secret, and trusts no text: the page builds its elements
//! from JSON, never from markup. [`explain()`] calls the same `find` and `pick` as production.
//!
//! May use model, table, upstream and metrics. Runs on the control thread; workers never wait for it.

mod answer;
mod explain;
mod explain_text;
mod readiness;
mod router;
mod server;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use explain::{ExplainError, ExplainQuery, Explanation, explain};
pub use readiness::Readiness;
pub use router::Options;
pub use server::run;
