//! Both ends of a WebSocket that echoes.

use std::io;

use bytes::{Bytes, BytesMut};
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Accepts the upgrade and echoes until the client goes.
pub async fn echo(mut stream: TcpStream, key: &str, read: BytesMut) -> io::Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let read = read.to_vec();
    let mut socket = WebSocketStream::from_partially_read(stream, read, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_binary() || message.is_text()) && socket.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Client is a connection that sends a message and waits until it comes back.
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    message: Bytes,
}

impl Client {
    /// Upgrades a connection.
    pub async fn open(
        stream: TcpStream,
        host: &str,
        path: &str,
        length: usize,
    ) -> anyhow::Result<Self> {
        let url = format!("ws://{host}{path}");
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await?;
        Ok(Self { socket, message: Bytes::from(vec![b'x'; length]) })
    }

    /// Sends a message and waits for its echo.
    pub async fn exchange(&mut self) -> anyhow::Result<()> {
        self.socket.send(Message::Binary(self.message.clone())).await?;
        while let Some(message) = self.socket.next().await {
            if let Message::Binary(bytes) = message? {
                anyhow::ensure!(bytes == self.message, "an echo that differs");
                return Ok(());
            }
        }
        anyhow::bail!("closed")
    }
}
