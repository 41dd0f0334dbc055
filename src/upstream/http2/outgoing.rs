//! Sends the body of a request, as the endpoint takes it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;
use http::HeaderMap;
use http_body::Frame;
use smallvec::SmallVec;

use super::Error;
use crate::upstream::http1::is_forbidden;

/// Most bytes and pieces of a body that are kept for another try, for an endpoint that says that it
/// processed nothing of them.
const KEPT_BYTES: usize = 16 * 1024;
const KEPT_PIECES: usize = 4;

/// Outgoing is the body of a request on its way out.
#[derive(Debug)]
pub(super) struct Outgoing<B> {
    /// Nothing once it has ended.
    stream: Option<SendStream<Bytes>>,
    body: Option<B>,
    /// What the endpoint has no room for yet.
    piece: Bytes,
    /// Bytes that the head promised and that have not come.
    owed: Option<u64>,
    length: Option<u64>,
    taken: u64,
    /// The body so far, where it is short. Nothing where it is not.
    kept: Option<SmallVec<[Bytes; KEPT_PIECES]>>,
    kept_trailers: Option<HeaderMap>,
    is_held: bool,
}

/// Again is a body that can be sent once more: what was taken of it, then the rest.
#[derive(Debug)]
pub struct Again<B> {
    pub(super) pieces: SmallVec<[Bytes; KEPT_PIECES]>,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) rest: Option<B>,
}

impl<B> Outgoing<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Starts with a body and its length. A held body is not asked for before `release`.
    pub(super) fn new(
        stream: Option<SendStream<Bytes>>,
        body: Option<(B, Option<u64>)>,
        is_held: bool,
    ) -> Self {
        let (body, length) = body.map_or((None, None), |(body, length)| (Some(body), length));
        Self {
            stream: stream.filter(|_| body.is_some()),
            body,
            piece: Bytes::new(),
            owed: length,
            length,
            taken: 0,
            kept: Some(SmallVec::new()),
            kept_trailers: None,
            is_held,
        }
    }

    /// Lets a held body go.
    pub(super) fn release(&mut self) {
        self.is_held = false;
    }

    /// Bytes of the body that were taken from the client.
    pub(super) fn body_bytes(&self) -> u64 {
        self.taken
    }

    /// Returns what is left of the body.
    pub(super) fn body(&mut self) -> Option<&mut B> {
        self.body.as_mut()
    }

    /// Whether all that was taken from the client is still there.
    pub(super) fn is_whole(&self) -> bool {
        self.kept.is_some()
    }

    /// Whether the client owes the next byte.
    pub(super) fn waits_for_client(&self) -> bool {
        self.stream.is_some() && self.piece.is_empty() && !self.is_held
    }

    /// Whether nothing is left to send.
    pub(super) fn is_sent(&self) -> bool {
        self.stream.is_none()
    }

    /// Sends no more: the endpoint takes none.
    pub(super) fn stop(&mut self) {
        self.stream = None;
    }

    /// Gives back what another try needs, where all of it is still there.
    pub(super) fn into_again(self) -> Option<(Again<B>, Option<u64>)> {
        let again = Again { pieces: self.kept?, trailers: self.kept_trailers, rest: self.body };
        Some((again, self.length))
    }

    /// Sends as much as the endpoint takes. Ready when the whole body is sent.
    ///
    /// # Errors
    /// [`Error::RequestBody`] where the client's body fails, else where the endpoint takes no more.
    pub(super) fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(())) };
            if !self.piece.is_empty() {
                stream.reserve_capacity(self.piece.len());
                let mut room = stream.capacity();
                if room == 0 {
                    room = match ready!(stream.poll_capacity(context)) {
                        Some(room) => room?,
                        None => return Poll::Ready(Err(Error::Closed)),
                    };
                }
                let part = self.piece.split_to(room.min(self.piece.len()));
                let is_last = self.piece.is_empty() && self.owed == Some(0);
                if !part.is_empty() {
                    stream.send_data(part, is_last)?;
                }
                if is_last {
                    self.finish();
                }
                continue;
            }
            let Some(body) = self.body.as_mut().filter(|_| !self.is_held) else {
                return Poll::Pending;
            };
            match ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.take(data)?,
                    Err(frame) => self.end(frame.into_trailers().ok())?,
                },
                None => self.end(None)?,
                Some(Err(error)) => {
                    return Poll::Ready(Err(Error::RequestBody(error.into())));
                }
            }
        }
    }

    fn take(&mut self, data: Bytes) -> Result<(), Error> {
        let length = data.len() as u64;
        self.taken += length;
        if let Some(owed) = &mut self.owed {
            *owed = owed.checked_sub(length).ok_or_else(|| wrong_length("longer"))?;
        }
        if self.taken > KEPT_BYTES as u64 {
            self.kept = None;
        }
        if let Some(kept) = self.kept.take_if(|_| !data.is_empty())
            && kept.len() < KEPT_PIECES
        {
            let mut kept = kept;
            kept.push(data.clone());
            self.kept = Some(kept);
        }
        self.piece = data;
        Ok(())
    }

    /// Ends the body; trailers that frame or route a message are left out.
    fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), Error> {
        if self.owed.is_some_and(|owed| owed > 0) {
            return Err(wrong_length("shorter"));
        }
        let trailers = trailers.map(clean_trailers).filter(|trailers| !trailers.is_empty());
        self.kept_trailers.clone_from(&trailers);
        let Some(stream) = &mut self.stream else { return Ok(()) };
        match trailers {
            Some(trailers) => stream.send_trailers(trailers)?,
            None => stream.send_data(Bytes::new(), true)?,
        }
        self.finish();
        Ok(())
    }

    fn finish(&mut self) {
        self.stream = None;
        self.body = None;
    }
}

/// Takes off trailers that must not be there. Source: RFC 9110 §6.5.1.
pub(super) fn clean_trailers(mut trailers: HeaderMap) -> HeaderMap {
    let forbidden: Vec<_> = trailers.keys().filter(|name| is_forbidden(name)).cloned().collect();
    for name in forbidden {
        trailers.remove(name);
    }
    trailers
}

fn wrong_length(how: &str) -> Error {
    Error::RequestBody(format!("the body is {how} than its Content-Length").into())
}

impl<B> http_body::Body for Again<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let again = self.get_mut();
        if !again.pieces.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(again.pieces.remove(0)))));
        }
        match &mut again.rest {
            Some(rest) => Pin::new(rest).poll_frame(context),
            None => {
                Poll::Ready(again.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
            && match &self.rest {
                Some(rest) => rest.is_end_stream(),
                None => self.trailers.is_none(),
            }
    }
}

impl<B> Again<B> {
    /// Returns what nothing was taken of yet.
    pub fn rest(&mut self) -> Option<&mut B> {
        self.rest.as_mut()
    }

    /// Returns the body itself where nothing was taken of it, else what `wrap` makes of this.
    pub fn untouched_or(self, wrap: impl FnOnce(Self) -> B) -> B {
        match self.rest {
            Some(rest) if self.pieces.is_empty() => rest,
            rest => wrap(Self { rest, ..self }),
        }
    }
}
