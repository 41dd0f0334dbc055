//! How much of a body is read at once.

use std::cell::Cell;

use bytes::BytesMut;

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
        if buffer.try_reclaim(self.piece) { self.piece } else { SMALL }
    }

    /// Takes note of a read that had room for so much.
    pub fn came(&mut self, count: usize, room: usize) {
        if count >= room && self.piece < LARGE && self.may_grow() {
            self.piece *= 2;
        } else if count < self.piece / 8 {
            self.piece = (self.piece / 2).max(SMALL);
        }
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
