//! A stream that carries a WebSocket: bytes both ways until both sides have ended. Source: RFC 8441 §5.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Slot;

/// Tunnel is a stream that has left HTTP, and its place in the connection.
///
/// The end of a direction is END_STREAM; a tunnel that is dropped before both have ended is reset. What
/// is not read stops the endpoint, by the window of the stream, and what it has no room for is not taken.
#[derive(Debug)]
pub struct Tunnel {
    sending: SendStream<Bytes>,
    coming: RecvStream,
    /// What came and was not read.
    piece: Bytes,
    _slot: Slot,
}

impl Tunnel {
    pub(super) fn new(sending: SendStream<Bytes>, coming: RecvStream, slot: Slot) -> Self {
        Self { sending, coming, piece: Bytes::new(), _slot: slot }
    }
}

fn broken(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}

impl AsyncRead for Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { coming, piece, .. } = self.get_mut();
        while piece.is_empty() {
            match ready!(coming.poll_data(context)) {
                Some(data) => *piece = data.map_err(broken)?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let part = piece.split_to(piece.len().min(out.remaining()));
        out.put_slice(&part);
        // The endpoint may send as much as was just taken.
        let _ = coming.flow_control().release_capacity(part.len());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { sending, .. } = self.get_mut();
        sending.reserve_capacity(bytes.len());
        let mut room = sending.capacity();
        while room == 0 && !bytes.is_empty() {
            room = match ready!(sending.poll_capacity(context)) {
                Some(room) => room.map_err(broken)?,
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            };
        }
        let part = bytes.get(..room).unwrap_or(bytes);
        sending.send_data(Bytes::copy_from_slice(part), false).map_err(broken)?;
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().sending.send_data(Bytes::new(), true).map_err(broken))
    }
}
