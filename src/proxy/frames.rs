//! What a client may send that brings nothing. Source: RFC 9113 §10.5.

use std::sync::Arc;

use super::options::FrameLimits;
use crate::metrics::{Flood, ListenerStats};
use crate::upstream::clock::{self, Millis};
use crate::upstream::frames::{Budget, FRAME, Frame, HEADERS, Ledger, PAID_BY_BYTE};

/// ClientLedger counts a client's frames. Each byte that it takes pays for some: who takes an answer
/// opens windows and measures the way, as grpc-go does with a PING a round trip.
#[derive(Debug)]
pub(super) struct ClientLedger {
    control: Budget,
    resets: Budget,
    /// The last stream that the client opened.
    last: u32,
    /// When the bytes came whose frames are counted, once that was asked for.
    now: Option<Millis>,
    stats: Arc<ListenerStats>,
    worker: usize,
}

impl ClientLedger {
    pub(super) fn new(limits: FrameLimits, stats: &Arc<ListenerStats>, worker: usize) -> Self {
        Self {
            control: Budget::new(limits.control),
            resets: Budget::new(limits.resets),
            last: 0,
            now: None,
            stats: Arc::clone(stats),
            worker,
        }
    }
}

impl Ledger for ClientLedger {
    fn heard(&mut self) {
        self.now = None;
    }

    fn came(&mut self, frame: Frame) -> bool {
        if frame.kind == HEADERS {
            self.last = self.last.max(frame.stream);
        }
        let Some(flood) = frame.flood() else { return true };
        let now = *self.now.get_or_insert_with(clock::now);
        let is_allowed = match flood {
            Flood::Reset => self.resets.take(FRAME, now),
            // The bytes of the answer that it asks for pay for nothing.
            _ => self.control.take(FRAME + frame.answer_bytes() * PAID_BY_BYTE, now),
        };
        if !is_allowed {
            self.stats.flood(self.worker, flood);
        }
        is_allowed
    }

    fn went(&mut self, bytes: usize) {
        self.control.pay(bytes as u64 * PAID_BY_BYTE);
    }

    fn sent(&mut self, _: Frame) {}

    fn last_stream(&self) -> u32 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    const PING: u8 = 6;
    const RST_STREAM: u8 = 3;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, stream: u32, length: u32) -> Frame {
        Frame { length, kind, flags, stream }
    }

    fn begin() -> ClientLedger {
        let limits = FrameLimits { control: 10, resets: 2 };
        let ledger = ClientLedger::new(limits, &Metrics::new(1).listener("http"), 0);
        // All comes in one moment.
        ClientLedger { now: Some(Millis(1)), ..ledger }
    }

    #[test]
    fn pings_do_not_pay_for_pings_but_answers_do() {
        let mut ledger = begin();
        let asked = (0..1000).take_while(|_| {
            let is_allowed = ledger.came(frame(PING, 0, 0, 8));
            ledger.went(17);
            is_allowed
        });
        // A hundred, but the last three would need what their answers pay back.
        assert_eq!(asked.count(), 97);
        let mut ledger = begin();
        let asked = (0..1000).take_while(|_| {
            let is_allowed = ledger.came(frame(WINDOW_UPDATE, 0, 0, 4))
                && ledger.came(frame(WINDOW_UPDATE, 0, 1, 4));
            ledger.went(16);
            is_allowed
        });
        assert_eq!(asked.count(), 1000, "two windows for each piece of an answer");
    }

    #[test]
    fn resets_have_a_budget_of_their_own() {
        let mut ledger = begin();
        for stream in 0..20 {
            assert!(ledger.came(frame(HEADERS, 5, stream * 2 + 1, 20)));
            assert!(ledger.came(frame(RST_STREAM, 0, stream * 2 + 1, 4)));
            ledger.went(7009);
        }
        assert!(!ledger.came(frame(RST_STREAM, 0, 39, 4)), "answers do not pay for resets");
        assert_eq!(ledger.last_stream(), 39);
        assert_eq!(ledger.stats.floods(Flood::Reset), 1);
    }
}
