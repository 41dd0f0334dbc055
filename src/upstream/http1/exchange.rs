//! One request and its answer on one connection.

use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};

use super::framing::{framing, keeps_alive};
use super::outgoing::Outgoing;
use super::{Body, Connection, Error, Framing, Violation, parse, spare};
use crate::upstream::interim::INTERIM_LIMIT;
use crate::upstream::{OnInterim, Stream};

/// Expectation is what an answer depends on besides itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expectation {
    /// The request was HEAD.
    pub is_head: bool,
    /// The request asked to switch protocols.
    pub is_upgrade: bool,
    /// The body waits for `100 Continue`, or for [`Exchange::release`].
    pub is_held: bool,
}

/// Head is the beginning of a final answer; its fields are in the map that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Status; 101 only where it was asked for.
    pub status: StatusCode,
    /// How the body is framed.
    pub framing: Framing,
    pub(super) keeps_alive: bool,
}

/// Unsent is what is left of a request whose try failed.
#[derive(Debug)]
pub struct Unsent<B> {
    /// The encoded head; empty where it is not there any more.
    pub head: BytesMut,
    /// What is left of the body, and its length, where the request has one.
    pub body: Option<(B, Option<u64>)>,
    /// Whether nothing of the body was read: it can be sent again.
    pub is_whole: bool,
    /// Whether the endpoint may have seen some of the request.
    pub is_begun: bool,
    /// Whether some of an answer has come.
    pub is_answered: bool,
    /// Whether the connection had carried an exchange before.
    pub is_reused: bool,
}

/// Exchange is a request on its way out, whose answer has not begun.
///
/// It is a machine that is polled: it owns no task and no channel.
#[derive(Debug)]
pub struct Exchange<B> {
    connection: Connection,
    outgoing: Outgoing<B>,
    expectation: Expectation,
    is_sent: bool,
    is_answered: bool,
    interim: u8,
    broken: Option<Error>,
}

impl<B> Exchange<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Starts with an encoded head and a body with its length; without one it goes out in chunks.
    pub fn new(
        connection: Connection,
        head: BytesMut,
        body: Option<(B, Option<u64>)>,
        expectation: Expectation,
    ) -> Self {
        Self {
            connection,
            outgoing: Outgoing::new(head, body, expectation.is_held),
            expectation,
            is_sent: false,
            is_answered: false,
            interim: 0,
            broken: None,
        }
    }

    /// Lets a held body go without `100 Continue`.
    pub fn release(&mut self) {
        self.outgoing.release();
    }

    /// Sends the request and waits for the head of the final answer, at the same time: an answer
    /// may come before the request is sent. Interim answers are told as they come.
    ///
    /// # Errors
    /// Where the connection breaks, the answer is not valid, or the request body cannot be read.
    pub fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        headers: &mut HeaderMap,
        on_interim: &mut OnInterim<'_>,
    ) -> Poll<Result<Head, Error>> {
        loop {
            self.send(context)?;
            match self.connection.poll_fill(context, 1024) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(self.broken.take().unwrap_or(Error::Closed)));
                }
                Poll::Ready(Err(error)) => {
                    let error = Error::Io(error);
                    // What TLS says of why is more than that nothing can be written.
                    let broken = self.broken.take().filter(|_| !error.is_tls());
                    return Poll::Ready(Err(broken.unwrap_or(error)));
                }
                Poll::Ready(Ok(_)) => self.is_answered = true,
            }
            if !self.outgoing.is_begun() {
                return Poll::Ready(Err(Violation::Unasked.into()));
            }
            if let Some(head) = self.final_head(headers, on_interim)? {
                return Poll::Ready(Ok(head));
            }
        }
    }

    /// Goes on with sending. A connection that takes no more may still hold an answer (RFC 9112
    /// §9.5), so that only a client's failure ends the exchange.
    fn send(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        if self.is_sent || self.broken.is_some() {
            return Ok(());
        }
        match self.outgoing.poll_send(&mut self.connection, context) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.is_sent = true,
            Poll::Ready(Err(error @ Error::RequestBody(_))) => return Err(error),
            Poll::Ready(Err(error)) => self.broken = Some(error),
        }
        Ok(())
    }

    fn final_head(
        &mut self,
        headers: &mut HeaderMap,
        on_interim: &mut OnInterim<'_>,
    ) -> Result<Option<Head>, Error> {
        let Self { connection, outgoing, expectation, interim, .. } = self;
        let buffer = &mut connection.buffer;
        Ok(take_final(
            buffer,
            headers,
            *expectation,
            interim,
            &mut |status, headers| match status {
                StatusCode::CONTINUE => outgoing.release(),
                other => on_interim(other, headers),
            },
        )?)
    }

    /// Bytes of the request body that were taken from the client so far.
    pub fn request_bytes(&self) -> u64 {
        self.outgoing.body_bytes()
    }

    /// Whether nothing of the request body was read, so that it can be sent again.
    pub fn is_whole(&self) -> bool {
        self.outgoing.is_whole()
    }

    /// Returns what is left of the request body.
    pub fn request_body(&mut self) -> Option<&mut B> {
        self.outgoing.body()
    }

    /// Whether the client owes the next byte.
    pub fn waits_for_client(&self) -> bool {
        !self.is_sent && self.outgoing.waits_for_client()
    }

    /// Turns into the body of the answer, which goes on sending the request where it is not sent.
    pub fn into_body(self, head: &Head) -> Body<B> {
        let is_sent = self.is_sent && self.broken.is_none();
        let outgoing = if is_sent {
            let (buffer, ..) = self.outgoing.into_unsent();
            spare::keep_buffer(buffer);
            None
        } else {
            // After a failure to send there is nothing to go on with, nor a connection to keep.
            self.broken.is_none().then(|| Box::new(self.outgoing))
        };
        Body::new(self.connection, head, is_sent, outgoing)
    }

    /// Takes the stream out after 101, with the bytes that followed the head.
    pub fn into_tunnel(self) -> (Stream, BytesMut, super::Lease) {
        self.connection.into_parts()
    }

    /// Ends the connection and gives back what another try needs.
    pub fn into_unsent(self) -> Unsent<B> {
        let is_begun = self.outgoing.is_begun();
        let is_reused = self.connection.is_reused();
        let (head, body, is_whole) = self.outgoing.into_unsent();
        Unsent { head, body, is_whole, is_begun, is_answered: self.is_answered, is_reused }
    }
}

/// Takes the head of the final answer from the front of `input`; those before it are counted in
/// `interim` and told. Nothing while it is not whole.
///
/// # Errors
/// Where a head is not valid, or was not asked for.
pub(super) fn take_final(
    input: &mut BytesMut,
    headers: &mut HeaderMap,
    expectation: Expectation,
    interim: &mut u8,
    on_interim: &mut OnInterim<'_>,
) -> Result<Option<Head>, Violation> {
    while let Some((status, version)) = parse::parse_head(input, headers)? {
        if status == StatusCode::SWITCHING_PROTOCOLS {
            if !expectation.is_upgrade {
                return Err(Violation::UnaskedUpgrade);
            }
            return Ok(Some(Head { status, framing: Framing::Empty, keeps_alive: false }));
        }
        if status.is_informational() {
            *interim += 1;
            if *interim > INTERIM_LIMIT {
                return Err(Violation::Interim);
            }
            on_interim(status, headers);
            continue;
        }
        let framing = framing(expectation.is_head, status, version, headers)?;
        let keeps_alive = keeps_alive(version, headers);
        return Ok(Some(Head { status, framing, keeps_alive }));
    }
    Ok(None)
}

/// Returns an empty buffer for the head of a request.
pub fn head_buffer() -> BytesMut {
    spare::buffer()
}
