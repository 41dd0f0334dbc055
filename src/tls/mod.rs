//! TLS towards clients: which certificate a name gets, swapped while serving.
//!
//! In: the certificates of the model. Out: one rustls configuration for the whole process; its
//! resolver reads the newest certificates at every handshake, so that connections are never
//! ended for a new certificate. TLS 1.2 and 1.3, forward-secret suites only.

mod resolver;
mod server;

pub use server::{ServerTls, TlsError};
