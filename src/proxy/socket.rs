//! A client's socket: with the bytes that were read ahead, and with deadlines.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::options::ClientLimits;
use super::pace::{Pace, Progress};
use super::watch::Watch;
use super::wheel::Timer;
use crate::upstream::clock::{self, Millis};
use crate::upstream::poll_write_parts;

/// Socket reads and writes, and fails when the client lets a deadline pass.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    ahead: Bytes,
    timer: Timer,
    watch: Arc<Watch>,
    times: Times,
    /// Whether bytes between requests are the beginning of a head; over HTTP/2 they may be anything.
    has_heads: bool,
    /// What the client does not take.
    unread: Pace,
    /// Whether what a stream keeps itself waits, as TLS does; flushing others says nothing.
    is_flushing: bool,
}

/// Times are those of the limits that a socket needs.
#[derive(Clone, Copy, Debug)]
struct Times {
    head: Duration,
    idle: Duration,
    progress: Progress,
}

impl<S> Socket<S> {
    pub(super) fn new(
        stream: S,
        ahead: Bytes,
        watch: Arc<Watch>,
        limits: &ClientLimits,
        has_heads: bool,
    ) -> Self {
        let timer = Timer::new();
        if has_heads && !ahead.is_empty() {
            watch.head_begun(clock::now());
        }
        timer.set_after(if has_heads { limits.head_timeout } else { limits.idle_timeout });
        let (head, idle) = (limits.head_timeout, limits.idle_timeout);
        let times = Times { head, idle, progress: limits.progress };
        Self {
            stream,
            ahead,
            timer,
            watch,
            times,
            has_heads,
            unread: Pace::default(),
            is_flushing: false,
        }
    }

    /// Takes note that the next head has begun, where one is waited for.
    pub(super) fn bytes_came(&self) {
        if self.has_heads && !self.watch.is_active() && self.watch.head_since().is_none() {
            let now = clock::now();
            self.watch.head_begun(now);
            self.timer.set(Some(now.plus(self.times.head)));
        }
    }

    fn next_deadline(&self, now: Millis) -> Millis {
        let deadline = match self.watch.head_since() {
            _ if self.watch.is_active() => now.plus(self.times.idle),
            Some(since) => since.plus(self.times.head),
            None => self.watch.idle_since().plus(self.times.idle),
        };
        self.unread.deadline(self.times.progress).map_or(deadline, |unread| deadline.min(unread))
    }

    fn check_deadline(&self, context: &Context<'_>) -> io::Result<()> {
        while self.timer.poll_due(context).is_ready() {
            let now = clock::now();
            let deadline = self.next_deadline(now);
            if deadline <= now {
                if self.unread.is_over(now, self.times.progress) {
                    self.watch.client_is_slow();
                }
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.timer.set(Some(deadline));
        }
        Ok(())
    }

    fn wrote_some(
        &mut self,
        context: &Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = result
            && self.unread != Pace::default()
        {
            self.unread.moved(clock::now(), bytes, self.times.progress);
        }
        self.unless_late(context, result, false)
    }

    /// What was kept has all gone out. Where nothing is kept that says nothing of the client.
    fn wrote_all(
        &mut self,
        context: &Context<'_>,
        result: Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        if result.is_ready() && self.is_flushing {
            self.unread.clear();
        }
        self.unless_late(context, result, true)
    }

    fn unless_late<T>(
        &mut self,
        context: &Context<'_>,
        result: Poll<io::Result<T>>,
        is_flush: bool,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            return result;
        }
        if !self.unread.is_owing() {
            let now = clock::now();
            self.unread.begin(now);
            self.is_flushing = is_flush;
            self.timer.set(Some(self.next_deadline(now)));
        }
        self.check_deadline(context)?;
        Poll::Pending
    }
}

impl<S> Socket<S> {
    /// The stream, to ask it something.
    pub(super) fn stream(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> Socket<S> {
    /// Reads at least one byte into the buffer, and at most what fits. Ready with 0 is the end.
    pub(super) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match pin!(self.stream.read_buf(buffer)).poll(context) {
            Poll::Pending => {
                self.check_deadline(context)?;
                Poll::Pending
            }
            Poll::Ready(result) => {
                self.bytes_came();
                Poll::Ready(result)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Socket<S> {
    /// Writes some of the parts; never ready with 0.
    pub(super) fn poll_write_parts(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = match poll_write_parts(&mut self.stream, context, parts) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            result => result,
        };
        self.wrote_some(context, result)
    }

    /// Passes on what the stream itself keeps, as TLS does.
    pub(super) fn poll_flush_stream(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.wrote_all(context, result)
    }

    /// Ends the direction to the client.
    pub(super) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.wrote_all(context, result)
    }

    /// Gives the stream back.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> hyper::rt::Read for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = &mut *self;
        if !socket.ahead.is_empty() {
            let count = socket.ahead.len().min(cursor.remaining());
            cursor.put_slice(socket.ahead.get(..count).unwrap_or_default());
            socket.ahead.advance(count);
            return Poll::Ready(Ok(()));
        }
        // Delegates to hyper-util's adapter for the one step from its cursor to tokio's buffer.
        let adapter = hyper_util::rt::TokioIo::new(&mut socket.stream);
        match std::pin::pin!(adapter).poll_read(context, cursor) {
            Poll::Pending => {
                socket.check_deadline(context)?;
                Poll::Pending
            }
            Poll::Ready(result) => {
                socket.bytes_came();
                Poll::Ready(result)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> hyper::rt::Write for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote_some(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.wrote_some(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.wrote_all(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Ahead is a stream whose first bytes were read already.
#[derive(Debug)]
pub(super) struct Ahead<S> {
    pub(super) bytes: Bytes,
    pub(super) stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, out);
        }
        let count = self.bytes.len().min(out.remaining());
        out.put_slice(self.bytes.get(..count).unwrap_or_default());
        self.bytes.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ahead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
