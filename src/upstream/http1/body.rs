//! The body of an answer, read from the endpoint's socket as the client takes it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::chunked::{Chunked, Decoded};
use super::outgoing::Outgoing;
use super::pieces::Pieces;
use super::{Connection, Error, Framing, Head};

/// Body reads the answer's body from the socket, goes on sending the request where that is not
/// done, and gives the connection back at its end.
#[derive(Debug)]
pub struct Body<B> {
    connection: Option<Connection>,
    rest: Rest,
    outgoing: Option<Box<Outgoing<B>>>,
    /// Whether the connection may carry another exchange once both directions are done.
    keeps: bool,
    pieces: Pieces,
}

#[derive(Debug)]
enum Rest {
    Length(u64),
    Chunked(Chunked),
    Close,
    /// All data is out; the trailers, if any, not yet.
    End,
}

impl<B> Body<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new(
        connection: Connection,
        head: &Head,
        is_sent: bool,
        outgoing: Option<Box<Outgoing<B>>>,
    ) -> Self {
        let rest = match head.framing {
            Framing::Empty => Rest::End,
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunked(Chunked::new()),
            Framing::Close => Rest::Close,
        };
        let keeps = head.keeps_alive && (is_sent || outgoing.is_some());
        let mut body =
            Self { connection: Some(connection), rest, outgoing, keeps, pieces: Pieces::new() };
        if matches!(body.rest, Rest::End) {
            body.finish();
        }
        body
    }

    /// Bytes of the request body that were taken from the client while the answer came.
    pub fn request_bytes(&self) -> u64 {
        self.outgoing.as_ref().map_or(0, |outgoing| outgoing.body_bytes())
    }

    /// Goes on sending the request. The answer counts, not whether the endpoint takes it all.
    fn pump(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let (Some(outgoing), Some(connection)) = (&mut self.outgoing, &mut self.connection) else {
            return Ok(());
        };
        match outgoing.poll_send(connection, context) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error @ Error::RequestBody(_))) => return Err(error),
            Poll::Ready(Err(_)) => self.keeps = false,
        }
        self.outgoing = None;
        Ok(())
    }

    /// Ends the exchange: the connection goes back, or ends with a request that is not sent.
    fn finish(&mut self) {
        self.rest = Rest::End;
        let is_sent = self.outgoing.take().is_none();
        if let Some(mut connection) = self.connection.take()
            && self.keeps
            && is_sent
        {
            if connection.buffer.is_empty() {
                self.pieces.keep(std::mem::take(&mut connection.buffer));
            }
            connection.give_back();
        }
    }

    fn poll_data(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            if let Some(frame) = self.decode()? {
                return Poll::Ready(Some(Ok(frame)));
            }
            if matches!(self.rest, Rest::End) {
                return Poll::Ready(None);
            }
            let count = ready!(self.poll_fill(context)).map_err(Error::Io)?;
            if count == 0 {
                if matches!(self.rest, Rest::Close) {
                    self.keeps = false;
                    self.finish();
                    return Poll::Ready(None);
                }
                return Poll::Ready(Some(Err(Error::Closed)));
            }
        }
    }

    /// Takes a frame out of what was read.
    fn decode(&mut self) -> Result<Option<Frame<Bytes>>, Error> {
        let Some(connection) = &mut self.connection else { return Ok(None) };
        let buffer = &mut connection.buffer;
        if buffer.is_empty() {
            return Ok(None);
        }
        let frame = match &mut self.rest {
            Rest::End => return Ok(None),
            Rest::Close => Some(Frame::data(buffer.split().freeze())),
            Rest::Length(left) => {
                let length = usize::try_from(*left).map_or(buffer.len(), |n| n.min(buffer.len()));
                *left -= length as u64;
                let data = buffer.split_to(length).freeze();
                if *left == 0 {
                    self.finish();
                }
                Some(Frame::data(data))
            }
            Rest::Chunked(chunked) => match chunked.decode(buffer)? {
                Decoded::Data(data) => Some(Frame::data(data)),
                Decoded::Incomplete => None,
                Decoded::End(trailers) => {
                    self.finish();
                    trailers.map(Frame::trailers)
                }
            },
        };
        Ok(frame)
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(Ok(0)) };
        let room = self.pieces.room(&mut connection.buffer);
        let count = ready!(connection.poll_fill(context, room))?;
        self.pieces.came(count, room);
        Poll::Ready(Ok(count))
    }
}

impl<B> http_body::Body for Body<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let body = self.get_mut();
        if body.outgoing.is_some() {
            body.pump(context)?;
        }
        let polled = body.poll_data(context);
        if matches!(polled, Poll::Ready(Some(Err(_)))) {
            body.keeps = false;
            body.finish();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.rest, Rest::End)
    }

    fn size_hint(&self) -> SizeHint {
        match self.rest {
            Rest::Length(length) => SizeHint::with_exact(length),
            Rest::End => SizeHint::with_exact(0),
            Rest::Chunked(_) | Rest::Close => SizeHint::default(),
        }
    }
}
