//! Turns objects into the routing model: pure, total, and the only place where acceptance is
//! decided. A bad object never stops the others: it yields a condition.
//!
//! [`translate`] does it for all objects; [`Translator`] does the same for a change and costs what
//! the change costs. No I/O, no clock, no randomness, no hash order.

mod access;
mod app_protocol;
mod backend_tls;
mod backends;
mod certificates;
mod claims;
mod class;
mod conditions;
mod could_match;
mod foreign;
mod grants;
mod host_terms;
mod ingress;
mod places;
mod policy;
mod pool;
mod problems;
mod reach;
mod refused;
mod revocations;
mod routes;
mod service;
mod session;
mod settings;
mod shared_sessions;
mod slices;
mod spec;
mod terms;
mod told;
mod translator;
mod unit;
mod whole;

#[cfg(test)]
mod tests;

pub use backend_tls::error as authorities_error;
pub use certificates::error as certificate_error;
pub use problems::Unresolved;
pub use translator::{Step, Translator};
pub use whole::{Options, Translation, translate};
