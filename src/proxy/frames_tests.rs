//! How frames are found and counted, with the clock as an argument.

use super::*;
use crate::metrics::Metrics;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn begin() -> Frames<()> {
    let metrics = Metrics::new(1);
    let limits = FrameLimits { control: 10, resets: 2 };
    Frames::new((), &[0; 24], limits, &metrics.listener("http"), 0)
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
        let cost = Frame { length, kind, flags, stream: 0 }.cost();
        assert_eq!(cost.map(|(flood, _)| flood), expected, "{kind} {flags} {length}");
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
fn pings_do_not_pay_for_pings_but_answers_do() {
    let mut frames = begin();
    let (ping, pong) = (frame(PING, 0, 0, &[0; 8]), frame(PING, 1, 0, &[0; 8]));
    let floods = |frames: &mut Frames<()>| {
        let asked = (0..1000).take_while(|_| {
            frames.came(&ping);
            frames.went(&pong);
            !frames.is_over
        });
        asked.count()
    };
    // What comes in while the test runs is little.
    assert!((90..110).contains(&floods(&mut frames)));
    let mut frames = begin();
    let asked = (0..1000).take_while(|_| {
        frames.came(&frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 9]));
        frames.came(&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 9]));
        frames.went(&frame(DATA, 0, 1, &[0; 7]));
        !frames.is_over
    });
    assert_eq!(asked.count(), 1000, "two windows for each piece of an answer");
}

#[test]
fn resets_have_a_budget_of_their_own() {
    let mut frames = begin();
    for stream in 0..20 {
        frames.came(&frame(HEADERS, 5, stream * 2 + 1, &[0; 20]));
        frames.came(&frame(RST_STREAM, 0, stream * 2 + 1, &[0; 4]));
        frames.went(&frame(DATA, 0, 1, &[0; 7000]));
    }
    assert!(!frames.is_over);
    frames.came(&frame(RST_STREAM, 0, 39, &[0; 4]).repeat(2));
    assert!(frames.is_over, "answers do not pay for resets");
    assert_eq!(frames.last, 39);
    assert_eq!(frames.stats.floods(Flood::Reset), 1);
}
