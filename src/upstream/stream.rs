//! The bytes of one connection to an endpoint, in clear text or over TLS.

use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::ClientConnection;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Stream is an open connection to an endpoint. Over TLS, what was written may be kept until the
/// stream is flushed.
#[derive(Debug)]
pub enum Stream {
    /// In clear text.
    Plain(TcpStream),
    /// Over TLS: in a box, so that the others stay small.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Returns whether HTTP/2 was agreed on in the TLS handshake.
    pub fn is_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    /// Returns the socket.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Ends our direction, and waits for what the endpoint says to that. Over TLS 1.3 it judges our
    /// certificate when the handshake is over for us already; a refusal comes before all else.
    ///
    /// # Errors
    /// Where the endpoint refuses TLS.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn farewell(self) -> io::Result<()> {
        let Self::Tls(mut stream) = self else { return Ok(()) };
        let _ = stream.shutdown().await;
        let is_refusal = |error: &io::Error| {
            let cause = error.get_ref();
            cause.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
        };
        match stream.read(&mut [0]).await {
            Err(error) if is_refusal(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Asks the kernel whether the endpoint has closed or sent something for the user of the
    /// stream, beyond what the reactor has seen. What TLS sends for itself is taken in and does
    /// not count, such as tickets for later sessions.
    pub fn is_quiet_now(&mut self) -> bool {
        match self {
            Self::Plain(socket) => is_silent(socket),
            Self::Tls(stream) => {
                let (socket, session) = stream.get_mut();
                is_session_quiet(socket, session)
            }
        }
    }
}

fn is_silent(socket: &TcpStream) -> bool {
    let mut byte = [MaybeUninit::uninit(); 1];
    let peeked = SockRef::from(socket).peek(&mut byte);
    peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn is_session_quiet(socket: &TcpStream, session: &mut ClientConnection) -> bool {
    loop {
        if is_silent(socket) {
            return session.wants_read();
        }
        // Past the reactor, which learns of nothing by this: it is told of bytes when they come.
        let mut direct = Direct(SockRef::from(socket));
        let is_whole = session.read_tls(&mut direct).is_ok_and(|count| count > 0);
        let state = is_whole.then(|| session.process_new_packets().ok()).flatten();
        let is_quiet = state
            .is_some_and(|state| state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed());
        if !is_quiet {
            return false;
        }
    }
}

/// Direct reads from a socket that does not block.
struct Direct<'a>(SockRef<'a>);

impl Read for Direct<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(out)
    }
}

/// Writes what stands in several places; what stands in one goes out by `send`, which costs the
/// kernel less than `writev` of one part.
pub fn poll_write_parts<S: AsyncWrite + Unpin>(
    stream: &mut S,
    context: &mut Context<'_>,
    parts: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let mut filled = parts.iter().filter(|part| !part.is_empty());
    match (filled.next(), filled.next()) {
        (Some(only), None) => Pin::new(stream).poll_write(context, only),
        _ => Pin::new(stream).poll_write_vectored(context, parts),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, out),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, out),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            // A socket keeps nothing.
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}
