//! TLS towards clients: which certificate a name gets and on which terms, swapped while serving. TLS
//! towards endpoints: whom they have to be, and what Weir shows them.
//!
//! In: the certificates of the model. Out: a rustls configuration for each handshake, chosen by its
//! first message among those made before; their resolver reads the newest certificates, so that
//! connections are never ended for a new one. And one configuration for each pool that declares TLS
//! towards its endpoints. TLS 1.2 and 1.3, forward-secret suites only.

mod client;
mod names;
mod resolver;
mod roots;
mod scope;
mod server;
mod subject_names;
mod terms;
mod tickets;

pub use client::{Alpn, ClientTls, ClientTlsError};
pub use scope::{Scopes, Shown};
pub use server::{Chosen, ServerTls, TlsError};
pub use tickets::{InvalidTicketKeys, NoTicketKey, TicketKeys};
