//! Sends a message: its head, then its body as it comes.

use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;

use super::Error;
use super::chunked::is_forbidden;

/// Most bytes of small frames that are gathered into one write.
const GATHERED: usize = 16 * 1024;

/// Output is what a message is written to.
pub trait Output {
    /// Writes some of the parts; never ready with 0.
    ///
    /// # Errors
    /// Where nothing can be written any more.
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>>;

    /// Passes on what the output itself keeps, as TLS does. Where it keeps nothing, or whoever owns
    /// it sees to that, there is nothing to do.
    ///
    /// # Errors
    /// Where nothing can be written any more.
    fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}

/// Outgoing is a message on its way out: a request to an endpoint, or an answer to a client.
#[derive(Debug)]
pub struct Outgoing<B> {
    /// The encoded head, then small frames of the body.
    buffer: BytesMut,
    written: usize,
    head: usize,
    /// A large piece of the body, behind the buffer.
    piece: Bytes,
    body: Option<B>,
    is_chunked: bool,
    sends_trailers: bool,
    /// Bytes of the body that the head promised and that have not come.
    owed: Option<u64>,
    is_held: bool,
    is_touched: bool,
    sent_body: u64,
    is_begun: bool,
}

impl<B> Outgoing<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Starts with an encoded head. Without a length the body goes out in chunks. A held body is
    /// not asked for before `release`.
    pub fn new(head: BytesMut, body: Option<(B, Option<u64>)>, is_held: bool) -> Self {
        let (body, owed) = body.map_or((None, Some(0)), |(body, length)| (Some(body), length));
        Self {
            written: 0,
            head: head.len(),
            buffer: head,
            piece: Bytes::new(),
            is_chunked: body.is_some() && owed.is_none(),
            sends_trailers: true,
            body,
            owed,
            is_held,
            is_touched: false,
            sent_body: 0,
            is_begun: false,
        }
    }

    /// Ends the body of an unknown length with the connection, not with a last chunk.
    #[must_use]
    pub fn until_close(self) -> Self {
        Self { is_chunked: false, ..self }
    }

    /// Leaves trailers out, for a receiver that did not ask for them. Source: RFC 9110 §6.5.1.
    #[must_use]
    pub fn without_trailers(self) -> Self {
        Self { sends_trailers: false, ..self }
    }

    /// Lets a held body go.
    pub fn release(&mut self) {
        self.is_held = false;
    }

    /// Bytes of the body that were taken from the client.
    pub fn body_bytes(&self) -> u64 {
        self.sent_body
    }

    /// Whether a byte reached the socket.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Whether nothing of the body was taken from where it comes, not even its end.
    pub fn is_whole(&self) -> bool {
        !self.is_touched
    }

    /// Returns what is left of the body.
    pub fn body(&mut self) -> Option<&mut B> {
        self.body.as_mut()
    }

    /// Whether the body owes the next byte.
    pub fn waits_for_client(&self) -> bool {
        self.is_flushed() && self.body.is_some() && !self.is_held
    }

    /// Gives back what another try needs: the head, but none once some of the body was read, what is
    /// left of the body, and whether that is all of it.
    pub fn into_unsent(mut self) -> (BytesMut, Option<(B, Option<u64>)>, bool) {
        self.buffer.truncate(if self.is_touched { 0 } else { self.head });
        let length = if self.is_chunked { None } else { self.owed };
        let body = self.body.take().map(|body| (body, length));
        (self.buffer, body, !self.is_touched)
    }

    /// Sends as much as goes. Ready when the whole request is sent; pending while the socket is
    /// full, the client has nothing, or the body is held.
    pub fn poll_send(
        &mut self,
        output: &mut impl Output,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        loop {
            let more = self.gather(context)?;
            let unsent = self.buffer.get(self.written..).unwrap_or_default();
            if unsent.is_empty() && self.piece.is_empty() {
                ready!(output.poll_flush(context))?;
                return if self.body.is_none() { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            let parts = [IoSlice::new(unsent), IoSlice::new(&self.piece)];
            let count = ready!(output.poll_write(context, &parts))?;
            self.advance(count);
            if !more && self.is_flushed() && self.body.is_some() {
                ready!(output.poll_flush(context))?;
                return Poll::Pending;
            }
        }
    }

    fn is_flushed(&self) -> bool {
        self.written == self.buffer.len() && self.piece.is_empty()
    }

    fn advance(&mut self, count: usize) {
        self.is_begun |= count > 0;
        let small = count.min(self.buffer.len() - self.written);
        self.written += small;
        // The head stays for another try until something of the body was read.
        if self.is_touched && self.written == self.buffer.len() {
            self.written = 0;
            self.buffer.clear();
        }
        if count > small {
            self.piece.advance(count - small);
            if self.piece.is_empty() {
                // An empty piece would hold on to memory that the next read can use again.
                self.piece = Bytes::new();
                if self.is_chunked {
                    self.buffer.extend_from_slice(b"\r\n");
                }
            }
        }
    }

    /// Takes from the client what is there. Returns whether more may be there at once.
    fn gather(&mut self, context: &mut Context<'_>) -> Result<bool, Error> {
        while self.piece.is_empty() && self.buffer.len() - self.written < GATHERED {
            let Some(body) = self.body.as_mut().filter(|_| !self.is_held) else {
                return Ok(false);
            };
            let polled = Pin::new(body).poll_frame(context);
            self.is_touched |= polled.is_ready();
            match polled {
                Poll::Pending => return Ok(false),
                Poll::Ready(Some(Ok(frame))) => {
                    match frame.into_data() {
                        Ok(data) => self.take_data(data)?,
                        Err(frame) => self.finish(frame.into_trailers().ok().as_ref())?,
                    }
                    // A body of known length may end without being asked again.
                    if self.owed == Some(0) {
                        self.finish(None)?;
                    }
                }
                Poll::Ready(None) => self.finish(None)?,
                Poll::Ready(Some(Err(error))) => return Err(Error::RequestBody(error.into())),
            }
        }
        Ok(true)
    }

    fn take_data(&mut self, data: Bytes) -> Result<(), Error> {
        if data.is_empty() {
            return Ok(());
        }
        let length = data.len() as u64;
        self.sent_body += length;
        if let Some(owed) = &mut self.owed {
            *owed = owed.checked_sub(length).ok_or_else(|| wrong_length("longer"))?;
        } else if self.is_chunked {
            let size = format_args!("{:x}\r\n", data.len()).to_string();
            self.buffer.extend_from_slice(size.as_bytes());
        }
        if data.len() <= GATHERED / 4 {
            self.buffer.put_slice(&data);
            if self.is_chunked {
                self.buffer.extend_from_slice(b"\r\n");
            }
        } else {
            self.piece = data;
        }
        Ok(())
    }

    fn finish(&mut self, trailers: Option<&HeaderMap>) -> Result<(), Error> {
        if self.body.take().is_none() {
            return Ok(());
        }
        if self.owed.is_some_and(|owed| owed > 0) {
            return Err(wrong_length("shorter"));
        }
        if self.is_chunked {
            self.buffer.extend_from_slice(b"0\r\n");
            let trailers = trailers.filter(|_| self.sends_trailers).into_iter().flatten();
            for (name, value) in trailers.filter(|(name, _)| !is_forbidden(name)) {
                self.buffer.extend_from_slice(name.as_ref());
                self.buffer.extend_from_slice(b": ");
                self.buffer.extend_from_slice(value.as_bytes());
                self.buffer.extend_from_slice(b"\r\n");
            }
            self.buffer.extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}

fn wrong_length(how: &str) -> Error {
    Error::RequestBody(format!("the body is {how} than its Content-Length").into())
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http_body_util::Full;

    use super::*;

    struct Sink(Vec<u8>);

    impl Output for Sink {
        fn poll_write(
            &mut self,
            _: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<Result<usize, Error>> {
            for part in parts {
                self.0.extend_from_slice(part);
            }
            Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
        }
    }

    /// Only chunks have sizes: a client of HTTP/1.0 gets a body of unknown length as it is.
    #[test]
    fn a_body_is_framed_as_its_head_says() {
        for (length, closes, expected) in [
            (Some(5), false, "hello"),
            (None, false, "5\r\nhello\r\n0\r\n\r\n"),
            (None, true, "hello"),
        ] {
            let body = Some((Full::new(Bytes::from_static(b"hello")), length));
            let mut outgoing = Outgoing::new(BytesMut::new(), body, false);
            if closes {
                outgoing = outgoing.until_close();
            }
            let mut sink = Sink(Vec::new());
            let sent = outgoing.poll_send(&mut sink, &mut Context::from_waker(Waker::noop()));
            assert!(matches!(sent, Poll::Ready(Ok(()))), "{sent:?}");
            assert_eq!(String::from_utf8_lossy(&sink.0), expected, "{length:?} {closes}");
        }
    }
}
