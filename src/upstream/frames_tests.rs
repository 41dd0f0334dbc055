//! How frames are found and counted, with the clock as an argument.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[test]
fn frames_are_found_however_bytes_are_cut() {
    let bytes = [
        frame(HEADERS, 4, 7, &[1; 300]),
        frame(PING, 0, 0, &[2; 8]),
        frame(DATA, 1, 7, &[]),
        frame(0xfa, 9, 0x7fff_ffff, &vec![3; 70_000]),
    ]
    .concat();
    let read = |cut: usize| {
        let (mut reader, mut found) = (Reader::default(), Vec::new());
        for mut part in bytes.chunks(cut) {
            while let Some(frame) = reader.next(&mut part) {
                found.push(frame);
            }
        }
        assert!(reader.is_between(), "{cut}");
        found
    };
    let whole = read(bytes.len());
    assert_eq!(whole.iter().map(|frame| frame.length).collect::<Vec<_>>(), [300, 8, 0, 70_000]);
    assert_eq!((whole[3].stream, whole[3].kind, whole[3].flags), (0x7fff_ffff, 0xfa, 9));
    for cut in [1, 2, 8, 9, 10, 17, 100, 4096] {
        assert_eq!(read(cut), whole, "{cut}");
    }
}

#[test]
fn each_kind_without_use_is_counted_and_no_other() {
    for (kind, flags, length, expected) in [
        (DATA, 0, 1, None),
        (DATA, 1, 0, None),
        (DATA, 0, 0, Some(Flood::EmptyData)),
        (HEADERS, 4, 10, None),
        (CONTINUATION, 4, 10, None),
        (PRIORITY, 0, 5, Some(Flood::Priority)),
        (RST_STREAM, 0, 4, Some(Flood::Reset)),
        (SETTINGS, 0, 6, Some(Flood::Settings)),
        (SETTINGS, 1, 0, Some(Flood::Settings)),
        (PING, 0, 8, Some(Flood::Ping)),
        (PING, 1, 8, Some(Flood::Ping)),
        (GOAWAY, 0, 8, Some(Flood::Other)),
        (WINDOW_UPDATE, 0, 4, Some(Flood::WindowUpdate)),
        (0x10, 0, 4, Some(Flood::Other)),
    ] {
        let frame = Frame { length, kind, flags, stream: 0 };
        assert_eq!(frame.flood(), expected, "{kind} {flags} {length}");
    }
}

#[test]
fn a_budget_holds_ten_seconds_and_fills_as_time_passes() {
    let mut budget = Budget::new(10);
    let now = Millis(5_000);
    let taken =
        |budget: &mut Budget, now| (0..1000).take_while(|_| budget.take(FRAME, now)).count();
    assert_eq!(taken(&mut budget, now), 100);
    assert_eq!(taken(&mut budget, Millis(5_099)), 0);
    // Parts of a frame add up.
    assert_eq!(taken(&mut budget, Millis(5_199)), 1);
    assert_eq!(taken(&mut budget, Millis(1_000_000)), 100);
}

#[test]
fn what_was_paid_for_is_kept_apart_from_what_time_brings() {
    let taken =
        |budget: &mut Budget, now| (0..1000).take_while(|_| budget.take(FRAME, now)).count();
    let mut budget = Budget::new(10);
    budget.pay(50 * FRAME);
    assert_eq!(taken(&mut budget, Millis(1)), 100);
    let mut budget = Budget::keeping(10, 500);
    budget.pay(50 * FRAME);
    assert_eq!(taken(&mut budget, Millis(1)), 150);
    budget.pay(900 * FRAME);
    assert_eq!(taken(&mut budget, Millis(2)), 500);
    assert_eq!(taken(&mut budget, Millis(1_000_000)), 100, "time brings ten seconds' worth");
}

#[test]
fn only_what_wants_an_answer_has_one() {
    let bytes = |kind, flags| Frame { length: 8, kind, flags, stream: 0 }.answer_bytes();
    assert_eq!(
        [bytes(PING, 0), bytes(PING, 1), bytes(SETTINGS, 0), bytes(SETTINGS, 1)],
        [17, 0, 9, 0]
    );
    assert_eq!((bytes(DATA, 0), bytes(WINDOW_UPDATE, 0)), (0, 0));
}

/// Keeps no count, but allows so many frames.
struct Few(usize);

impl Ledger for Few {
    fn heard(&mut self) {}

    fn came(&mut self, _: Frame) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 > 0
    }

    fn went(&mut self, _: usize) {}

    fn sent(&mut self, _: Frame) {}

    fn last_stream(&self) -> u32 {
        0x0102_0304
    }
}

/// Source: RFC 9113 §6.8.
#[tokio::test]
async fn the_end_is_told_between_frames_alone() {
    for (written, is_told) in [(frame(PING, 0, 0, &[0; 8]), true), (vec![0, 0, 8, 6, 0], false)] {
        let (mut other, stream) = tokio::io::duplex(1024);
        let mut frames = Frames::of_client(stream, &[0; 24], Few(3));
        frames.write_all(&written).await.unwrap();
        other.write_all(&frame(PING, 0, 0, &[0; 8]).repeat(3)).await.unwrap();
        for _ in 0..2 {
            let error = frames.read(&mut [0; 100]).await.unwrap_err();
            assert_eq!(error.kind(), FLOODED);
        }
        drop(frames);
        let mut told = Vec::new();
        other.read_to_end(&mut told).await.unwrap();
        let goodbye = frame(GOAWAY, 0, 0, &[1, 2, 3, 4, 0, 0, 0, CALM]);
        assert_eq!(told[written.len()..].starts_with(&goodbye), is_told, "{told:?}");
    }
}
