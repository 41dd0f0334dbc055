//! What Autobahn's fuzzing client sends, case by case, as bytes. Sections are its own.

/// One case: what the client sends after the handshake, piece by piece.
pub struct Case {
    pub name: String,
    pub pieces: Vec<Vec<u8>>,
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;
/// The bit of permessage-deflate. Source: RFC 7692 §6.
const RSV1: u8 = 0x40;

/// The bit that says that a mask follows the length.
const MASKED: u8 = 0x80;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A masked frame. Source: RFC 6455 §5.2.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        short @ 0..=125 => out.push(MASKED | short as u8),
        middle @ 126..=0xffff => {
            out.push(MASKED | 0x7e);
            out.extend((middle as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | 0x7f);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

fn message(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(FIN | opcode, payload)
}

fn close(code: u16) -> Vec<u8> {
    message(CLOSE, &code.to_be_bytes())
}

/// Frames of one message, each with at most so many bytes.
fn fragments(opcode: u8, payload: &[u8], most: usize) -> Vec<Vec<u8>> {
    let count = payload.len().div_ceil(most);
    let of = |(index, part): (usize, &[u8])| {
        let opcode = if index == 0 { opcode } else { 0 };
        frame(if index + 1 == count { FIN | opcode } else { opcode }, part)
    };
    payload.chunks(most).enumerate().map(of).collect()
}

/// The same bytes in pieces of a size.
fn chopped(pieces: &[Vec<u8>], size: usize) -> Vec<Vec<u8>> {
    pieces.concat().chunks(size).map(<[u8]>::to_vec).collect()
}

#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    /// Adds a case; a close frame with 1000 ends it.
    fn add(&mut self, name: impl Into<String>, mut pieces: Vec<Vec<u8>>) {
        pieces.push(close(1000));
        self.raw(name, pieces);
    }

    fn raw(&mut self, name: impl Into<String>, pieces: Vec<Vec<u8>>) {
        self.0.push(Case { name: name.into(), pieces });
    }
}

/// Every case.
pub fn all() -> Vec<Case> {
    let mut cases = Cases::default();
    framing(&mut cases);
    pings(&mut cases);
    reserved(&mut cases);
    fragmentation(&mut cases);
    utf8(&mut cases);
    closing(&mut cases);
    limits(&mut cases);
    compression(&mut cases);
    cases.0
}

fn framing(cases: &mut Cases) {
    for (kind, opcode, byte) in [("text", TEXT, b'*'), ("binary", BINARY, 0xfe)] {
        for length in [0, 125, 126, 127, 128, 65_535, 65_536] {
            cases.add(format!("1 {kind} {length}"), vec![message(opcode, &vec![byte; length])]);
        }
        let long = [message(opcode, &vec![byte; 65_536])];
        cases.add(format!("1 {kind} 65536 in chops of 997"), chopped(&long, 997));
    }
}

fn pings(cases: &mut Cases) {
    for (name, payload) in [
        ("empty", b"".to_vec()),
        ("text", b"Hello, world!".to_vec()),
        ("not text", vec![0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff]),
        ("125 bytes", vec![0xfe; 125]),
        ("126 bytes, too many", vec![0xfe; 126]),
    ] {
        cases.add(format!("2 ping {name}"), vec![message(PING, &payload)]);
    }
    cases.add("2 ping byte by byte", chopped(&[message(PING, &[0xfe; 125])], 1));
    cases.add("2 pong unsolicited, empty", vec![message(PONG, b"")]);
    cases.add("2 pong unsolicited", vec![message(PONG, b"unsolicited")]);
    cases.add("2 pong, then ping", vec![message(PONG, b"unsolicited"), message(PING, b"ping")]);
    let ten: Vec<_> = (0..10).map(|n| message(PING, format!("payload-{n}").as_bytes())).collect();
    cases.add("2 ten pings byte by byte", chopped(&ten, 1));
    cases.add("2 ten pings", ten);
}

fn reserved(cases: &mut Cases) {
    for rsv in 1..8u8 {
        let bad = frame(FIN | rsv << 4 | TEXT, b"small");
        cases.add(format!("3 reserved bits {rsv}"), vec![bad.clone()]);
        let pieces = vec![message(TEXT, b"small"), bad, message(PING, b"")];
        cases.add(format!("3 reserved bits {rsv} after a message"), pieces);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let pieces = vec![message(TEXT, b"a"), message(opcode, b"reserved"), message(PING, b"")];
        cases.add(format!("4 opcode {opcode}"), pieces);
        cases.add(format!("4 opcode {opcode}, empty"), vec![message(opcode, b"")]);
    }
    let unmasked = [vec![FIN | TEXT, 5], b"naked".to_vec()].concat();
    cases.add("4 not masked", vec![unmasked]);
    let padded = [vec![FIN | TEXT, MASKED | 0x7e, 0, 5], MASK.to_vec(), vec![0; 5]].concat();
    cases.add("4 length in more bytes than needed", vec![padded]);
    let huge = [vec![FIN | TEXT, MASKED | 0x7f], vec![0xff; 8], MASK.to_vec()].concat();
    cases.add("4 length above 63 bits", vec![huge]);
}

fn fragmentation(cases: &mut Cases) {
    let two = || fragments(TEXT, b"fragment1fragment2", 9);
    cases.add("5 ping in two frames", fragments(PING, b"fragment1fragment2", 9));
    cases.add("5 pong in two frames", fragments(PONG, b"fragment1fragment2", 9));
    cases.add("5 text in two frames", two());
    cases.add("5 text in two frames, one piece", vec![two().concat()]);
    cases.add("5 text in two frames byte by byte", chopped(&two(), 1));
    let between = [two()[0].clone(), message(PING, b"ping"), two()[1].clone()];
    cases.add("5 ping between", between.to_vec());
    cases.add("5 ping between, byte by byte", chopped(&between, 1));
    cases.add("5 close between", vec![two()[0].clone(), close(1000), two()[1].clone()]);
    for (name, first) in [("FIN", FIN), ("no FIN", 0)] {
        cases.add(format!("5 continuation of nothing, {name}"), vec![frame(first, b"lost")]);
        let pieces = [vec![frame(first, b"lost")], two()].concat();
        cases.add(format!("5 continuation of nothing, {name}, then text"), pieces);
    }
    cases.add("5 new text within a text", vec![frame(TEXT, b"one"), message(TEXT, b"two")]);
    let many: Vec<_> = (0..5)
        .flat_map(|n| [frame(if n == 0 { TEXT } else { 0 }, b"part"), message(PING, &[n])])
        .chain([frame(FIN, b"end")])
        .collect();
    cases.add("5 five parts with pings between", many);
    cases.add("5 empty frames", vec![frame(TEXT, b""), frame(0, b""), frame(FIN, b"")]);
}

fn utf8(cases: &mut Cases) {
    let greek = "κόσμε Hello-µ@ßöäüàá-UTF-8!!".as_bytes();
    cases.add("6 text", vec![message(TEXT, greek)]);
    for size in [1, 2, 3, 5] {
        cases.add(format!("6 text in frames of {size}"), fragments(TEXT, greek, size));
    }
    cases.add("6 text byte by byte", chopped(&[message(TEXT, greek)], 1));
    for (name, bytes) in [
        ("first of four bytes", &b"\xf0\x90\x80\x80"[..]),
        ("last code point", b"\xf4\x8f\xbf\xbf"),
        ("above the last", b"\xf4\x90\x80\x80"),
        ("noncharacter", b"\xef\xbf\xbe"),
        ("surrogate", b"\xed\xa0\x80"),
        ("overlong", b"\xc0\xaf"),
        ("overlong of three", b"\xe0\x80\xaf"),
        ("five bytes", b"\xf8\x88\x80\x80\x80"),
        ("lone continuation", b"\x80"),
        ("FE", b"\xfe"),
        ("FF", b"\xff"),
        ("cut off", b"\xce\xba\xe1\xbd"),
        ("NUL", b"\x00"),
        ("valid, then not", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"),
    ] {
        cases.add(format!("6 {name}"), vec![message(TEXT, bytes)]);
        cases.add(format!("6 {name}, in frames of 1"), fragments(TEXT, bytes, 1));
        cases.add(format!("6 {name}, as binary"), vec![message(BINARY, bytes)]);
    }
}

fn closing(cases: &mut Cases) {
    cases.raw("7 message, then close", vec![message(TEXT, b"Hello"), close(1000)]);
    cases.raw("7 two closes", vec![close(1000), close(1000)]);
    cases.raw("7 close, then ping", vec![close(1000), message(PING, b"late")]);
    cases.raw("7 close, then text", vec![close(1000), message(TEXT, b"late")]);
    cases.raw("7 close, empty", vec![message(CLOSE, b"")]);
    cases.raw("7 close of one byte", vec![message(CLOSE, b"a")]);
    let reason = |text: &[u8]| message(CLOSE, &[&1000u16.to_be_bytes(), text].concat());
    cases.raw("7 close with a reason", vec![reason(b"Hello World!")]);
    cases.raw("7 close with the longest reason", vec![reason(&[b'*'; 123])]);
    cases.raw("7 close with a reason too long", vec![reason(&[b'*'; 124])]);
    cases.raw("7 close with a reason that is not UTF-8", vec![reason(b"\xce\xba\xe1\xbd\xb9\xed")]);
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 0, 999, 1004,
        1005, 1006, 1012, 1013, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        cases.raw(format!("7 close with {code}"), vec![close(code)]);
    }
    cases.raw("7 end without close", vec![message(TEXT, b"Hello")]);
    cases.raw("7 end within a frame", vec![message(TEXT, b"Hello")[..7].to_vec()]);
    cases.raw("7 end at once", Vec::new());
}

fn limits(cases: &mut Cases) {
    const KIB: usize = 1024;
    for (kind, opcode, byte) in [("text", TEXT, b'*'), ("binary", BINARY, 0xfe)] {
        for length in [64 * KIB, 256 * KIB, 1024 * KIB, 4096 * KIB, 16 * 1024 * KIB] {
            cases.add(format!("9 {kind} {length}"), vec![message(opcode, &vec![byte; length])]);
        }
        let large = vec![byte; 1024 * KIB];
        for most in [64, 4 * KIB, 64 * KIB] {
            let pieces = vec![fragments(opcode, &large, most).concat()];
            cases.add(format!("9 {kind} of 1 MiB in frames of {most}"), pieces);
            let pieces = chopped(&[message(opcode, &large)], most * 16);
            cases.add(format!("9 {kind} of 1 MiB in chops of {}", most * 16), pieces);
        }
    }
    let small: Vec<_> = (0..1000).map(|n: u32| message(TEXT, n.to_string().as_bytes())).collect();
    cases.add("9 a thousand small messages", small);
}

/// The messages of RFC 7692 §7.2.3.
fn compression(cases: &mut Cases) {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    cases.add("12 compressed", vec![frame(FIN | RSV1 | TEXT, &hello)]);
    let shared = [0xf2, 0x00, 0x11, 0x00, 0x00];
    let pieces = vec![frame(FIN | RSV1 | TEXT, &hello), frame(FIN | RSV1 | TEXT, &shared)];
    cases.add("12 compressed with a shared window", pieces);
    cases.add("12 stored", vec![frame(FIN | RSV1 | TEXT, &stored)]);
    let pieces = vec![frame(RSV1 | TEXT, &hello[..3]), frame(FIN, &hello[3..])];
    cases.add("12 compressed in two frames", pieces);
    cases.add("12 no deflate stream", vec![frame(FIN | RSV1 | TEXT, &[0xff; 64])]);
}
