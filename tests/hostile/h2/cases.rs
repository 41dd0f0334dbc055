//! Frames that are wrong. Source: RFC 9113 §4, §5, §6.

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PING, PRIORITISED, PRIORITY,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, asked, begun, data, frame, get, headers,
    post,
};
use super::run::{Case, ended, passed, refused};
use crate::case::one;

const STREAM: &str = "RFC 9113 §5.1";
const FRAME: &str = "RFC 9113 §6";
const HPACK: &str = "RFC 7541 §6";

pub fn cases() -> Vec<Case> {
    [streams(), frames(), hpack()].concat()
}

fn streams() -> Vec<Case> {
    vec![
        ended("a request on stream 0", STREAM, headers(0, get(&[]))),
        ended("a request on stream 2", STREAM, headers(2, get(&[]))),
        ended("data on stream 0", STREAM, frame(DATA, END_STREAM, 0, "x")),
        ended("data on a stream that is idle", STREAM, frame(DATA, END_STREAM, 7, "x")),
        ended("a reset of a stream that is idle", STREAM, frame(RST_STREAM, 0, 7, [0, 0, 0, 8])),
        ended(
            "a window of a stream that is idle",
            STREAM,
            frame(WINDOW_UPDATE, 0, 7, [0, 0, 0, 8]),
        ),
        ended("a push from a client", STREAM, frame(PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2])),
        refused(
            "data behind the end",
            STREAM,
            [begun(post(&[("content-length", b"9")])), data("x"), data("hello")].concat(),
        )
        .partly(),
        refused(
            "a stream that depends on itself",
            "RFC 9113 §5.3.1",
            [frame(PRIORITY, 0, 1, [0, 0, 0, 1, 0]), asked(without_path())].concat(),
        ),
    ]
}

fn without_path() -> Vec<u8> {
    super::frames::without(":path")
}

fn frames() -> Vec<Case> {
    let setting = |id: u8, value: u32| {
        let payload = [&[0, id][..], &value.to_be_bytes()].concat();
        frame(SETTINGS, 0, 0, payload)
    };
    vec![
        ended("a frame larger than allowed", FRAME, frame(DATA, 0, 1, vec![0; 20_000])),
        ended("settings on a stream", FRAME, frame(SETTINGS, 0, 1, [])),
        ended("settings of 5 bytes", FRAME, frame(SETTINGS, 0, 0, [0; 5])),
        ended("settings that answer and ask", FRAME, frame(SETTINGS, 1, 0, [0; 6])),
        ended("settings: push is 2", FRAME, setting(2, 2)),
        ended("settings: a window of 2^31", FRAME, setting(4, 1 << 31)),
        ended("settings: frames of 1 byte", FRAME, setting(5, 1)),
        ended("a ping of 7 bytes", FRAME, frame(PING, 0, 0, [0; 7])),
        ended("a ping on a stream", FRAME, frame(PING, 0, 1, [0; 8])),
        ended("a window of 0", FRAME, frame(WINDOW_UPDATE, 0, 0, [0; 4])),
        ended("a window of 3 bytes", FRAME, frame(WINDOW_UPDATE, 0, 0, [0; 3])),
        ended(
            "windows beyond 2^31",
            FRAME,
            frame(WINDOW_UPDATE, 0, 0, [0x7f, 255, 255, 255]).repeat(2),
        ),
        ended(
            "a reset of 3 bytes",
            FRAME,
            [begun(post(&[])), frame(RST_STREAM, 0, 1, [0; 3])].concat(),
        )
        .partly(),
        ended("a continuation of nothing", FRAME, frame(CONTINUATION, END_HEADERS, 1, get(&[]))),
        ended(
            "a ping inside a head",
            FRAME,
            [frame(HEADERS, END_STREAM, 1, get(&[])), frame(PING, 0, 0, [0; 8])].concat(),
        ),
        ended(
            "another stream inside a head",
            FRAME,
            [frame(HEADERS, END_STREAM, 1, get(&[])), frame(CONTINUATION, END_HEADERS, 3, [])]
                .concat(),
        ),
        ended("data inside a head", FRAME, [frame(HEADERS, 0, 1, get(&[])), data("x")].concat()),
        ended(
            "more padding than frame",
            FRAME,
            frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, [200, 0]),
        ),
        ended(
            "no room for a priority",
            FRAME,
            frame(HEADERS, END_STREAM | END_HEADERS | PRIORITISED, 1, [0; 3]),
        ),
        passed(
            "padding",
            FRAME,
            frame(
                HEADERS,
                END_STREAM | END_HEADERS | PADDED,
                1,
                [&[3][..], &get(&[]), &[0; 3]].concat(),
            ),
            one(),
        ),
        passed(
            "a frame that nobody knows",
            "RFC 9113 §5.5",
            [frame(0xfa, 0xff, 1, "x"), asked(get(&[]))].concat(),
            one(),
        ),
        passed(
            "a setting that nobody knows",
            FRAME,
            [setting(0xfa, 7), asked(get(&[]))].concat(),
            one(),
        ),
        passed(
            "a head in two frames",
            FRAME,
            [
                frame(HEADERS, END_STREAM, 1, &get(&[])[..9]),
                frame(CONTINUATION, END_HEADERS, 1, &get(&[])[9..]),
            ]
            .concat(),
            one(),
        ),
    ]
}

fn hpack() -> Vec<Case> {
    let block =
        |name: &str, bytes: &[u8]| ended(name, HPACK, asked([&get(&[])[..], bytes].concat()));
    vec![
        block("index 0", &[0x80]),
        block("an index of nothing", &[0xff, 0x7f]),
        block("a name of an index of nothing", &[0x7f, 0x7f, 1, b'a']),
        block(
            "a number without end",
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ),
        block("a text longer than the block", &[0, 1, b'a', 0x7f, 0xff, 0x01]),
        block("Huffman of only ones", &[0, 0x84, 0xff, 0xff, 0xff, 0xff, 1, b'a']),
        block("a table larger than allowed", &[0x3f, 0xff, 0xff, 0x7f]),
        ended(
            "a table that changes behind a field",
            "RFC 7541 §4.2",
            asked([&get(&[])[..], &[0x20]].concat()),
        ),
        ended("a block that stops", HPACK, asked(&get(&[])[..20])),
    ]
}
