//! A message as Weir's own codecs read it, and as they write it again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;
use weir::upstream::http1::{Chunked, Decoded, Error, Framing, Outgoing, Output};

/// What a message holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

/// What came of a body.
#[derive(Debug, PartialEq)]
pub enum Body {
    /// All of it: content, trailers, bytes that it takes.
    Whole(Vec<u8>, Option<HeaderMap>, usize),
    /// Its beginning.
    Partial,
    /// It breaks a rule.
    Wrong,
}

/// Reads a body whose bytes are all that ever come.
pub fn body(framing: Framing, bytes: &[u8]) -> Body {
    match framing {
        Framing::Empty => Body::Whole(Vec::new(), None, 0),
        Framing::Close => Body::Whole(bytes.to_vec(), None, bytes.len()),
        Framing::Length(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            match bytes.get(..length) {
                Some(body) => Body::Whole(body.to_vec(), None, length),
                None => Body::Partial,
            }
        }
        Framing::Chunked => chunks(&[bytes]),
    }
}

/// Reads chunks that come in pieces.
pub fn chunks(pieces: &[&[u8]]) -> Body {
    let (mut chunked, mut input, mut content) = (Chunked::new(), BytesMut::new(), Vec::new());
    let mut came = 0;
    for piece in pieces {
        input.extend_from_slice(piece);
        came += piece.len();
        loop {
            match chunked.decode(&mut input) {
                Ok(Decoded::Data(data)) => {
                    assert!(!data.is_empty(), "a piece of a body is empty");
                    content.extend_from_slice(&data);
                }
                Ok(Decoded::End(trailers)) => {
                    return Body::Whole(content, trailers, came - input.len());
                }
                Ok(Decoded::Incomplete) => break,
                Err(_) => return Body::Wrong,
            }
        }
    }
    Body::Partial
}

/// Frames is a body made of pieces and trailers.
#[derive(Debug)]
struct Frames(RefCell<VecDeque<Frame<Bytes>>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.borrow_mut().pop_front().map(Ok))
    }
}

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

/// Writes a message with Weir's codec: a head that was encoded, then the body. Without a length the
/// body goes out in chunks, or until the end of the connection.
pub fn written(head: &[u8], message: &Message, length: Option<u64>, closes: bool) -> Vec<u8> {
    let (first, second) = message.body.split_at(message.body.len() / 3);
    let mut frames: VecDeque<_> = [first, second]
        .into_iter()
        .map(|piece| Frame::data(Bytes::copy_from_slice(piece)))
        .collect();
    frames.extend(message.trailers.clone().map(Frame::trailers));
    let body = Frames(RefCell::new(frames));
    let mut outgoing = Outgoing::new(BytesMut::from(head), Some((body, length)), false);
    if closes {
        outgoing = outgoing.until_close();
    }
    let mut sink = Sink(Vec::new());
    let sent = outgoing.poll_send(&mut sink, &mut Context::from_waker(Waker::noop()));
    assert!(matches!(sent, Poll::Ready(Ok(()))), "a whole message is not sent: {sent:?}");
    sink.0
}
