//! The body of a request, whichever codec reads it from the client, and its bounds.

use std::cell::Cell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::http1;
use super::kept::Kept;
use super::pace::{Pace, Progress};
use super::wheel::Timer;
use crate::metrics::Reason;
use crate::upstream::clock;

/// ClientBody is the body of a request on its way from the client.
#[derive(Debug)]
pub(super) struct ClientBody {
    source: Source,
    /// How many more bytes it may have.
    room: u64,
    /// The least rate, where there is one.
    progress: Option<Progress>,
    /// Of a client that was waited for; in a box, since most bodies are there at once.
    waited: Option<Box<Waited>>,
    /// What was taken of it, where it may be sent again.
    kept: Option<Kept>,
}

#[derive(Debug)]
enum Source {
    Hyper(Incoming),
    Own(http1::Body),
    /// Nothing more comes: an endpoint took it all.
    Ended,
}

#[derive(Debug)]
struct Waited {
    pace: Pace,
    timer: Timer,
}

/// BodyError says why a body cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// Hyper says so.
    #[error(transparent)]
    Hyper(#[from] hyper::Error),
    /// Our own codec says so.
    #[error(transparent)]
    Own(#[from] http1::BodyError),
    /// It is longer than it may be.
    #[error("the request body is too large")]
    TooLarge,
    /// The client sends it slower than it may.
    #[error("the request body came too slowly")]
    TooSlow,
}

impl BodyError {
    /// Returns the reason that the client gets, of an error that may be one of these.
    pub(super) fn reason(error: &(dyn Error + 'static)) -> Option<Reason> {
        match error.downcast_ref() {
            Some(Self::TooLarge) => Some(Reason::BodyTooLarge),
            Some(Self::TooSlow) => Some(Reason::BodyTimeout),
            Some(Self::Own(http1::BodyError::Broken | http1::BodyError::Io(_))) => {
                Some(Reason::ClientGone)
            }
            Some(Self::Hyper(error)) if is_left(error) => Some(Reason::ClientGone),
            _ => None,
        }
    }
}

/// Returns whether a client left, or took its request back, instead of sending something wrong.
fn is_left(error: &hyper::Error) -> bool {
    match error.source().and_then(|cause| cause.downcast_ref::<h2::Error>()) {
        Some(cause) => cause.is_io() || cause.is_remote(),
        None => error.is_incomplete_message() || error.is_closed() || error.is_canceled(),
    }
}

impl ClientBody {
    /// A body that hyper reads.
    pub(super) fn hyper(body: Incoming) -> Self {
        Self::new(Source::Hyper(body))
    }

    /// A body that our own codec reads.
    pub(super) fn own(body: http1::Body) -> Self {
        Self::new(Source::Own(body))
    }

    /// A body to be sent again: what was kept, then what is left of it, which keeps its bounds.
    /// Nothing where some of it is lost.
    pub(super) fn again(kept: &Kept, rest: Option<Self>) -> Option<Self> {
        let ended = || Self { kept: Some(kept.clone()), ..Self::new(Source::Ended) };
        kept.rewind().then(|| rest.unwrap_or_else(ended))
    }

    fn new(source: Source) -> Self {
        Self { source, room: u64::MAX, progress: None, waited: None, kept: None }
    }

    /// Sets its bounds.
    ///
    /// # Errors
    /// Where it is known already that it is longer.
    pub(super) fn bound(
        &mut self,
        most: Option<u64>,
        progress: Option<Progress>,
    ) -> Result<(), Reason> {
        self.room = most.unwrap_or(u64::MAX);
        self.progress = progress;
        let is_larger = self.size_hint().exact().is_some_and(|length| length > self.room);
        if is_larger { Err(Reason::BodyTooLarge) } else { Ok(()) }
    }

    /// Lets it be idle: an endpoint that answers before the end of the body converses.
    pub(super) fn allow_idle(&mut self) {
        (self.progress, self.waited) = (None, None);
    }

    /// Keeps nothing of what is taken of it from now on.
    pub(super) fn keep_no_more(&self) {
        if let Some(kept) = &self.kept {
            kept.give_up();
        }
    }

    /// Keeps what is taken of it from now on, where it is not too long; `total` counts the bytes.
    pub(super) fn keep(&mut self, length: Option<u64>, total: &Rc<Cell<usize>>) -> Option<Kept> {
        if self.kept.is_none() {
            self.kept = Kept::begin(length, total);
        }
        self.kept.clone()
    }

    fn poll_kept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.kept.take() {
            None => self.poll_client(context),
            Some(kept) => {
                let polled = kept.poll(|| self.poll_client(context));
                self.kept = Some(kept);
                polled
            }
        }
    }

    /// Asks the client, and holds it to the bounds.
    fn poll_client(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.poll_source(context) {
            Poll::Pending if self.is_too_slow(context) => {
                Poll::Ready(Some(Err(BodyError::TooSlow)))
            }
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(self.came(length).map(|()| frame)))
            }
            polled => polled,
        }
    }

    fn poll_source(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.source {
            Source::Hyper(body) => {
                Pin::new(body).poll_frame(context).map(|frame| frame.map(|f| f.map_err(Into::into)))
            }
            Source::Own(body) => {
                Pin::new(body).poll_frame(context).map(|frame| frame.map(|f| f.map_err(Into::into)))
            }
            Source::Ended => Poll::Ready(None),
        }
    }

    /// Whether the client, which owes the next byte, is too slow.
    fn is_too_slow(&mut self, context: &Context<'_>) -> bool {
        let Some(progress) = self.progress else { return false };
        let waited = self
            .waited
            .get_or_insert_with(|| Box::new(Waited { pace: Pace::default(), timer: Timer::new() }));
        if waited.pace.begin(clock::now()) {
            waited.timer.set(waited.pace.deadline(progress));
        }
        waited.timer.poll_due(context).is_ready() && waited.pace.is_over(clock::now(), progress)
    }

    fn came(&mut self, length: usize) -> Result<(), BodyError> {
        if let (Some(waited), Some(progress)) = (&mut self.waited, self.progress) {
            waited.pace.moved(clock::now(), length, progress);
        }
        self.room = self.room.checked_sub(length as u64).ok_or(BodyError::TooLarge)?;
        Ok(())
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.get_mut().poll_kept(context)
    }

    fn is_end_stream(&self) -> bool {
        let is_handed = self.kept.as_ref().is_none_or(|kept| kept.ahead() == 0);
        is_handed
            && match &self.source {
                Source::Hyper(body) => body.is_end_stream(),
                Source::Own(body) => body.is_end_stream(),
                Source::Ended => true,
            }
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.kept.as_ref().map_or(0, Kept::ahead) as u64;
        let rest = match &self.source {
            Source::Hyper(body) => body.size_hint(),
            Source::Own(body) => body.size_hint(),
            Source::Ended => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
    }
}
