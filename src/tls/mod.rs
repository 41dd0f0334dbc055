//! TLS towards clients: which certificate a name gets, swapped while serving. TLS towards
//! endpoints: whom they have to be, and what Weir shows them.
//!
//! In: the certificates of the model. Out: one rustls configuration for the whole process; its
//! resolver reads the newest certificates at every handshake, so that connections are never
//! ended for a new certificate. And one configuration for each pool that declares TLS towards its
//! endpoints. TLS 1.2 and 1.3, forward-secret suites only.

mod client;
mod resolver;
mod roots;
mod server;
mod subject_names;

pub use client::{Alpn, ClientTls, ClientTlsError};
pub use server::{ServerTls, TlsError};
