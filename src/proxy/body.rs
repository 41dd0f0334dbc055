//! The body of an answer on its way to the client.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::exchange::{EndpointBody, ExchangeError};
use super::grpc;
use super::record::Record;
use super::stall::Stall;
use super::wheel::Timer;
use crate::metrics::Reason;
use crate::upstream::clock::{self, Millis};
use crate::upstream::{InFlight, Outcome, Permit};

/// AnswerBody is an endpoint's body or a text of our own. Its record ends with it.
#[derive(Debug)]
pub(super) struct AnswerBody {
    source: Source,
    /// Nothing where somebody else keeps it, as a tunnel does.
    record: Option<Record>,
    /// Over HTTP/2: how it is taken.
    stall: Option<Rc<Stall>>,
    /// Length of the piece that was handed over last.
    handed_over: usize,
}

#[derive(Debug)]
enum Source {
    Text(Bytes),
    /// In a box, as an answer is moved some twenty times before its first byte goes out.
    Endpoint(Box<(EndpointBody, Guards)>),
}

/// Guards are what a request holds for as long as its answer lasts.
#[derive(Debug)]
pub(super) struct Guards {
    pub(super) in_flight: InFlight,
    /// Its place in the pool ends when it is dropped.
    pub(super) _permit: Permit,
    pub(super) timer: Timer,
    pub(super) deadline: Option<Millis>,
    pub(super) idle_timeout: Option<Duration>,
    /// Bytes either way when the idle timeout began.
    pub(super) seen: Option<u64>,
    /// Whether the answer can end with a status of gRPC.
    pub(super) is_grpc: bool,
}

/// Cut is the end of an answer that cannot be completed.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off: {0}")]
pub(super) struct Cut(Reason);

impl AnswerBody {
    fn new(source: Source, record: Option<Record>) -> Self {
        Self { source, record, stall: None, handed_over: 0 }
    }

    /// Watches whether the client takes it.
    pub(super) fn watch(&mut self, stall: Option<Rc<Stall>>) {
        self.stall = stall;
    }

    pub(super) fn text(text: Bytes, mut record: Record) -> Self {
        record.response_bytes = text.len() as u64;
        Self::new(Source::Text(text), Some(record))
    }

    /// No body, for an answer whose record is kept elsewhere.
    pub(super) fn nothing() -> Self {
        Self::unrecorded(Bytes::new())
    }

    /// A text that most likely nobody reads, of a request that has ended.
    pub(super) fn unrecorded(text: Bytes) -> Self {
        Self::new(Source::Text(text), None)
    }

    pub(super) fn endpoint(body: EndpointBody, guards: Guards, record: Record) -> Self {
        Self::new(Source::Endpoint(Box::new((body, guards))), Some(record))
    }
}

impl Guards {
    /// Checks the deadlines while nothing comes; `moved` grows with every byte.
    fn check(&mut self, context: &Context<'_>, moved: u64) -> Result<(), Reason> {
        if self.seen.is_none() {
            // The first time that the client waits for the endpoint.
            self.rearm(moved, clock::now());
        }
        while self.timer.poll_due(context).is_ready() {
            let now = clock::now();
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                return Err(Reason::RequestTimeout);
            }
            if self.seen == Some(moved) {
                return Err(Reason::IdleTimeout);
            }
            self.rearm(moved, now);
        }
        Ok(())
    }

    fn rearm(&mut self, moved: u64, now: Millis) {
        self.seen = Some(moved);
        let idle = self.idle_timeout.map(|timeout| now.plus(timeout));
        self.timer.set(match (self.deadline, idle) {
            (Some(deadline), Some(idle)) => Some(deadline.min(idle)),
            (deadline, idle) => deadline.or(idle),
        });
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let Self { source, record, stall, handed_over } = self.get_mut();
        if let Some(stall) = stall {
            stall.went_out(*handed_over);
        }
        let (body, guards, record) = match (&mut *source, record) {
            (Source::Text(text), _) if !text.is_empty() => {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(text)))));
            }
            (Source::Endpoint(endpoint), Some(record)) => {
                let (body, guards) = &mut **endpoint;
                (body, guards, record)
            }
            _ => return Poll::Ready(None),
        };
        let reason = match Pin::new(&mut *body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                record.response_bytes += length as u64;
                if let Some(stall) = stall {
                    *handed_over = length;
                    stall.handed_over();
                }
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Err(ExchangeError::RequestBody(reason)))) => {
                reason.unwrap_or(Reason::ClientGone)
            }
            Poll::Ready(Some(Err(error))) => {
                let outcome = match error {
                    ExchangeError::Protocol | ExchangeError::Flood => Outcome::ProtocolError,
                    _ => Outcome::Reset,
                };
                guards.in_flight.endpoint().report(outcome, clock::now());
                Reason::UpstreamBodyError
            }
            Poll::Pending => {
                match guards.check(context, record.response_bytes + body.request_bytes()) {
                    Ok(()) => return Poll::Pending,
                    Err(reason) => reason,
                }
            }
        };
        record.reason = Some(reason);
        if !guards.is_grpc || reason == Reason::ClientGone {
            return Poll::Ready(Some(Err(Cut(reason))));
        }
        // A client of gRPC learns why. What it holds of the endpoint ends here.
        record.request_bytes = record.request_bytes.max(body.request_bytes());
        *source = Source::Text(Bytes::new());
        Poll::Ready(Some(Ok(Frame::trailers(grpc::trailers(reason)))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Text(text) => text.is_empty(),
            Source::Endpoint(endpoint) => endpoint.0.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Text(text) => SizeHint::with_exact(text.len() as u64),
            Source::Endpoint(endpoint) => endpoint.0.size_hint(),
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        let is_over = self.is_end_stream();
        let Some(record) = &mut self.record else { return };
        if self.stall.as_ref().is_some_and(|stall| stall.is_over()) {
            record.reason = Some(Reason::SlowReader);
        }
        // hyper does not ask again after the last piece.
        if is_over {
            record.complete();
        }
        if let Source::Endpoint(endpoint) = &self.source {
            record.request_bytes = record.request_bytes.max(endpoint.0.request_bytes());
        }
    }
}
