//! What a hostile answer is, and short ways to write one.

use crate::case::join;

/// What the client must get.
#[derive(Clone, Debug)]
pub enum Expect {
    /// 502, and nothing of the endpoint's bytes.
    Bad,
    /// The beginning of the answer and a closed connection, or 502: never a whole answer.
    Broken,
    /// Exactly this answer.
    Whole(Whole),
    /// 502 or this answer.
    Either(Whole),
}

/// An answer with one meaning.
#[derive(Clone, Debug)]
pub struct Whole {
    pub status: u16,
    pub body: Vec<u8>,
    pub lacks: Vec<&'static str>,
}

pub fn whole(status: u16, body: impl AsRef<[u8]>) -> Whole {
    Whole { status, body: body.as_ref().to_vec(), lacks: Vec::new() }
}

impl Whole {
    pub fn lacks(mut self, name: &'static str) -> Self {
        self.lacks.push(name);
        self
    }
}

/// What the endpoint does after its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It keeps the connection and goes on answering.
    Keeps,
    /// It closes.
    Closes,
    /// It sends more once the client has its answer, then goes on answering.
    Adds(&'static [u8]),
}

/// A hostile endpoint.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// RFC section, or where it happened.
    pub source: &'static str,
    /// Method of the request.
    pub method: &'static str,
    pub bytes: Vec<u8>,
    pub expect: Expect,
    pub end: End,
    /// Whether the connection may carry another request.
    pub is_reused: bool,
}

fn case(name: &str, source: &'static str, bytes: impl AsRef<[u8]>, expect: Expect) -> Case {
    Case {
        name: name.into(),
        source,
        method: "GET",
        bytes: bytes.as_ref().to_vec(),
        expect,
        end: End::Keeps,
        is_reused: false,
    }
}

pub fn bad(name: &str, source: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    case(name, source, bytes, Expect::Bad)
}

pub fn broken(name: &str, source: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    case(name, source, bytes, Expect::Broken)
}

pub fn fine(name: &str, source: &'static str, bytes: impl AsRef<[u8]>, whole: Whole) -> Case {
    case(name, source, bytes, Expect::Whole(whole))
}

pub fn either(name: &str, source: &'static str, bytes: impl AsRef<[u8]>, whole: Whole) -> Case {
    case(name, source, bytes, Expect::Either(whole))
}

impl Case {
    pub fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub fn closes(self) -> Self {
        Self { end: End::Closes, ..self }
    }

    pub fn adds(self, bytes: &'static [u8]) -> Self {
        Self { end: End::Adds(bytes), ..self }
    }

    /// The endpoint did nothing wrong: its connection goes on.
    pub fn reused(self) -> Self {
        Self { is_reused: true, ..self }
    }
}

/// An answer that no client may ever get.
pub const SMUGGLED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled";

/// A 200 with these fields and these bytes behind.
pub fn ok(fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("HTTP/1.1 200 OK", fields, body)
}

/// Any first line with these fields and these bytes behind.
pub fn answer(line: impl AsRef<[u8]>, fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    let fields = fields.as_ref();
    let end: &[u8] = if fields.is_empty() { b"" } else { b"\r\n" };
    join(&[line.as_ref(), b"\r\n", fields, end, b"\r\n", body.as_ref()])
}

/// A 200 in chunks as they are given.
pub fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    ok("Transfer-Encoding: chunked", body)
}
