//! One check of one endpoint, on a connection of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Method, Request};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::grpc;
use crate::model::Probe;
use crate::upstream::{Alpn, OpenError, Stream, Transport};

/// How long an endpoint may take to refuse a TLS connection that is open for us.
const PATIENCE: Duration = Duration::from_millis(500);
/// Most bytes of an answer's head that are read.
const HEAD_BYTES: usize = 32 * 1024;

/// Failure says why a check failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The connection did not open.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The endpoint is not who it should be, or does not agree on TLS.
    #[error("no TLS")]
    Tls(#[source] OpenError),
    /// The check took longer than it may.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The answer has a status that is not expected.
    #[error("status {0}")]
    Status(u16),
    /// What came back is not an answer of the protocol.
    #[error("broken answer")]
    Protocol(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The gRPC health service answered with another status than SERVING.
    #[error("gRPC health {0}")]
    NotServing(&'static str),
    /// The gRPC call failed with this status.
    #[error("gRPC status {0}")]
    GrpcStatus(u32),
}

impl Failure {
    /// Returns the reason as logs and metrics write it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect_failed",
            Self::Tls(_) => "upstream_tls",
            Self::Timeout(_) => "timeout",
            Self::Status(_) => "status",
            Self::Protocol(_) => "protocol_error",
            Self::NotServing(_) => "not_serving",
            Self::GrpcStatus(_) => "grpc_status",
        }
    }
}

/// Runs one check to its end, `timeout` at most. The connection is opened as those for requests
/// are, and Weir speaks for itself on it.
///
/// # Errors
/// Where the endpoint does not answer as `probe` expects; the error says how.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub async fn check(
    address: SocketAddr,
    transport: &Transport,
    probe: &Probe,
    timeout: Duration,
) -> Result<(), Failure> {
    tokio::time::timeout(timeout, run(address, transport, probe, timeout))
        .await
        .map_err(|_| Failure::Timeout(timeout))?
}

async fn run(
    address: SocketAddr,
    transport: &Transport,
    probe: &Probe,
    timeout: Duration,
) -> Result<(), Failure> {
    let alpn = match probe {
        Probe::Grpc { .. } => Alpn::Http2,
        Probe::Http { .. } | Probe::Tcp => Alpn::Http1,
    };
    let stream = transport.open(address, alpn, None).await.map_err(|error| match error {
        OpenError::Connect(error) => Failure::Connect(error),
        error @ (OpenError::Tls(_) | OpenError::Unresolved) => Failure::Tls(error),
    })?;
    match probe {
        Probe::Tcp => {
            match tokio::time::timeout(PATIENCE.min(timeout / 2), stream.farewell()).await {
                Ok(Err(error)) => Err(Failure::Tls(OpenError::Tls(error))),
                // Who says nothing has nothing against us.
                Ok(Ok(())) | Err(_) => Ok(()),
            }
        }
        Probe::Grpc { service } => {
            grpc::check(stream, (address, transport.is_tls()), service).await
        }
        Probe::Http { path, head, host, expected } => {
            let method = if *head { Method::HEAD } else { Method::GET };
            let address = address.to_string();
            let request = Request::builder()
                .method(method)
                .uri(path.as_ref())
                .header(HOST, host.as_deref().unwrap_or(&address))
                .header(USER_AGENT, USER_AGENT_VALUE)
                .header(CONNECTION, "close")
                .body(Empty::<Bytes>::new())
                .map_err(protocol)?;
            let status = answer_status(stream, request).await?;
            let is_expected = expected.iter().any(|(low, high)| (*low..=*high).contains(&status));
            if is_expected { Ok(()) } else { Err(Failure::Status(status)) }
        }
    }
}

/// What checks call themselves, so that access logs of endpoints can leave them out.
pub(super) const USER_AGENT_VALUE: &str = concat!("weir-health/", env!("CARGO_PKG_VERSION"));

/// Sends the request and returns the status; the body is never read, the connection is dropped.
async fn answer_status(stream: Stream, request: Request<Empty<Bytes>>) -> Result<u16, Failure> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(protocol)?;
    // The set aborts the connection's task when it is dropped.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let answer = sender.send_request(request).await.map_err(protocol)?;
    Ok(answer.status().as_u16())
}

pub(super) fn protocol(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure::Protocol(error.into())
}
