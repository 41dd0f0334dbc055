//! Frames of HTTP/2, counted as the bytes of the other side pass, before anybody works on them: h2
//! bounds what a frame may hold, and a few kinds of them, but not how many come.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clock::Millis;
use crate::metrics::Flood;

/// What a client sends before its first frame. Source: RFC 9113 §3.4.
const PREFACE: u32 = 24;

/// Thousandths of a frame that each byte pays for.
pub const PAID_BY_BYTE: u64 = 125;

/// A frame, in the unit of budgets.
pub const FRAME: u64 = 1000;

/// How many seconds' worth may come at once.
const BURST: u64 = 10;

/// The error of a stream that ended because of too many frames; nothing else makes one of this kind.
pub const FLOODED: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// Ledger keeps count of the frames of a connection.
pub trait Ledger {
    /// Takes note that something came, or the end.
    fn heard(&mut self);

    /// Counts a frame that came. Returns whether it may be worked on.
    fn came(&mut self, frame: Frame) -> bool;

    /// Counts bytes that went out.
    fn went(&mut self, bytes: usize);

    /// Counts a frame whose head went out.
    fn sent(&mut self, frame: Frame);

    /// The last stream that the other side opened.
    fn last_stream(&self) -> u32;
}

/// Frames is a stream that ends, with GOAWAY, where more frames without use come than its ledger
/// allows. Source: RFC 9113 §10.5.
#[derive(Debug)]
pub struct Frames<S, L> {
    stream: S,
    incoming: Reader,
    outgoing: Reader,
    ledger: L,
    is_over: bool,
}

impl<S, L: Ledger> Frames<S, L> {
    /// Begins on a client's stream, with what was read already.
    pub fn of_client(stream: S, first: &[u8], ledger: L) -> Self {
        let incoming = Reader { left: PREFACE, ..Reader::default() };
        let mut frames =
            Self { stream, incoming, outgoing: Reader::default(), ledger, is_over: false };
        frames.came(first);
        frames
    }

    /// Begins on a stream to an endpoint.
    pub fn of_endpoint(stream: S, ledger: L) -> Self {
        let outgoing = Reader { left: PREFACE, ..Reader::default() };
        Self { stream, incoming: Reader::default(), outgoing, ledger, is_over: false }
    }

    fn came(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.incoming.next(&mut bytes) {
            if !self.ledger.came(frame) {
                self.is_over = true;
                return;
            }
        }
    }

    fn went(&mut self, mut bytes: &[u8]) {
        self.ledger.went(bytes.len());
        while let Some(frame) = self.outgoing.next(&mut bytes) {
            self.ledger.sent(frame);
        }
    }
}

impl<S: AsyncWrite + Unpin, L: Ledger> Frames<S, L> {
    /// Says why the connection ends, where no frame is half written and the other side takes it at
    /// once.
    fn say_goodbye(&mut self, context: &mut Context<'_>) {
        if self.outgoing.is_between() {
            let mut goodbye = [0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, CALM];
            let last = self.ledger.last_stream().to_be_bytes();
            goodbye.iter_mut().skip(9).zip(last).for_each(|(to, byte)| *to = byte);
            if Pin::new(&mut self.stream).poll_write(context, &goodbye).is_ready() {
                let _ = Pin::new(&mut self.stream).poll_flush(context);
            }
        }
    }
}

impl<S, L> AsyncRead for Frames<S, L>
where
    S: AsyncRead + AsyncWrite + Unpin,
    L: Ledger + Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let frames = &mut *self;
        if !frames.is_over {
            let before = out.filled().len();
            let polled = ready!(Pin::new(&mut frames.stream).poll_read(context, out));
            frames.ledger.heard();
            polled?;
            frames.came(out.filled().get(before..).unwrap_or_default());
        }
        if frames.is_over {
            frames.say_goodbye(context);
            return Poll::Ready(Err(FLOODED.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S, L> AsyncWrite for Frames<S, L>
where
    S: AsyncWrite + Unpin,
    L: Ledger + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.went(bytes.get(..count).unwrap_or_default());
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, parts))?;
        let mut left = count;
        for part in parts {
            let taken = left.min(part.len());
            self.went(part.get(..taken).unwrap_or_default());
            left -= taken;
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

// Source: RFC 9113 §6.
/// DATA.
pub const DATA: u8 = 0;
/// HEADERS.
pub const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// The first bit of flags: ACK, and END_STREAM of DATA.
const FIRST_FLAG: u8 = 1;
/// ENHANCE_YOUR_CALM. Source: RFC 9113 §7.
const CALM: u8 = 11;

/// Frame is the head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Bytes behind the head.
    pub length: u32,
    /// Type.
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// Stream; 0 is the connection.
    pub stream: u32,
}

impl Frame {
    fn parse(head: [u8; 9]) -> Self {
        let [high, middle, low, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        Self { length, kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff }
    }

    /// Returns what a frame is counted as; nothing where it brings something, or h2 bounds it.
    pub fn flood(self) -> Option<Flood> {
        match self.kind {
            HEADERS | CONTINUATION => None,
            DATA if self.length > 0 || self.flags & FIRST_FLAG != 0 => None,
            DATA => Some(Flood::EmptyData),
            PRIORITY => Some(Flood::Priority),
            RST_STREAM => Some(Flood::Reset),
            SETTINGS => Some(Flood::Settings),
            PING => Some(Flood::Ping),
            WINDOW_UPDATE => Some(Flood::WindowUpdate),
            _ => Some(Flood::Other),
        }
    }

    /// Returns how many bytes the frame is answered with by whoever reads it.
    pub fn answer_bytes(self) -> u64 {
        match self.kind {
            SETTINGS if self.flags & FIRST_FLAG == 0 => 9,
            PING if self.flags & FIRST_FLAG == 0 => 17,
            _ => 0,
        }
    }
}

/// Reader finds the heads of frames in a stream of bytes, however it is cut.
#[derive(Clone, Copy, Debug, Default)]
struct Reader {
    head: [u8; 9],
    have: usize,
    /// Bytes until the next head.
    left: u32,
}

impl Reader {
    /// Whether the last frame is whole and no other has begun.
    fn is_between(&self) -> bool {
        self.left == 0 && self.have == 0
    }

    /// Takes bytes up to the next head that is whole.
    fn next(&mut self, bytes: &mut &[u8]) -> Option<Frame> {
        let skipped = bytes.len().min(self.left as usize);
        self.left -= u32::try_from(skipped).unwrap_or(self.left);
        *bytes = bytes.get(skipped..).unwrap_or_default();
        let mut taken = 0;
        for (to, byte) in self.head.iter_mut().skip(self.have).zip(*bytes) {
            *to = *byte;
            taken += 1;
        }
        *bytes = bytes.get(taken..).unwrap_or_default();
        self.have += taken;
        if self.have < self.head.len() {
            return None;
        }
        let frame = Frame::parse(self.head);
        (self.have, self.left) = (0, frame.length);
        Some(frame)
    }
}

/// Budget is how many frames may still come: so many in a second and at most ten seconds' worth, and
/// those that were paid for.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    rate: u64,
    /// Most that is kept.
    most: u64,
    left: u64,
    at: Millis,
}

impl Budget {
    /// Makes one of so many frames in a second; of what is paid for it keeps no more than of these.
    pub fn new(rate: u32) -> Self {
        Self::keeping(rate, 0)
    }

    /// Makes one that keeps up to so many frames that were paid for.
    pub fn keeping(rate: u32, kept: u32) -> Self {
        let rate = u64::from(rate);
        let left = rate * BURST * FRAME;
        Self { rate, most: left.max(u64::from(kept) * FRAME), left, at: Millis::default() }
    }

    /// Pays for thousandths of frames.
    pub fn pay(&mut self, more: u64) {
        self.left = self.left.saturating_add(more).min(self.most);
    }

    /// Takes thousandths of a frame. Returns whether there was as much.
    pub fn take(&mut self, cost: u64, now: Millis) -> bool {
        // Thousandths, as milliseconds are.
        let passed = now.0.saturating_sub(self.at.0);
        self.at = now;
        let by_time = passed.saturating_mul(self.rate);
        let burst = self.rate * BURST * FRAME;
        self.left = self.left.max(self.left.saturating_add(by_time).min(burst));
        let left = self.left.checked_sub(cost);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
