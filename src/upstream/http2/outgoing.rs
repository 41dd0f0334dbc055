//! Sends the body of a request, as the endpoint takes it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;
use http::HeaderMap;

use super::Error;
use crate::upstream::http1::is_forbidden;

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
    taken: u64,
    is_held: bool,
    is_touched: bool,
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
        let (body, owed) = body.map_or((None, None), |(body, length)| (Some(body), length));
        Self {
            stream: stream.filter(|_| body.is_some()),
            body,
            piece: Bytes::new(),
            owed,
            taken: 0,
            is_held,
            is_touched: false,
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

    /// Whether nothing of the body was taken from where it comes, not even its end.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_touched
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

    /// Gives back what is left of the body, and its length.
    pub(super) fn into_rest(self) -> Option<(B, Option<u64>)> {
        Some((self.body?, self.owed))
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
            let polled = ready!(Pin::new(body).poll_frame(context));
            self.is_touched = true;
            match polled {
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
        self.piece = data;
        Ok(())
    }

    /// Ends the body; trailers that frame or route a message are left out.
    fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), Error> {
        if self.owed.is_some_and(|owed| owed > 0) {
            return Err(wrong_length("shorter"));
        }
        let trailers = trailers.map(clean_trailers).filter(|trailers| !trailers.is_empty());
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
