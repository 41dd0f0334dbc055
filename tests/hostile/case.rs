//! What a case is, and short ways to write one.

/// The host that all cases ask, where they ask one.
pub const HOST: &str = "front.example";

/// A request that must never be seen on its own, except where a case says that it is one.
pub const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: front.example\r\n\r\n";

/// One request that reaches the endpoint, and what it means there.
#[derive(Clone, Debug)]
pub struct One {
    pub method: &'static str,
    pub target: String,
    pub host: &'static str,
    pub body: Vec<u8>,
    pub has: Vec<(&'static str, &'static str)>,
    pub lacks: Vec<&'static str>,
}

/// Returns the request that `get` makes.
pub fn one() -> One {
    One {
        method: "GET",
        target: "/hostile".into(),
        host: HOST,
        body: Vec::new(),
        has: Vec::new(),
        lacks: Vec::new(),
    }
}

impl One {
    pub fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub fn post(self, body: impl AsRef<[u8]>) -> Self {
        Self { method: "POST", body: body.as_ref().to_vec(), ..self }
    }

    pub fn target(self, target: impl Into<String>) -> Self {
        Self { target: target.into(), ..self }
    }

    pub fn host(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    pub fn has(mut self, name: &'static str, value: &'static str) -> Self {
        self.has.push((name, value));
        self
    }

    pub fn lacks(mut self, name: &'static str) -> Self {
        self.lacks.push(name);
        self
    }
}

/// What must come of a case.
#[derive(Clone, Debug)]
pub enum Expect {
    /// Refused; the endpoint gets no byte.
    Refused,
    /// Refused in the middle: the endpoint may get the beginning of a request, never a whole one.
    Cut,
    /// These requests, in order, and then a refusal where that is said.
    Passed(Vec<One>, Then),
    /// Refused or this one request.
    Either(One),
    /// Refused; hyper's codec reads it as this one request.
    RefusedByOurs(One),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Nothing,
    Refused,
}

/// How the client goes on after the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It waits for answers and asks again.
    Waits,
    /// It sends no more, and says so.
    Finishes,
}

/// A hostile client.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// RFC section, or where it happened.
    pub source: &'static str,
    pub bytes: Vec<u8>,
    pub expect: Expect,
    pub end: End,
    /// Whether a limit of time is what ends it.
    pub is_late: bool,
    /// Whether the endpoint may get the beginning before the refusal.
    pub is_partly: bool,
}

fn case(
    name: impl Into<String>,
    source: &'static str,
    bytes: impl AsRef<[u8]>,
    expect: Expect,
) -> Case {
    let bytes = bytes.as_ref().to_vec();
    Case {
        name: name.into(),
        source,
        bytes,
        expect,
        end: End::Waits,
        is_late: false,
        is_partly: false,
    }
}

pub fn refused(name: impl Into<String>, source: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    case(name, source, bytes, Expect::Refused)
}

pub fn cut(name: impl Into<String>, source: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    case(name, source, bytes, Expect::Cut)
}

pub fn passed(
    name: impl Into<String>,
    source: &'static str,
    bytes: impl AsRef<[u8]>,
    one: One,
) -> Case {
    case(name, source, bytes, Expect::Passed(vec![one], Then::Nothing))
}

pub fn passed_all(
    name: impl Into<String>,
    source: &'static str,
    bytes: impl AsRef<[u8]>,
    all: Vec<One>,
) -> Case {
    case(name, source, bytes, Expect::Passed(all, Then::Nothing))
}

pub fn passed_then_refused(
    name: impl Into<String>,
    source: &'static str,
    bytes: impl AsRef<[u8]>,
    one: One,
) -> Case {
    case(name, source, bytes, Expect::Passed(vec![one], Then::Refused))
}

pub fn either(
    name: impl Into<String>,
    source: &'static str,
    bytes: impl AsRef<[u8]>,
    one: One,
) -> Case {
    case(name, source, bytes, Expect::Either(one))
}

pub fn refused_by_ours(
    name: impl Into<String>,
    source: &'static str,
    bytes: impl AsRef<[u8]>,
    one: One,
) -> Case {
    case(name, source, bytes, Expect::RefusedByOurs(one))
}

impl Case {
    /// Where it is refused, the endpoint may have got the beginning.
    pub fn partly(self) -> Self {
        Self { is_partly: true, ..self }
    }

    /// The client sends no more, and says so.
    pub fn finishes(self) -> Self {
        Self { end: End::Finishes, ..self }
    }

    /// A limit of time ends it.
    pub fn late(self) -> Self {
        Self { is_late: true, ..self }
    }
}

/// Joins parts that are text or bytes.
pub fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A GET with more fields.
pub fn get(fields: impl AsRef<[u8]>) -> Vec<u8> {
    request("GET /hostile HTTP/1.1", fields, "")
}

/// A POST with more fields and a body.
pub fn post(fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    request("POST /hostile HTTP/1.1", fields, body)
}

/// A POST in chunks as they are given.
pub fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    post("Transfer-Encoding: chunked", body)
}

/// A request line with a host and nothing else.
pub fn line(line: impl AsRef<[u8]>) -> Vec<u8> {
    request(line, "", "")
}

/// A GET of a target.
pub fn target(target: impl AsRef<[u8]>) -> Vec<u8> {
    line(join(&[b"GET ", target.as_ref(), b" HTTP/1.1"]))
}

/// A GET with these lines in place of the host.
pub fn host(lines: impl AsRef<[u8]>) -> Vec<u8> {
    join(&[b"GET /hostile HTTP/1.1\r\n", lines.as_ref(), b"\r\n\r\n"])
}

fn request(line: impl AsRef<[u8]>, fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    let fields = fields.as_ref();
    let end: &[u8] = if fields.is_empty() { b"" } else { b"\r\n" };
    let host = format!("\r\nHost: {HOST}\r\n");
    join(&[line.as_ref(), host.as_bytes(), fields, end, b"\r\n", body.as_ref()])
}
