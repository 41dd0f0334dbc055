//! Reads requests as RFC 9112 writes them and in no other way. It shares nothing with Weir.

/// A request that has one meaning.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
}

impl Request {
    /// Returns all values of a field.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let of_name = |(found, _): &&(String, String)| found.eq_ignore_ascii_case(name);
        self.fields.iter().filter(of_name).map(|(_, value)| value.as_str()).collect()
    }
}

/// What some bytes are.
#[derive(Debug)]
pub enum Parsed {
    /// The beginning of a request.
    Partial,
    /// A request, and how many bytes it takes.
    Whole(Request, usize),
    /// Not a request that all would read alike.
    Wrong(String),
}

pub type Fields = Vec<(String, String)>;

/// Reads one request.
pub fn request(bytes: &[u8]) -> Parsed {
    match read(bytes) {
        Ok(None) => Parsed::Partial,
        Ok(Some((request, used))) => Parsed::Whole(request, used),
        Err(why) => Parsed::Wrong(why),
    }
}

fn read(bytes: &[u8]) -> Result<Option<(Request, usize)>, String> {
    let Some((lines, body_at)) = head(bytes)? else { return Ok(None) };
    let first = lines.first().ok_or("no request line")?;
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else {
        return Err(format!("request line {first:?}"));
    };
    if !is_token(method.as_bytes()) {
        return Err(format!("method {method:?}"));
    }
    if !is_target(target) {
        return Err(format!("target {target:?}"));
    }
    let fields = fields(&lines[1..])?;
    let (body, trailers, used) = match framing(&fields)? {
        Framing::Length(length) => match bytes.get(body_at..body_at + length) {
            Some(body) => (body.to_vec(), Vec::new(), length),
            None => return Ok(None),
        },
        Framing::Chunked => match chunks(&bytes[body_at..])? {
            Some(whole) => whole,
            None => return Ok(None),
        },
    };
    let request = Request { method: method.into(), target: target.into(), fields, body, trailers };
    one_host(&request)?;
    Ok(Some((request, body_at + used)))
}

/// Splits a head into lines; returns where the body begins.
pub fn head(bytes: &[u8]) -> Result<Option<(Vec<String>, usize)>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    Ok(Some((lines(&bytes[..end])?, end + 4)))
}

fn lines(block: &[u8]) -> Result<Vec<String>, String> {
    let text: String = block.iter().map(|&byte| char::from(byte)).collect();
    let lines: Vec<String> = text.split("\r\n").map(str::to_owned).collect();
    for line in &lines {
        if line.chars().any(|c| (c < ' ' && c != '\t') || c == '\u{7f}') {
            return Err(format!("control character in {line:?}"));
        }
    }
    Ok(lines)
}

/// Reads fields: a token, a colon, a value, nothing folded.
pub fn fields(lines: &[String]) -> Result<Fields, String> {
    let field = |line: &String| {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("no colon in {line:?}"))?;
        if !is_token(name.as_bytes()) {
            return Err(format!("field name {name:?}"));
        }
        Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
    };
    lines.iter().map(field).collect()
}

pub enum Framing {
    Length(usize),
    Chunked,
}

/// One framing at most, written in one way.
pub fn framing(fields: &Fields) -> Result<Framing, String> {
    let values = |wanted: &str| -> Vec<&str> {
        let of_name = |(name, _): &&(String, String)| name.eq_ignore_ascii_case(wanted);
        fields.iter().filter(of_name).map(|(_, value)| value.as_str()).collect()
    };
    match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => Ok(Framing::Length(0)),
        ([length], []) => {
            let number: usize = length.parse().map_err(|_| format!("Content-Length {length:?}"))?;
            if number.to_string() == *length {
                Ok(Framing::Length(number))
            } else {
                Err(format!("Content-Length {length:?}"))
            }
        }
        ([], ["chunked"]) => Ok(Framing::Chunked),
        (lengths, codings) => Err(format!("framed by {lengths:?} and {codings:?}")),
    }
}

type Chunks = (Vec<u8>, Fields, usize);

/// Reads chunks as Weir writes them: no extensions.
pub fn chunks(bytes: &[u8]) -> Result<Option<Chunks>, String> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let rest = &bytes[at..];
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else {
            return Ok(None);
        };
        let digits = &rest[..end];
        if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(format!("chunk size {:?}", String::from_utf8_lossy(digits)));
        }
        let size = usize::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
        at += end + 2;
        if size == 0 {
            break;
        }
        let Some(chunk) = bytes.get(at..at + size + 2) else { return Ok(None) };
        if !chunk.ends_with(b"\r\n") {
            return Err("chunk without its end".into());
        }
        body.extend_from_slice(&chunk[..size]);
        at += size + 2;
    }
    let rest = &bytes[at..];
    if rest.starts_with(b"\r\n") {
        return Ok(Some((body, Vec::new(), at + 2)));
    }
    let Some((lines, length)) = head(rest)? else { return Ok(None) };
    Ok(Some((body, fields(&lines)?, at + length)))
}

fn one_host(request: &Request) -> Result<(), String> {
    match request.values("host")[..] {
        [_] => Ok(()),
        ref hosts => Err(format!("hosts {hosts:?}")),
    }
}

pub fn is_token(bytes: &[u8]) -> bool {
    let is_char = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !bytes.is_empty() && bytes.iter().all(is_char)
}

/// Origin form with whole escapes. Source: RFC 3986 §3.3, §3.4.
fn is_target(target: &str) -> bool {
    let bytes = target.as_bytes();
    let is_char = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&b);
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    let is_whole = |at: usize| {
        bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    };
    target.starts_with('/')
        && bytes.iter().all(|&byte| is_char(byte))
        && escapes.map(|(at, _)| at).all(is_whole)
}

/// The judge's own eyes: what any reader could take for something else is wrong or not whole.
#[test]
fn only_one_way_of_writing_is_right() {
    let good = "POST /a?b HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx";
    assert!(matches!(request(good.as_bytes()), Parsed::Whole(_, used) if used == good.len()));
    for (from, to) in [
        ("POST ", "POST  "),
        ("/a?b", "a"),
        ("/a?b", "/a%2"),
        ("/a?b", "/\u{e9}"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("host: a", "host : a"),
        ("host: a", "host: a\r\nhost: a"),
        ("host: a", "hos: a"),
        ("host: a", "host: a\r\n b"),
        ("host: a", "host: a\nb: c"),
        ("host: a", "host: a\rb: c"),
        ("host: a", "host: a\0"),
        ("length: 1", "length: +1"),
        ("length: 1", "length: 01"),
        ("length: 1", "length: 1, 1"),
        ("length: 1", "length: 1\r\ncontent-length: 1"),
        ("length: 1", "length: 1\r\ntransfer-encoding: chunked"),
        ("content-length: 1", "transfer-encoding: gzip"),
        ("content-length: 1", "transfer-encoding: chunked\r\ntransfer-encoding: chunked"),
        ("content-length: 1\r\n\r\nx", "transfer-encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\n\r\n"),
        ("content-length: 1\r\n\r\nx", "transfer-encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert!(matches!(request(bad.as_bytes()), Parsed::Wrong(_)), "{bad:?}");
    }
}
