//! What an endpoint may send that brings nothing. Source: RFC 9113 §10.5.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::metrics::{EndpointStats, Flood};
use crate::upstream::clock::{self, Millis};
use crate::upstream::frames::{Budget, DATA, FRAME, Frame, HEADERS, Ledger, PAID_BY_BYTE};

/// Control frames, and resets, in a second that nothing paid for.
const UNPAID: u32 = 100;
/// Most that were paid for and may come later: an endpoint may read what it was sent long ago in small
/// pieces, and open the windows for each.
const KEPT: u32 = 100_000;
/// Control frames that each frame of a request or of an answer pays for: two windows, a PING, and one
/// that is sent in return.
const PAID_BY_FRAME: u64 = 4 * FRAME;

/// EndpointLedger counts an endpoint's frames.
///
/// What moves for somebody pays: requests, their bodies, and answers. Each stream that is opened, and
/// each DATA that is sent, pays for a reset too: an endpoint that is done with a stream resets it, and
/// may do so again for each frame that was on its way. Source: RFC 9113 §5.1.
#[derive(Debug)]
pub(super) struct EndpointLedger {
    control: Budget,
    resets: Budget,
    /// When something came last.
    heard: Rc<Cell<Millis>>,
    stats: Arc<EndpointStats>,
    worker: usize,
}

impl EndpointLedger {
    pub(super) fn new(heard: Rc<Cell<Millis>>, stats: &Arc<EndpointStats>, worker: usize) -> Self {
        Self {
            control: Budget::keeping(UNPAID, KEPT),
            resets: Budget::keeping(UNPAID, KEPT),
            heard,
            stats: Arc::clone(stats),
            worker,
        }
    }

    fn pay(&mut self, frame: Frame) {
        self.control.pay(PAID_BY_FRAME + u64::from(frame.length) * PAID_BY_BYTE);
    }
}

impl Ledger for EndpointLedger {
    fn heard(&mut self) {
        self.heard.set(clock::now());
    }

    fn came(&mut self, frame: Frame) -> bool {
        let Some(flood) = frame.flood() else {
            if frame.kind == DATA && frame.length > 0 {
                self.pay(frame);
            }
            return true;
        };
        let budget = if flood == Flood::Reset { &mut self.resets } else { &mut self.control };
        let is_allowed = budget.take(FRAME, self.heard.get());
        if !is_allowed {
            self.stats.flood(self.worker, flood);
        }
        is_allowed
    }

    fn went(&mut self, _: usize) {}

    fn sent(&mut self, frame: Frame) {
        if matches!(frame.kind, HEADERS | DATA) {
            self.pay(frame);
            self.resets.pay(FRAME);
        }
    }

    /// An endpoint opens none. Source: RFC 9113 §8.4.
    fn last_stream(&self) -> u32 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    const PRIORITY: u8 = 2;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, length: u32) -> Frame {
        Frame { length, kind, flags, stream: 1 }
    }

    fn begin() -> EndpointLedger {
        let stats = Metrics::new(1).endpoint("pool", ([10, 0, 0, 1], 80).into());
        let ledger = EndpointLedger::new(Rc::default(), &stats, 0);
        ledger.heard.set(Millis(1));
        ledger
    }

    fn most(ledger: &mut EndpointLedger, frame: Frame) -> usize {
        (0..1_000_000).take_while(|_| ledger.came(frame)).count()
    }

    #[test]
    fn each_kind_ends_after_ten_seconds_worth_and_is_told() {
        for (frame, flood) in [
            (frame(PING, 0, 8), Flood::Ping),
            (frame(PING, 1, 8), Flood::Ping),
            (frame(SETTINGS, 0, 0), Flood::Settings),
            (frame(PRIORITY, 0, 5), Flood::Priority),
            (frame(WINDOW_UPDATE, 0, 4), Flood::WindowUpdate),
            (frame(RST_STREAM, 0, 4), Flood::Reset),
            (frame(DATA, 0, 0), Flood::EmptyData),
            (frame(0x20, 0, 9), Flood::Other),
        ] {
            let mut ledger = begin();
            assert_eq!(most(&mut ledger, frame), 1000, "{flood:?}");
            assert_eq!(ledger.stats.floods(flood), 1);
            ledger.heard.set(Millis(1001));
            assert_eq!(most(&mut ledger, frame), 100, "{flood:?} a second later");
        }
    }

    #[test]
    fn what_moves_for_somebody_pays() {
        // Each frame of a request opens two windows and measures the way, and so do small answers.
        let mut ledger = begin();
        for _ in 0..100_000 {
            ledger.sent(frame(DATA, 0, 5));
            for kind in [WINDOW_UPDATE, WINDOW_UPDATE, PING] {
                assert!(ledger.came(frame(kind, 0, 8)));
            }
            assert!(ledger.came(frame(DATA, 0, 5)));
            for kind in [PING, SETTINGS] {
                assert!(ledger.came(frame(kind, 0, 8)));
            }
        }
        // A MiB that was sent at once is read 512 bytes at a time, later.
        let mut ledger = begin();
        (0..64).for_each(|_| ledger.sent(frame(DATA, 0, 16 * 1024)));
        for _ in 0..4096 {
            assert!(ledger.came(frame(WINDOW_UPDATE, 0, 4)));
        }
    }

    #[test]
    fn each_stream_and_each_piece_of_a_request_pays_for_a_reset() {
        let mut ledger = begin();
        for _ in 0..10_000 {
            ledger.sent(frame(HEADERS, 4, 50));
            ledger.sent(frame(DATA, 0, 50));
            assert!(ledger.came(frame(RST_STREAM, 0, 4)) && ledger.came(frame(RST_STREAM, 0, 4)));
        }
        ledger.came(frame(DATA, 0, 16 * 1024));
        assert_eq!(most(&mut ledger, frame(RST_STREAM, 0, 4)), 1000, "answers do not");
    }

    #[test]
    fn an_answer_to_a_ping_pays_for_none() {
        let mut ledger = begin();
        let asked = (0..2000).take_while(|_| {
            ledger.sent(frame(PING, 1, 8));
            ledger.came(frame(PING, 0, 8))
        });
        assert_eq!(asked.count(), 1000);
    }
}
