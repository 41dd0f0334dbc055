//! One request and its answer on one stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Response, StatusCode};

use super::outgoing::Outgoing;
use super::{Body, Error, Slot, Tunnel};
use crate::upstream::OnInterim;
use crate::upstream::http1::{Violation, parse_decimal};
use crate::upstream::interim::INTERIM_LIMIT;

/// Most fields of an answer.
const FIELDS_LIMIT: usize = 256;

/// Expectation is what an answer depends on besides itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expectation {
    /// The request was HEAD.
    pub is_head: bool,
    /// The body waits for `100 Continue`, or for [`Exchange::release`].
    pub is_held: bool,
    /// The request opens a WebSocket: the stream stays open towards the endpoint.
    pub is_websocket: bool,
}

/// Head is the beginning of a final answer; its fields are in the map that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Status.
    pub status: StatusCode,
    pub(super) length: Length,
}

/// Length is what is known of how long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// There is none, whatever the endpoint sends.
    Nothing,
    /// It says so.
    Declared(u64),
    /// The end of the stream is its end.
    Unknown,
}

/// Unsent is what is left of a request whose try failed.
#[derive(Debug)]
pub struct Unsent<B> {
    /// What is left of the body, and its length, where the request has one.
    pub body: Option<(B, Option<u64>)>,
    /// Whether nothing of the body was read: it can be sent again.
    pub is_whole: bool,
    /// Whether the endpoint may have processed some of the request.
    pub is_begun: bool,
    /// Whether some of an answer has come.
    pub is_answered: bool,
    /// Whether the connection had carried an exchange before.
    pub is_reused: bool,
}

/// Exchange is a stream whose answer has not begun.
///
/// It is a machine that is polled: it owns no task and no channel.
#[derive(Debug)]
pub struct Exchange<B> {
    /// Nothing where the stream could not be begun.
    response: Option<ResponseFuture>,
    answer: Option<RecvStream>,
    /// The way to the endpoint, of a WebSocket.
    tunnel: Option<SendStream<Bytes>>,
    outgoing: Outgoing<B>,
    slot: Slot,
    expectation: Expectation,
    interim: u8,
    is_begun: bool,
    is_answered: bool,
}

impl<B> Exchange<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Begins a stream with the head of a request, and a body with its length.
    pub fn new(
        slot: Slot,
        request: Request<()>,
        body: Option<(B, Option<u64>)>,
        expectation: Expectation,
    ) -> Self {
        let has_body = body.is_some();
        let is_over = !has_body && !expectation.is_websocket;
        let begun = slot.sender().send_request(request, is_over);
        let (response, mut stream): (_, Option<SendStream<Bytes>>) = match begun {
            Ok((response, stream)) => (Some(response), Some(stream)),
            // The connection has just ended, or the endpoint wants no more streams in it.
            Err(_) => (None, None),
        };
        Self {
            is_begun: response.is_some(),
            response,
            answer: None,
            tunnel: stream.take_if(|_| expectation.is_websocket),
            outgoing: Outgoing::new(stream, body, expectation.is_held),
            slot,
            expectation,
            interim: 0,
            is_answered: false,
        }
    }

    /// Lets a held body go without `100 Continue`.
    pub fn release(&mut self) {
        self.outgoing.release();
    }

    /// Sends the request and waits for the head of the final answer, at the same time. Interim
    /// answers are told as they come.
    ///
    /// # Errors
    /// Where the stream or its connection ends, the answer is not valid, or the request body cannot
    /// be read.
    pub fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        headers: &mut HeaderMap,
        on_interim: &mut OnInterim<'_>,
    ) -> Poll<Result<Head, Error>> {
        let polled = self.poll_answer(context, on_interim);
        let response = match ready!(polled) {
            Ok(response) => response,
            Err(error) => {
                self.is_begun &= !matches!(error, Error::Refused);
                return Poll::Ready(Err(error));
            }
        };
        self.is_answered = true;
        let (parts, body) = response.into_parts();
        let length = self.length(parts.status, &parts.headers, &body)?;
        self.answer = Some(body);
        *headers = parts.headers;
        Poll::Ready(Ok(Head { status: parts.status, length }))
    }

    fn poll_answer(
        &mut self,
        context: &mut Context<'_>,
        on_interim: &mut OnInterim<'_>,
    ) -> Poll<Result<Response<RecvStream>, Error>> {
        self.send(context)?;
        let Some(response) = &mut self.response else { return Poll::Ready(Err(Error::Refused)) };
        let mut is_told = false;
        while let Poll::Ready(Some(interim)) = response.poll_informational(context) {
            let (parts, ()) = interim?.into_parts();
            let (status, mut fields) = (parts.status, parts.headers);
            self.is_answered = true;
            self.interim += 1;
            if self.interim > INTERIM_LIMIT {
                return Poll::Ready(Err(Violation::Interim.into()));
            }
            // There is no other protocol to switch to. Source: RFC 9113 §8.6.
            if status == StatusCode::SWITCHING_PROTOCOLS {
                return Poll::Ready(Err(Violation::UnaskedUpgrade.into()));
            }
            match status {
                StatusCode::CONTINUE => is_told = true,
                other => on_interim(other, &mut fields),
            }
        }
        let polled = Pin::new(response).poll(context);
        if polled.is_pending() && is_told {
            self.outgoing.release();
            self.send(context)?;
        }
        polled.map_err(Error::from)
    }

    /// Goes on with sending. An endpoint that takes no more may still have answered, so that only a
    /// client's failure ends the exchange.
    fn send(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        match self.outgoing.poll_send(context) {
            Poll::Ready(Err(error @ Error::RequestBody(_))) => return Err(error),
            Poll::Ready(Err(_)) => self.outgoing.stop(),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        Ok(())
    }

    /// Returns how long the body is. h2 holds it to its length.
    fn length(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &RecvStream,
    ) -> Result<Length, Error> {
        if headers.len() > FIELDS_LIMIT {
            return Err(Violation::HeadTooLarge.into());
        }
        let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
        let declared = match (lengths.next(), lengths.next()) {
            (None, _) => None,
            (Some(length), None) => {
                Some(parse_decimal(length.as_bytes()).ok_or(Violation::ContentLength)?)
            }
            (Some(_), Some(_)) => return Err(Violation::ContentLength.into()),
        };
        let is_bodiless = self.expectation.is_head
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || body.is_end_stream();
        Ok(match declared {
            _ if is_bodiless => Length::Nothing,
            Some(length) => Length::Declared(length),
            None => Length::Unknown,
        })
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
        self.outgoing.waits_for_client()
    }

    /// Whether the endpoint agreed to a WebSocket: any success does. Source: RFC 8441 §5.
    pub fn is_tunnel(&self, head: &Head) -> bool {
        self.tunnel.is_some() && head.status.is_success()
    }

    /// Turns into the bytes both ways, after the head of an answer; nothing where none were asked for.
    pub fn into_tunnel(self) -> Option<Tunnel> {
        Some(Tunnel::new(self.tunnel?, self.answer?, self.slot))
    }

    /// Turns into the body of the answer, which goes on sending the request where it is not sent.
    pub fn into_body(self, head: &Head) -> Body<B> {
        if let Some(mut stream) = self.tunnel {
            // Nothing follows a WebSocket that is refused.
            let _ = stream.send_data(Bytes::new(), true);
        }
        let outgoing = (!self.outgoing.is_sent()).then(|| Box::new(self.outgoing));
        Body::new(self.answer, head.length, outgoing, self.slot)
    }

    /// Resets the stream and gives back what another try needs.
    pub fn into_unsent(self) -> Unsent<B> {
        let is_whole = self.outgoing.is_whole();
        Unsent {
            body: self.outgoing.into_rest(),
            is_whole,
            is_begun: self.is_begun,
            is_answered: self.is_answered,
            is_reused: self.slot.is_reused(),
        }
    }
}
