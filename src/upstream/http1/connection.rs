//! One connection to an endpoint: a socket and the bytes that were read ahead.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::{Error, Lease, Output, spare};
use crate::metrics::EndpointStats;
use crate::upstream::stream::{Stream, poll_write_parts};

/// Connection is open, and used by one exchange at a time.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    /// Read and not used yet. Holds no memory while the connection is idle.
    pub(super) buffer: BytesMut,
    lease: Lease,
    is_reused: bool,
}

impl Connection {
    /// Makes a connection of an open stream. The lease counts it for as long as it lives, and says
    /// where it goes between exchanges.
    pub fn new(stream: Stream, lease: Lease) -> Self {
        Self { stream, buffer: BytesMut::new(), lease, is_reused: false }
    }

    /// Counts it as opened, and as closed when it ends.
    pub fn count(&mut self, stats: Arc<EndpointStats>, worker: usize, took: Duration) {
        self.lease.opened(stats, worker, took);
    }

    /// Returns whether it has carried an exchange before.
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// Returns whether nothing has come while it was idle: neither an end nor bytes that belong to
    /// no request. Costs no system call unless the reactor has seen something.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let quiet = self.buffer.is_empty() && self.poll_fill(&mut context, 1).is_pending();
        self.rest();
        quiet
    }

    /// Asks the kernel whether the endpoint has closed or sent something, beyond what the
    /// reactor has seen. Worth a system call before a request that cannot be sent twice.
    pub fn is_quiet_now(&mut self) -> bool {
        self.stream.is_quiet_now()
    }

    /// Returns what counts it and says whose it is.
    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Reads at least one byte into the buffer, and at most what fits; makes room for `room`.
    /// Ready with 0 is the end.
    pub(super) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        if self.buffer.capacity() == 0 {
            self.buffer = spare::buffer();
        }
        if self.buffer.capacity() - self.buffer.len() < room {
            self.buffer.reserve(room);
        }
        pin!(self.stream.read_buf(&mut self.buffer)).poll(context)
    }

    /// Gives the connection back for another exchange.
    pub(super) fn give_back(mut self) {
        if self.buffer.is_empty() {
            self.rest();
            self.is_reused = true;
            Lease::give_back(self.lease.shelf(), self);
        }
    }

    /// Takes the socket out for a tunnel, with what was read ahead and the lease that counts it.
    pub(super) fn into_parts(mut self) -> (Stream, BytesMut, Lease) {
        let buffer = std::mem::take(&mut self.buffer);
        (self.stream, buffer, self.lease)
    }

    fn rest(&mut self) {
        if self.buffer.is_empty() {
            spare::keep_buffer(std::mem::take(&mut self.buffer));
        }
    }
}

impl Output for Connection {
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        match ready!(poll_write_parts(&mut self.stream, context, parts)) {
            Ok(0) => Poll::Ready(Err(Error::Closed)),
            Ok(count) => Poll::Ready(Ok(count)),
            Err(error) => Poll::Ready(Err(Error::Io(error))),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_flush(context).map_err(Error::Io)
    }
}
