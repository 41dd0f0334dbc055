//! The data path: from a client's connection to an endpoint and back.
//!
//! Flow: `accept` takes a connection, `connection` finds out what it speaks, `http1` or hyper reads requests,
//! `gate` refuses what is ambiguous, `service` finds the route in the one table it loads, `forward`
//! chooses endpoints and tries them, `body` streams the answer back; `record` counts and logs when
//! all is over.
//!
//! - Workers share nothing hot: each has its own thread, runtime, sockets, connections and timers.
//! - A request sees one table from begin to end, and one normal form of its path.
//! - What is not idempotent is never sent twice once a byte of it may have arrived.
//!
//! May use model, table, upstream, tls and metrics; knows nothing of Kubernetes.

mod accept;
pub mod access_log;
mod answer;
mod attempt;
mod body;
mod client;
mod client_body;
mod connection;
mod cut;
mod deadline;
mod early;
mod exchange;
mod forward;
mod frames;
mod gate;
mod grpc;
mod handle;
mod handshake;
mod headers;
mod http1;
mod kept;
mod listener;
mod options;
mod outbound;
mod pace;
mod per_client;
mod pipe;
mod places;
mod pressure;
mod proxy_protocol;
mod record;
mod retry;
mod service;
mod socket;
mod stall;
mod streams;
mod tunnel;
mod turn;
mod watch;
mod websocket;
mod wheel;
mod worker;

pub use client::Trusted;
pub use handle::{Handle, Opener, spawn};
#[doc(hidden)]
pub use http1::fuzzing;
pub use listener::ProxyError;
pub use options::{ClientLimits, FrameLimits, Http1Codec, Options};
pub use pace::Progress;
pub use pressure::{Level, Pressure};
