//! Work for nothing: frames that cost the server more than the client. Each may be cut off or
//! absorbed; others are served meanwhile, and the endpoint sees little of it.

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, asked, field, frame, get, headers, post,
};
use super::run::{Case, flood, refused};

pub fn cases() -> Vec<Case> {
    [resets(), control(), heads()].concat()
}

/// Streams 1, 3, 5 and so on, each as `each` makes it.
fn many(count: u32, each: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..count).flat_map(|index| each(index * 2 + 1)).collect()
}

fn resets() -> Vec<Case> {
    const RAPID: &str = "CVE-2023-44487, rapid reset";
    const MADE: &str = "CVE-2025-8671, MadeYouReset";
    let head = |stream: u32| headers(stream, get(&[]));
    let open = |stream: u32| frame(HEADERS, END_HEADERS, stream, post(&[]));
    let then = move |frames: fn(u32) -> Vec<u8>| {
        many(5000, move |stream| [head(stream), frames(stream)].concat())
    };
    let open_then = move |frames: fn(u32) -> Vec<u8>| {
        many(5000, move |stream| [open(stream), frames(stream)].concat())
    };
    vec![
        flood(
            "requests that are reset at once",
            RAPID,
            then(|stream| frame(RST_STREAM, 0, stream, [0, 0, 0, 8])),
            2000,
        ),
        flood(
            "bodies that are reset at once",
            RAPID,
            open_then(|stream| frame(RST_STREAM, 0, stream, [0, 0, 0, 8])),
            0,
        ),
        flood(
            "made to reset by a window of 0",
            MADE,
            then(|stream| frame(WINDOW_UPDATE, 0, stream, [0; 4])),
            2000,
        ),
        flood(
            "made to reset by windows that are too large",
            MADE,
            then(|stream| frame(WINDOW_UPDATE, 0, stream, [0x7f, 255, 255, 255])),
            2000,
        ),
        flood(
            "made to reset by data behind the end",
            MADE,
            then(|stream| frame(DATA, 0, stream, "x")),
            2000,
        ),
        flood(
            "made to reset by a head behind the end",
            MADE,
            then(|stream| headers(stream, field("x", "y"))),
            2000,
        ),
        flood(
            "made to reset by a priority of 4 bytes",
            MADE,
            then(|stream| frame(PRIORITY, 0, stream, [0; 4])),
            2000,
        ),
        flood(
            "made to reset by trailers that do not end",
            MADE,
            open_then(|stream| frame(HEADERS, END_HEADERS, stream, field("x", "y"))),
            0,
        ),
        flood(
            "made to reset by heads that are malformed",
            MADE,
            many(5000, |stream| headers(stream, get(&[("connection", b"close")]))),
            0,
        ),
        flood("more streams than allowed", "RFC 9113 §5.1.2", many(5000, open), 0),
    ]
}

fn control() -> Vec<Case> {
    let ask = |stream: u32| frame(HEADERS, END_HEADERS, stream, post(&[]));
    vec![
        flood("pings", "CVE-2019-9512", frame(PING, 0, 0, [0; 8]).repeat(50_000), 0),
        flood("settings", "CVE-2019-9515", frame(SETTINGS, 0, 0, []).repeat(20_000), 0),
        flood(
            "settings that change the window",
            "CVE-2019-9515",
            [frame(SETTINGS, 0, 0, [0, 4, 0, 0, 0, 0]), frame(SETTINGS, 0, 0, [0, 4, 0, 1, 0, 0])]
                .concat()
                .repeat(10_000),
            0,
        ),
        flood("answers to pings", "CVE-2019-9512", frame(PING, 1, 0, [0; 8]).repeat(50_000), 0),
        flood(
            "priorities of nobody's stream, again and again",
            "CVE-2019-9513",
            frame(0x10, 0, 0, [0, 0, 0, 1, b'u', b'=', b'7']).repeat(20_000),
            0,
        ),
        flood(
            "settings of 2,000 values",
            "CVE-2019-9515",
            frame(SETTINGS, 0, 0, [0, 3, 0, 0, 0, 100].repeat(2000)).repeat(50),
            0,
        ),
        flood(
            "priorities",
            "CVE-2019-9513",
            many(20_000, |stream| frame(PRIORITY, 0, stream, [0, 0, 0, 0, 16])),
            0,
        ),
        flood(
            "windows of one byte",
            "RFC 9113 §6.9",
            frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 1]).repeat(50_000),
            0,
        ),
        flood(
            "empty data",
            "CVE-2019-9518",
            [ask(1), frame(DATA, 0, 1, []).repeat(50_000)].concat(),
            0,
        ),
        flood(
            "data of padding alone",
            "CVE-2019-9518",
            [ask(1), frame(DATA, 8, 1, [&[255][..], &[0; 255]].concat()).repeat(5000)].concat(),
            0,
        ),
        flood(
            "frames that nobody knows",
            "RFC 9113 §5.5",
            frame(0xfa, 0, 0, [0; 64]).repeat(20_000),
            0,
        ),
        flood(
            "answers that nobody takes",
            "CVE-2019-9517",
            [
                frame(SETTINGS, 0, 0, [0, 4, 0, 0, 0, 0]),
                many(50, |stream| headers(stream, get(&[]))),
            ]
            .concat(),
            50,
        ),
    ]
}

/// Who ends the connection for a kind that the crate h2 bounds by itself, more tightly.
pub const OF_H2: &str = "h2";

/// What ends the connection by its number alone, and what the metric calls it.
pub fn counted() -> Vec<(&'static str, Vec<u8>)> {
    let open = || frame(HEADERS, END_HEADERS, 1, post(&[]));
    let ask = |stream| headers(stream, get(&[]));
    let reset = |stream| frame(RST_STREAM, 0, stream, [0, 0, 0, 8]);
    vec![
        ("ping", frame(PING, 0, 0, [0; 8]).repeat(1500)),
        ("ping", frame(PING, 1, 0, [0; 8]).repeat(1500)),
        ("settings", frame(SETTINGS, 0, 0, []).repeat(1500)),
        ("priority", frame(PRIORITY, 0, 3, [0, 0, 0, 0, 16]).repeat(1500)),
        ("window_update", frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 1]).repeat(1500)),
        (OF_H2, [open(), frame(DATA, 0, 1, []).repeat(1500)].concat()),
        ("other", frame(0xfa, 0, 0, [0; 64]).repeat(1500)),
        (OF_H2, many(1500, |stream| [ask(stream), reset(stream)].concat())),
        ("reset", [ask(1), reset(1).repeat(1500)].concat()),
    ]
}

fn heads() -> Vec<Case> {
    const CONTINUED: &str = "CVE-2024-27983, CVE-2024-28182, RUSTSEC-2024-0332";
    const BOMB: &str = "CVE-2016-6581, CVE-2026-49975";
    let begin = || frame(HEADERS, END_STREAM, 1, get(&[]));
    let kib = "x".repeat(1024);
    // One field in the table, then its index over and over: each byte becomes 4 KiB.
    let long = "x".repeat(4000);
    let mut indexed = field("a", &long);
    indexed[0] = 0x40;
    let bomb = [get(&[]), indexed, vec![0xbe; 10_000]].concat();
    let mut crumb = field("cookie", "");
    crumb[0] = 0x40;
    let crumbs = [get(&[]), crumb, vec![0xbe; 10_000]].concat();
    vec![
        flood(
            "continuations without end",
            CONTINUED,
            [begin(), frame(CONTINUATION, 0, 1, field("x", &kib)).repeat(2000)].concat(),
            0,
        ),
        flood(
            "empty continuations",
            CONTINUED,
            [begin(), frame(CONTINUATION, 0, 1, []).repeat(50_000)].concat(),
            0,
        ),
        flood(
            "continuations of one byte",
            CONTINUED,
            [begin(), frame(CONTINUATION, 0, 1, [0x82]).repeat(50_000)].concat(),
            0,
        ),
        refused(
            "a list of fields larger than allowed",
            "RFC 9113 §10.5.1",
            [
                begin(),
                frame(CONTINUATION, 0, 1, field("x", &kib)).repeat(100),
                frame(CONTINUATION, END_HEADERS, 1, []),
            ]
            .concat(),
        ),
        flood("one field of the table, 10,000 times", BOMB, asked(&bomb[..]), 0),
        flood("one crumb of a cookie, 10,000 times", BOMB, asked(&crumbs[..]), 0),
    ]
}
