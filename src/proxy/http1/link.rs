//! One client's connection: its stream, the bytes that were read ahead, and the body that is being
//! read.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Frame;

use super::body::BodyError;
use super::stream::Stream;
use crate::proxy::early::Early;
use crate::proxy::options::ClientLimits;
use crate::proxy::socket::Socket;
use crate::proxy::watch::Watch;
use crate::upstream::http1::{Chunked, Decoded, Error, Framing, Output, Pieces, head_buffer};

/// Most bytes of further requests that are read while one is being answered.
const PIPELINED: usize = 8 * 1024;

/// Most bytes of a body that are read although nobody wants them.
const DISCARDED: u64 = 64 * 1024;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Link is one client's connection.
#[derive(Debug)]
pub(super) struct Link {
    socket: Socket<Stream>,
    /// Read and not used yet. Holds no memory while the connection waits for a request.
    pub(super) input: BytesMut,
    rest: Rest,
    pieces: Pieces,
    /// What is left to be written of `100 Continue`, which goes out when the body is asked for.
    interim: &'static [u8],
    /// Interim answers of an endpoint that are being written.
    early: BytesMut,
}

/// Rest is what has not been read of the request's body.
#[derive(Debug)]
enum Rest {
    Nothing,
    Length(u64),
    Chunked(Chunked),
    /// It broke off, or is not valid: nothing on this connection has a meaning any more.
    Broken,
}

impl Link {
    pub(super) fn new(
        stream: Stream,
        first: BytesMut,
        watch: Arc<Watch>,
        limits: &ClientLimits,
    ) -> Self {
        let socket = Socket::new(stream, Bytes::new(), watch, limits, true);
        if !first.is_empty() {
            socket.bytes_came();
        }
        Self {
            socket,
            input: first,
            rest: Rest::Nothing,
            pieces: Pieces::new(),
            interim: b"",
            early: BytesMut::new(),
        }
    }

    /// Whether the client has sent something that is not read yet.
    pub(super) fn has_come(&self, context: &mut Context<'_>) -> bool {
        self.socket.stream().poll_read_ready(context).is_ready()
    }

    /// Reads at least one byte into `input`. Ready with 0 is the end.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.make_room();
        let polled = self.socket.poll_fill(context, &mut self.input);
        if polled.is_pending() {
            self.rest();
        }
        polled
    }

    fn make_room(&mut self) {
        if self.input.capacity() == 0 {
            self.input = head_buffer();
        } else if self.input.capacity() == self.input.len() {
            self.input.reserve(self.input.len().max(1024));
        }
    }

    /// Gives the buffer away while nothing is in it.
    pub(super) fn rest(&mut self) {
        if self.input.is_empty() {
            self.pieces.keep(std::mem::take(&mut self.input));
        }
    }

    /// Whether bytes of the next request were read already; its time runs from now on.
    pub(super) fn begin_waiting(&mut self) {
        self.rest();
        if !self.input.is_empty() {
            self.socket.bytes_came();
        }
    }

    /// Begins the body of a request.
    pub(super) fn begin_body(&mut self, framing: Framing, expects_continue: bool) {
        self.rest = match framing {
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunked(Chunked::new()),
            Framing::Empty | Framing::Close => Rest::Nothing,
        };
        self.pieces = Pieces::new();
        self.interim = if expects_continue && self.has_rest() { CONTINUE } else { b"" };
    }

    /// Whether some of the body was not read.
    pub(super) fn has_rest(&self) -> bool {
        !matches!(self.rest, Rest::Nothing)
    }

    /// Bytes of the body that are left, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match self.rest {
            Rest::Nothing => Some(0),
            Rest::Length(length) => Some(length),
            Rest::Chunked(_) | Rest::Broken => None,
        }
    }

    /// Reads on in the body.
    pub(super) fn poll_body(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = self.poll_frame(context);
        if let Poll::Ready(Some(Err(_))) = polled {
            self.rest = Rest::Broken;
        }
        polled
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if let Some(frame) = self.decode()? {
                return Poll::Ready(Some(Ok(frame)));
            }
            match self.rest {
                Rest::Nothing => return Poll::Ready(None),
                Rest::Broken => return Poll::Ready(Some(Err(BodyError::Broken))),
                Rest::Length(_) | Rest::Chunked(_) => {}
            }
            ready!(poll_write_all(&mut self.socket, context, &mut self.early))?;
            ready!(poll_write_all(&mut self.socket, context, &mut self.interim))?;
            if self.input.capacity() == 0 {
                self.input = head_buffer();
            }
            let room = self.pieces.room(&mut self.input);
            if self.input.capacity() - self.input.len() < room {
                self.input.reserve(room);
            }
            let count = ready!(self.socket.poll_fill(context, &mut self.input))?;
            if count == 0 {
                return Poll::Ready(Some(Err(BodyError::Broken)));
            }
            self.pieces.came(count, room);
        }
    }

    /// Writes the interim answers that wait. What has begun ends first.
    pub(super) fn poll_early(
        &mut self,
        context: &mut Context<'_>,
        early: &Early,
    ) -> Poll<io::Result<()>> {
        if self.interim.len() < CONTINUE.len() {
            ready!(poll_write_all(&mut self.socket, context, &mut self.interim))?;
        }
        loop {
            ready!(poll_write_all(&mut self.socket, context, &mut self.early))?;
            let Some(next) = early.take() else { return Poll::Ready(Ok(())) };
            self.early = next;
        }
    }

    fn decode(&mut self) -> Result<Option<Frame<Bytes>>, BodyError> {
        if self.input.is_empty() {
            return Ok(None);
        }
        match &mut self.rest {
            Rest::Nothing | Rest::Broken => Ok(None),
            Rest::Length(left) => {
                let have = self.input.len();
                let length = usize::try_from(*left).map_or(have, |left| left.min(have));
                *left -= length as u64;
                let data = self.input.split_to(length).freeze();
                if *left == 0 {
                    self.rest = Rest::Nothing;
                }
                Ok(Some(Frame::data(data)))
            }
            Rest::Chunked(chunked) => match chunked.decode(&mut self.input)? {
                Decoded::Data(data) => Ok(Some(Frame::data(data))),
                Decoded::Incomplete => Ok(None),
                Decoded::End(trailers) => {
                    self.rest = Rest::Nothing;
                    Ok(trailers.map(Frame::trailers))
                }
            },
        }
    }

    /// Whether the client has left while it waits for its answer. What it sends meanwhile is the
    /// beginning of its next request.
    pub(super) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while !self.has_rest() && self.input.len() < PIPELINED {
            match ready!(self.poll_fill(context)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
        Poll::Pending
    }

    /// Whether a client that waits for `100 Continue` was never told to go on.
    pub(super) fn owes_continue(&self) -> bool {
        self.has_rest() && self.interim.len() == CONTINUE.len()
    }

    /// Whether what is left of the body is so little that reading it is cheaper than a new
    /// connection.
    pub(super) fn is_nearly_read(&self) -> bool {
        self.length().is_some_and(|length| length <= DISCARDED)
    }

    /// Reads what is left of the body, and throws it away. Ready with whether that went well.
    pub(super) fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        loop {
            match ready!(self.poll_body(context)) {
                None => return Poll::Ready(true),
                Some(Err(_)) => return Poll::Ready(false),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Passes on what TLS keeps.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_flush_stream(context)
    }

    /// Ends the direction to the client.
    pub(super) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_end(context)
    }

    /// Takes the stream out, with the bytes that were read ahead.
    pub(super) fn into_parts(self) -> (Stream, Bytes) {
        (self.socket.into_stream(), self.input.freeze())
    }
}

/// Writes all of some bytes, and passes on what TLS keeps of them.
fn poll_write_all(
    socket: &mut Socket<Stream>,
    context: &mut Context<'_>,
    bytes: &mut impl Buf,
) -> Poll<io::Result<()>> {
    while bytes.has_remaining() {
        let parts = [IoSlice::new(bytes.chunk())];
        let count = ready!(socket.poll_write_parts(context, &parts))?;
        bytes.advance(count);
        ready!(socket.poll_flush_stream(context))?;
    }
    Poll::Ready(Ok(()))
}

/// ToClient writes to a link that the body of the answer may read from at the same time.
#[derive(Debug)]
pub(super) struct ToClient<'a>(pub(super) &'a RefCell<Link>);

impl Output for ToClient<'_> {
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        self.0.borrow_mut().socket.poll_write_parts(context, parts).map_err(Error::Io)
    }
}
