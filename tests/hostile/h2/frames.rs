//! Frames and header blocks, byte by byte. Source: RFC 9113 §4, §6; RFC 7541 §6.

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const PRIORITISED: u8 = 0x20;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Any frame, right or wrong.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// A literal field that is not indexed and not compressed.
pub fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = vec![0];
    for text in [name.as_ref(), value.as_ref()] {
        length(&mut out, text.len());
        out.extend(text);
    }
    out
}

fn length(out: &mut Vec<u8>, length: usize) {
    if length < 127 {
        out.push(length as u8);
        return;
    }
    out.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        out.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    out.push(rest as u8);
}

/// Fields one after the other.
pub fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

pub const BASE: [(&str, &[u8]); 4] = [
    (":method", b"GET"),
    (":scheme", b"http"),
    (":authority", b"front.example"),
    (":path", b"/hostile"),
];

/// The fields of a GET, and more.
pub fn get(more: &[(&str, &[u8])]) -> Vec<u8> {
    block(&[&BASE[..], more].concat())
}

/// The fields of a POST, and more.
pub fn post(more: &[(&str, &[u8])]) -> Vec<u8> {
    block(&[&[(":method", &b"POST"[..])], &BASE[1..], more].concat())
}

/// The fields of a GET with one of them replaced.
pub fn with(name: &str, value: &[u8]) -> Vec<u8> {
    block(&BASE.map(|(found, own)| (found, if found == name { value } else { own })))
}

/// The fields of a GET without one of them.
pub fn without(name: &str) -> Vec<u8> {
    block(&BASE.iter().filter(|(found, _)| *found != name).copied().collect::<Vec<_>>())
}

/// A request without a body on stream 1.
pub fn asked(block: impl AsRef<[u8]>) -> Vec<u8> {
    headers(1, block)
}

/// A request without a body.
pub fn headers(stream: u32, block: impl AsRef<[u8]>) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, block)
}

/// The head of a request on stream 1 whose body comes.
pub fn begun(block: impl AsRef<[u8]>) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, block)
}

/// The last piece of a body on stream 1.
pub fn data(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(DATA, END_STREAM, 1, bytes)
}

/// Trailers on stream 1.
pub fn trailers(fields: &[(&str, &[u8])]) -> Vec<u8> {
    headers(1, block(fields))
}

/// What a client begins with; no table, so that answers can be read without one.
pub fn hello() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, [0, 1, 0, 0, 0, 0])].concat()
}
