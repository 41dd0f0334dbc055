//! The body of an answer, taken from its stream as the client takes it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Frame, SizeHint};

use super::exchange::Length;
use super::outgoing::{Outgoing, clean_trailers};
use super::{Error, Slot};

/// Body reads the answer's body from its stream, and goes on sending the request where that is not
/// done.
#[derive(Debug)]
pub struct Body<B> {
    /// Nothing once it has ended. Dropping it before resets the stream.
    stream: Option<(RecvStream, Slot)>,
    /// Bytes that are still to come, where that is known.
    left: Option<u64>,
    outgoing: Option<Box<Outgoing<B>>>,
}

impl<B> Body<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new(
        stream: Option<RecvStream>,
        length: Length,
        outgoing: Option<Box<Outgoing<B>>>,
        slot: Slot,
    ) -> Self {
        let left = match length {
            Length::Nothing => return Self { stream: None, left: None, outgoing: None },
            Length::Declared(length) => Some(length),
            Length::Unknown => None,
        };
        Self { stream: stream.map(|stream| (stream, slot)), left, outgoing }
    }

    /// Bytes of the request body that were taken from the client while the answer came.
    pub fn request_bytes(&self) -> u64 {
        self.outgoing.as_ref().map_or(0, |outgoing| outgoing.body_bytes())
    }

    /// Goes on sending the request. The answer counts, not whether the endpoint takes it all.
    fn pump(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let Some(outgoing) = &mut self.outgoing else { return Ok(()) };
        match outgoing.poll_send(context) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Err(error @ Error::RequestBody(_))) => return Err(error),
            Poll::Ready(Ok(()) | Err(_)) => {}
        }
        self.outgoing = None;
        Ok(())
    }

    /// Ends the exchange; a request that is not sent to its end is reset.
    fn finish(&mut self) {
        self.outgoing = None;
        self.stream = None;
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some((stream, _)) = &mut self.stream else { return Poll::Ready(None) };
        match ready!(stream.poll_data(context)) {
            Some(Ok(data)) => {
                // The endpoint may send as much as was just taken.
                let _ = stream.flow_control().release_capacity(data.len());
                if let Some(left) = &mut self.left {
                    *left = left.saturating_sub(data.len() as u64);
                }
                if stream.is_end_stream() {
                    self.finish();
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            // A whole answer may be followed by a reset: the endpoint needs no more of the request.
            // Source: RFC 9113 §8.1.
            Some(Err(error))
                if error.reason() == Some(h2::Reason::NO_ERROR)
                    && error.is_reset()
                    && self.left.unwrap_or(0) == 0 => {}
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => {
                let trailers = ready!(stream.poll_trailers(context));
                let trailers = trailers?.map(clean_trailers).filter(|fields| !fields.is_empty());
                self.finish();
                return Poll::Ready(trailers.map(|fields| Ok(Frame::trailers(fields))));
            }
        }
        self.finish();
        Poll::Ready(None)
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
        body.pump(context)?;
        let polled = body.poll_next(context);
        if matches!(polled, Poll::Ready(Some(Err(_)))) {
            body.finish();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.stream, self.left) {
            (None, _) => SizeHint::with_exact(0),
            (Some(_), Some(left)) => SizeHint::with_exact(left),
            (Some(_), None) => SizeHint::default(),
        }
    }
}
