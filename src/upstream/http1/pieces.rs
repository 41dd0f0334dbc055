//! How much of a body is read at once.

use std::cell::Cell;

use bytes::BytesMut;

use super::spare;

/// First and least piece.
const SMALL: usize = 16 * 1024;
/// Largest piece.
const LARGE: usize = 256 * 1024;
/// Most bodies of a thread that may use more than the least piece at once.
const LARGE_BODIES: usize = 128;

thread_local! {
    static LARGE_IN_USE: Cell<usize> = const { Cell::new(0) };
}

/// Pieces grow while the reader keeps up, and shrink when little comes.
#[derive(Debug)]
pub struct Pieces {
    piece: usize,
    is_large: bool,
}

impl Pieces {
    /// Begins with the least piece.
    #[allow(clippy::new_without_default, reason = "nobody asks for a default")]
    pub fn new() -> Self {
        Self { piece: SMALL, is_large: false }
    }

    /// Returns how much the next read should make room for.
    pub fn room(&self, buffer: &mut BytesMut) -> usize {
        let spare = buffer.capacity() - buffer.len();
        if spare >= self.piece / 2 {
            return spare;
        }
        // Memory that comes back is memory that the reader has taken.
        if buffer.try_reclaim(self.piece) {
            return self.piece;
        }
        let spare = buffer.capacity() - buffer.len();
        if spare >= SMALL {
            return spare;
        }
        // It came back too, but from before the piece grew.
        if buffer.try_reclaim(SMALL) { self.piece } else { SMALL }
    }

    /// Takes note of a read that had room for so much.
    pub fn came(&mut self, count: usize, room: usize) {
        if count >= room && self.piece < LARGE && self.may_grow() {
            self.piece *= 2;
        } else if count < self.piece / 8 {
            self.piece = (self.piece / 2).max(SMALL);
        }
    }

    /// Takes the buffer back at the end of a body, unless it may have grown to what no head needs.
    pub fn keep(&mut self, buffer: BytesMut) {
        if !self.is_large {
            spare::keep_buffer(buffer);
        }
        *self = Self::new();
    }

    fn may_grow(&mut self) -> bool {
        if !self.is_large {
            self.is_large = LARGE_IN_USE.with(|used| {
                let free = used.get() < LARGE_BODIES;
                used.set(used.get() + usize::from(free));
                free
            });
        }
        self.is_large
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if self.is_large {
            let _ = LARGE_IN_USE.try_with(|used| used.set(used.get().saturating_sub(1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::IoSlice;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use bytes::Bytes;
    use http_body::Frame;

    use super::super::{Error, Outgoing, Output};
    use super::*;

    /// Reads as much as there is room for, as from a socket that always has more.
    fn read(pieces: &mut Pieces, buffer: &mut BytesMut) -> Bytes {
        let room = pieces.room(buffer);
        buffer.reserve(room.saturating_sub(buffer.capacity() - buffer.len()));
        buffer.resize(buffer.len() + room, b'x');
        pieces.came(room, room);
        buffer.split().freeze()
    }

    #[test]
    fn grows_while_the_reader_keeps_up() {
        let (mut pieces, mut buffer) = (Pieces::new(), BytesMut::new());
        let lengths: Vec<_> = (0..8).map(|_| read(&mut pieces, &mut buffer).len() >> 10).collect();
        assert_eq!(lengths, [16, 32, 64, 128, 256, 256, 256, 256]);
    }

    /// A body that reads as an endpoint's does, eight times.
    struct Reader(Pieces, BytesMut, Vec<usize>);

    impl http_body::Body for Reader {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let Self(pieces, buffer, lengths) = self.get_mut();
            if lengths.len() == 8 {
                return Poll::Pending;
            }
            let data = read(pieces, buffer);
            lengths.push(data.len() >> 10);
            Poll::Ready(Some(Ok(Frame::data(data))))
        }
    }

    /// A socket that takes all but the last byte of a write.
    struct Socket;

    impl Output for Socket {
        fn poll_write(
            &mut self,
            _context: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<Result<usize, Error>> {
            let length: usize = parts.iter().map(|part| part.len()).sum();
            Poll::Ready(Ok((length - 1).max(1)))
        }
    }

    #[test]
    fn grows_while_a_message_is_sent() {
        for length in [None, Some(1 << 30)] {
            let body = Reader(Pieces::new(), BytesMut::new(), Vec::new());
            let mut outgoing = Outgoing::new(BytesMut::from("head"), Some((body, length)), false);
            let mut context = Context::from_waker(Waker::noop());
            assert!(outgoing.poll_send(&mut Socket, &mut context).is_pending());
            let lengths = outgoing.body().map(|body| body.2.clone());
            assert_eq!(lengths, Some(vec![16, 32, 64, 128, 256, 256, 256, 256]), "{length:?}");
        }
    }

    #[test]
    fn holds_little_for_a_reader_that_takes_nothing() {
        let (mut pieces, mut buffer) = (Pieces::new(), BytesMut::new());
        let held: Vec<_> = (0..8).map(|_| read(&mut pieces, &mut buffer)).collect();
        assert!(held.iter().all(|piece| piece.len() == SMALL));
        // It catches up, and what it gets is large again.
        drop(held);
        assert_eq!(read(&mut pieces, &mut buffer).len(), LARGE);
    }

    #[test]
    fn leaves_nothing_large_behind() {
        let (mut pieces, mut buffer) = (Pieces::new(), BytesMut::new());
        let before = (spare::buffers(), LARGE_IN_USE.get());
        read(&mut pieces, &mut buffer);
        read(&mut pieces, &mut buffer);
        pieces.keep(buffer);
        assert_eq!((spare::buffers(), LARGE_IN_USE.get()), before);
        pieces.keep(BytesMut::with_capacity(spare::BUFFER));
        assert_eq!(spare::buffers(), before.0 + 1);
    }

    #[test]
    fn shrinks_when_little_comes() {
        let (mut pieces, mut buffer) = (Pieces::new(), BytesMut::new());
        for _ in 0..5 {
            read(&mut pieces, &mut buffer);
        }
        for _ in 0..5 {
            pieces.came(1, LARGE);
        }
        assert_eq!(pieces.room(&mut BytesMut::new()), SMALL);
    }
}
