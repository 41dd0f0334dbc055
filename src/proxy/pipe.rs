//! Bytes both ways between two streams, without memory while nothing moves.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::upstream::http1::{head_buffer, keep_buffer};

/// Moves bytes both ways until both directions have ended; the end of one is passed on.
///
/// # Errors
/// Where one side breaks.
pub(super) async fn join<A, B>(near: &mut A, far: &mut B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut out, mut back) = (Direction::default(), Direction::default());
    poll_fn(|context| {
        let out = out.poll(context, near, far)?;
        let back = back.poll(context, far, near)?;
        if out.is_ready() && back.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

/// Direction is one way.
#[derive(Debug, Default)]
struct Direction {
    /// Read and not written. Holds no memory while it is empty.
    buffer: BytesMut,
    is_written: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// Nothing more comes, or the stream broke: hyper reads one that its client reset as one that ended,
    /// and its other half knows better a turn later.
    Doubtful,
    /// Nothing more comes; the other side is to be told.
    Ending,
    Ended,
}

impl Direction {
    fn poll<R, W>(
        &mut self,
        context: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + AsyncWrite + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            if !self.buffer.is_empty() {
                let count = ready!(Pin::new(&mut *to).poll_write(context, &self.buffer))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.buffer.advance(count);
                self.is_written = true;
                continue;
            }
            match self.stage {
                Stage::Open => ready!(self.fill(context, from, to))?,
                Stage::Doubtful => {
                    if let Poll::Ready(Err(error)) = Pin::new(&mut *from).poll_flush(context) {
                        return Poll::Ready(Err(error));
                    }
                    self.stage = Stage::Ending;
                }
                Stage::Ending => {
                    ready!(Pin::new(&mut *to).poll_shutdown(context))?;
                    self.stage = Stage::Ended;
                }
                Stage::Ended => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Reads more; while nothing comes, what was written is passed on and the buffer given away.
    fn fill<R, W>(
        &mut self,
        context: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        keep_buffer(std::mem::replace(&mut self.buffer, head_buffer()));
        match std::pin::pin!(from.read_buf(&mut self.buffer)).poll(context) {
            Poll::Pending => {
                keep_buffer(std::mem::take(&mut self.buffer));
                if self.is_written {
                    ready!(Pin::new(to).poll_flush(context))?;
                    self.is_written = false;
                }
                Poll::Pending
            }
            Poll::Ready(Ok(0)) => {
                keep_buffer(std::mem::take(&mut self.buffer));
                self.stage = Stage::Doubtful;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(result) => Poll::Ready(result.map(|_| ())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn bytes_and_ends_go_both_ways() {
        let ((mut client, mut near), (mut far, mut endpoint)) = (duplex(16), duplex(16));
        let joined = tokio::spawn(async move { join(&mut near, &mut far).await });
        let sent = vec![7; 100_000];
        let (expected, copy) = (sent.clone(), sent.clone());
        let echo = tokio::spawn(async move {
            let mut received = Vec::new();
            endpoint.read_to_end(&mut received).await.unwrap();
            endpoint.write_all(&received).await.unwrap();
            received
        });
        let client = tokio::spawn(async move {
            client.write_all(&copy).await.unwrap();
            client.shutdown().await.unwrap();
            let mut back = Vec::new();
            client.read_to_end(&mut back).await.unwrap();
            back
        });
        assert_eq!(echo.await.unwrap(), expected);
        assert_eq!(client.await.unwrap(), sent);
        joined.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn nothing_is_held_while_nothing_moves() {
        let ((mut client, mut near), (mut far, mut endpoint)) = (duplex(64), duplex(64));
        let mut direction = Direction::default();
        client.write_all(b"hello").await.unwrap();
        let moved = poll_fn(|context| {
            assert!(direction.poll(context, &mut near, &mut far).is_pending());
            Poll::Ready(direction.buffer.capacity())
        });
        assert_eq!(moved.await, 0);
        let mut word = [0; 5];
        endpoint.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"hello");
    }
}
