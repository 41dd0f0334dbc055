//! How connections to the endpoints of a pool are opened.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Stream, proxy_header};
use crate::model::{self, BackendTls, ProxyProtocol};
use crate::tls::{Alpn, ClientTls};

/// Parties are both ends of the client's connection that a connection to an endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parties {
    /// The client.
    pub client: SocketAddr,
    /// Where the client connected to.
    pub own: SocketAddr,
}

/// OpenError says why there is no connection to an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The endpoint takes no connection.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The endpoint is not who it should be, or there is no agreement on TLS with it.
    #[error("TLS handshake failed")]
    Tls(#[source] io::Error),
    /// TLS is declared, but cannot be used; there is no fall-back to clear text.
    #[error("TLS to the endpoints is declared, but something it needs is missing")]
    Unresolved,
}

/// Transport is how connections to the endpoints of a pool are opened. Connections are exchanged
/// among those that have the same transport, and no others.
#[derive(Clone, Debug, Default)]
pub struct Transport(Option<Arc<Special>>);

/// What is not plain TCP.
#[derive(Debug)]
struct Special {
    tls: Tls,
    header: Option<ProxyProtocol>,
}

#[derive(Debug)]
enum Tls {
    None,
    Unresolved,
    With(Box<ClientTls>),
}

impl Transport {
    /// Makes the transport that a pool declares. Where its TLS cannot be used, no connection opens.
    pub fn new(pool: &model::Pool) -> Self {
        if pool.backend_tls.is_none() && pool.proxy_protocol.is_none() {
            return Self::default();
        }
        let tls = match &pool.backend_tls {
            None => Tls::None,
            Some(BackendTls::Unresolved) => Tls::Unresolved,
            Some(BackendTls::Settings(settings)) => match ClientTls::new(settings) {
                Ok(tls) => Tls::With(Box::new(tls)),
                Err(error) => {
                    tracing::error!(pool = %pool.name, "no TLS to the endpoints: {error}");
                    Tls::Unresolved
                }
            },
        };
        Self(Some(Arc::new(Special { tls, header: pool.proxy_protocol })))
    }

    /// Returns whether connections of one may be used for the other.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Returns whether connections can be opened at all.
    pub fn is_usable(&self) -> bool {
        self.0.as_ref().is_none_or(|special| !matches!(special.tls, Tls::Unresolved))
    }

    /// Returns whether endpoints are spoken to over TLS.
    pub fn is_tls(&self) -> bool {
        self.0.as_ref().is_some_and(|special| !matches!(special.tls, Tls::None))
    }

    /// Returns whether a connection tells the endpoint who its client is, so that it must not be
    /// used for another client.
    pub fn tells_client(&self) -> bool {
        self.0.as_ref().is_some_and(|special| special.header.is_some())
    }

    /// Opens a connection that is to speak a protocol: TCP, then the PROXY header, then TLS, as far
    /// as declared. Without parties Weir speaks for itself. The caller bounds the time.
    ///
    /// # Errors
    /// Where the endpoint takes no connection, or is not who it should be.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up.
    pub async fn open(
        &self,
        address: SocketAddr,
        alpn: Alpn,
        parties: Option<Parties>,
    ) -> Result<Stream, OpenError> {
        if !self.is_usable() {
            return Err(OpenError::Unresolved);
        }
        let socket = TcpStream::connect(address).await.map_err(OpenError::Connect)?;
        socket.set_nodelay(true).map_err(OpenError::Connect)?;
        match &self.0 {
            None => Ok(Stream::Plain(socket)),
            // In a box, so that opening a plain connection takes little.
            Some(special) => Box::pin(special.begin(socket, alpn, parties)).await,
        }
    }
}

impl Special {
    async fn begin(
        &self,
        mut socket: TcpStream,
        alpn: Alpn,
        parties: Option<Parties>,
    ) -> Result<Stream, OpenError> {
        if let Some(version) = self.header {
            let header = proxy_header::header(version, parties);
            socket.write_all(&header).await.map_err(OpenError::Connect)?;
        }
        match &self.tls {
            Tls::None => Ok(Stream::Plain(socket)),
            Tls::Unresolved => Err(OpenError::Unresolved),
            Tls::With(tls) => {
                let connector = TlsConnector::from(tls.config(alpn));
                let stream = connector.connect(tls.name(), socket).await;
                Ok(Stream::Tls(Box::new(stream.map_err(OpenError::Tls)?)))
            }
        }
    }
}
