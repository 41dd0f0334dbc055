//! Frames of HTTP/2, counted as a client's bytes pass, before anybody works on them: h2 bounds what a
//! frame may hold, and a few kinds of them, but not how many come.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::options::FrameLimits;
use crate::metrics::{Flood, ListenerStats};
use crate::upstream::clock::{self, Millis};

/// What a client sends before its first frame. Source: RFC 9113 §3.4.
const PREFACE: u32 = 24;

/// Thousandths of a frame that each byte to the client pays for: who takes an answer opens windows and
/// measures the way, as grpc-go does with a PING a round trip.
const PAID_BY_BYTE: u64 = 125;

/// A frame, in the unit of budgets.
const FRAME: u64 = 1000;

/// How many seconds' worth may come at once.
const BURST: u64 = 10;

/// Frames is a client's stream that ends, with GOAWAY, where more frames without use come than the
/// limits allow. Source: RFC 9113 §10.5.
#[derive(Debug)]
pub(super) struct Frames<S> {
    stream: S,
    incoming: Reader,
    outgoing: Reader,
    control: Budget,
    resets: Budget,
    /// The last stream that the client opened.
    last: u32,
    is_over: bool,
    stats: Arc<ListenerStats>,
    worker: usize,
}

impl<S> Frames<S> {
    /// Begins with what was read already.
    pub(super) fn new(
        stream: S,
        first: &[u8],
        limits: FrameLimits,
        stats: &Arc<ListenerStats>,
        worker: usize,
    ) -> Self {
        let mut frames = Self {
            stream,
            incoming: Reader { left: PREFACE, ..Reader::default() },
            outgoing: Reader::default(),
            control: Budget::new(limits.control),
            resets: Budget::new(limits.resets),
            last: 0,
            is_over: false,
            stats: Arc::clone(stats),
            worker,
        };
        frames.came(first);
        frames
    }

    /// Counts what a client sent.
    fn came(&mut self, mut bytes: &[u8]) {
        let mut now = None;
        while let Some(frame) = self.incoming.next(&mut bytes) {
            if frame.kind == HEADERS {
                self.last = self.last.max(frame.stream);
            }
            let Some((flood, cost)) = frame.cost() else { continue };
            let now = *now.get_or_insert_with(clock::now);
            let budget = if flood == Flood::Reset { &mut self.resets } else { &mut self.control };
            if !budget.take(cost, now) {
                self.stats.flood(self.worker, flood);
                self.is_over = true;
                return;
            }
        }
    }

    /// Counts what a client took.
    fn went(&mut self, mut bytes: &[u8]) {
        self.control.add(bytes.len() as u64 * PAID_BY_BYTE);
        while self.outgoing.next(&mut bytes).is_some() {}
    }
}

impl<S: AsyncWrite + Unpin> Frames<S> {
    /// Says why the connection ends, where no frame is half written and the client takes it at once.
    fn say_goodbye(&mut self, context: &mut Context<'_>) {
        if self.outgoing.is_between() {
            let mut goodbye = [0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, CALM];
            let last = self.last.to_be_bytes();
            goodbye.iter_mut().skip(9).zip(last).for_each(|(to, byte)| *to = byte);
            if Pin::new(&mut self.stream).poll_write(context, &goodbye).is_ready() {
                let _ = Pin::new(&mut self.stream).poll_flush(context);
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Frames<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let frames = &mut *self;
        if !frames.is_over {
            let before = out.filled().len();
            ready!(Pin::new(&mut frames.stream).poll_read(context, out))?;
            frames.came(out.filled().get(before..).unwrap_or_default());
        }
        if frames.is_over {
            frames.say_goodbye(context);
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frames<S> {
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
const DATA: u8 = 0;
const HEADERS: u8 = 1;
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
struct Frame {
    length: u32,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn parse(head: [u8; 9]) -> Self {
        let [high, middle, low, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        Self { length, kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff }
    }

    /// Returns what a frame costs; nothing where it brings something, or h2 bounds it.
    fn cost(self) -> Option<(Flood, u64)> {
        // The bytes of the answer that it asks for pay for nothing.
        let answer = |bytes: u64| {
            let is_answer = self.flags & FIRST_FLAG != 0;
            FRAME + if is_answer { 0 } else { bytes * PAID_BY_BYTE }
        };
        match self.kind {
            HEADERS | CONTINUATION => None,
            DATA if self.length > 0 || self.flags & FIRST_FLAG != 0 => None,
            DATA => Some((Flood::EmptyData, FRAME)),
            PRIORITY => Some((Flood::Priority, FRAME)),
            RST_STREAM => Some((Flood::Reset, FRAME)),
            SETTINGS => Some((Flood::Settings, answer(9))),
            PING => Some((Flood::Ping, answer(17))),
            WINDOW_UPDATE => Some((Flood::WindowUpdate, FRAME)),
            _ => Some((Flood::Other, FRAME)),
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

/// Budget is how many frames may still come.
#[derive(Clone, Copy, Debug)]
struct Budget {
    rate: u64,
    left: u64,
    at: Millis,
}

impl Budget {
    fn new(rate: u32) -> Self {
        let rate = u64::from(rate);
        Self { rate, left: rate * BURST * FRAME, at: Millis::default() }
    }

    fn add(&mut self, more: u64) {
        self.left = self.left.saturating_add(more).min(self.rate * BURST * FRAME);
    }

    fn take(&mut self, cost: u64, now: Millis) -> bool {
        // Thousandths, as milliseconds are.
        let passed = now.0.saturating_sub(self.at.0);
        self.at = now;
        self.add(passed.saturating_mul(self.rate));
        let left = self.left.checked_sub(cost);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
