//! The TLS handshake with a client.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::socket::Ahead;
use crate::model::ClientRule;
use crate::tls::{ServerTls, Shown};

/// ClientTls is what is known of a client by its handshake.
#[derive(Debug)]
pub(super) struct ClientTls {
    /// What the handshake was made for.
    pub(super) shown: Shown,
    /// The client's own certificate, as endpoints get it. It was judged by the rule of the name.
    certificate: Option<Box<str>>,
}

impl ClientTls {
    /// Returns whether the client's certificates were judged by this rule.
    pub(super) fn is_under(&self, rule: &Arc<ClientRule>) -> bool {
        // Nearly always it is the same one.
        self.shown.client_rule().is_some_and(|own| Arc::ptr_eq(own, rule) || own == rule)
    }

    /// Returns the client's certificate, as endpoints get it.
    pub(super) fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }
}

/// Shakes hands, on the terms of the name that the client asks for in its first message.
///
/// # Errors
/// Where the client speaks something else, no TLS that those terms allow, or is not who it has to be.
pub(super) async fn handshake(
    tls: &ServerTls,
    socket: Ahead<TcpStream>,
) -> io::Result<(TlsStream<Ahead<TcpStream>>, Box<ClientTls>)> {
    let mut begun = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), socket).await?;
    let chosen = tls.choose(&begun.client_hello());
    if let Some(alert) = chosen.refusal() {
        begun.io.write_all(&alert).await?;
        begun.io.shutdown().await?;
        return Err(io::Error::other("no certificate is for the name that the client asks for"));
    }
    let stream = begun.into_stream(chosen.config()).await?;
    let connection = stream.get_ref().1;
    chosen.judge(connection).map_err(io::Error::other)?;
    let own = connection.peer_certificates().and_then(<[_]>::first);
    // A byte sequence of a structured field. Source: RFC 9440 §2.2; RFC 8941 §3.3.5.
    let certificate = own.map(|der| format!(":{}:", STANDARD.encode(der)).into());
    Ok((stream, Box::new(ClientTls { shown: chosen.shown, certificate })))
}
