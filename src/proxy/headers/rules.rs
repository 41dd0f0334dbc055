//! Which fields go on, and which Weir adds. Source: RFC 9110 §7.6.1; RFC 7239.

use bytes::BytesMut;
use http::header::{
    CONNECTION, COOKIE, HeaderName, PROXY_AUTHENTICATE, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue};

/// Added is what Weir says of a request to the endpoint.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Added<'a> {
    /// Address of the peer, as text.
    pub(in crate::proxy) peer: &'a str,
    /// `http` or `https`.
    pub(in crate::proxy) scheme: &'a str,
    /// Host that the client asked.
    pub(in crate::proxy) host: &'a str,
    /// Port that the client asked.
    pub(in crate::proxy) port: u16,
    /// Whether a trusted proxy stands in front, whose words are kept.
    pub(in crate::proxy) is_trusted: bool,
    /// Request id, where the client's is not kept.
    pub(in crate::proxy) request_id: &'a str,
    /// Whether the request asks to switch to WebSocket.
    pub(in crate::proxy) is_upgrade: bool,
    /// The client's certificate, where it was judged.
    pub(in crate::proxy) client_cert: Option<&'a str>,
}

/// Fields that are about one connection, or that Weir writes itself.
pub(in crate::proxy) struct Dropped<'a> {
    headers: &'a HeaderMap,
    lists_more: bool,
    joins_cookies: bool,
    /// Whether a trusted proxy stands in front: what it says in words that Weir does not know stays.
    is_trusted: bool,
}

impl<'a> Dropped<'a> {
    pub(in crate::proxy) fn of(headers: &'a HeaderMap, is_trusted: bool) -> Self {
        let lists_more = options(headers).any(|option| {
            !matches!(
                option.to_ascii_lowercase().as_slice(),
                b"close" | b"keep-alive" | b"upgrade" | b"te" | b""
            )
        });
        let joins_cookies = headers.get_all(COOKIE).iter().nth(1).is_some();
        Self { headers, lists_more, joins_cookies, is_trusted }
    }

    /// Returns whether a field of the client goes on.
    pub(in crate::proxy) fn keeps(&self, name: &HeaderName) -> bool {
        let is_joined = self.joins_cookies && *name == COOKIE;
        let is_taken_off = self.lists_more && is_listed(self.headers, name);
        let is_forged = !self.is_trusted && is_forwarded(name.as_str());
        !is_own(name.as_str()) && !is_forged && !is_joined && !is_taken_off
    }
}

fn options(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// A client may have its own fields taken off, but none that decides what the request means.
fn is_listed(headers: &HeaderMap, name: &HeaderName) -> bool {
    let is_vital = matches!(
        name.as_str(),
        "authorization" | "cookie" | "content-type" | "content-encoding" | "expect" | "range"
    );
    !is_vital
        && options(headers).any(|option| option.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

/// Names that never go on as the client wrote them, by their length. The model says of all of them
/// that they are taken.
pub(super) const NEVER_ON: [&[&str]; 19] = [
    &[],
    &[],
    &["te"],
    &[],
    &[],
    &["proxy"],
    &["expect"],
    &["upgrade"],
    &[],
    &["forwarded", "x-real-ip"],
    &["connection", "keep-alive"],
    &["client-cert"],
    &["x-request-id"],
    &[],
    &["http2-settings"],
    &["x-forwarded-for"],
    &["x-forwarded-host", "x-forwarded-port", "proxy-connection"],
    &["x-forwarded-proto", "transfer-encoding", "client-cert-chain"],
    &["x-forwarded-prefix"],
];

/// It frames a message, and is written by the codec alone; but not in other spellings.
const LENGTH: &str = "content-length";

/// Returns whether a field is of those that never go on. An underscore or a dot counts as a dash:
/// many programs behind read it so.
fn is_own(name: &str) -> bool {
    let own = NEVER_ON.get(name.len()).copied().unwrap_or_default();
    own.iter().any(|own| begins_with(name, own))
        || (name.len() == LENGTH.len() && name != LENGTH && begins_with(name, LENGTH))
}

/// Returns whether a field speaks for a proxy, in whatever word.
fn is_forwarded(name: &str) -> bool {
    const WORD: &str = "x-forwarded-";
    name.len() > WORD.len() && begins_with(name, WORD)
}

/// Compares the beginning of a name; an underscore or a dot counts as a dash.
fn begins_with(name: &str, word: &str) -> bool {
    let same = |a: u8, b: u8| a == b || (b == b'-' && matches!(a, b'_' | b'.'));
    name.bytes().zip(word.bytes()).all(|(a, b)| same(a, b))
}

/// Sink is where fields are written, piece by piece.
pub(in crate::proxy) trait Sink {
    /// Begins a field.
    fn begin(&mut self, name: &'static str);
    /// Writes more of its value.
    fn push(&mut self, value: &[u8]);
    /// Ends it.
    fn end(&mut self);

    /// Writes a whole field.
    fn field(&mut self, name: &'static str, value: &[u8]) {
        self.begin(name);
        self.push(value);
        self.end();
    }
}

impl Sink for BytesMut {
    fn begin(&mut self, name: &'static str) {
        self.extend_from_slice(name.as_bytes());
        self.extend_from_slice(b": ");
    }

    fn push(&mut self, value: &[u8]) {
        self.extend_from_slice(value);
    }

    fn end(&mut self) {
        self.extend_from_slice(b"\r\n");
    }
}

/// FieldSink writes fields into a map.
pub(in crate::proxy) struct FieldSink<'a> {
    headers: &'a mut HeaderMap,
    name: &'static str,
    value: BytesMut,
}

impl<'a> FieldSink<'a> {
    pub(in crate::proxy) fn new(headers: &'a mut HeaderMap) -> Self {
        Self { headers, name: "", value: BytesMut::new() }
    }
}

impl Sink for FieldSink<'_> {
    fn begin(&mut self, name: &'static str) {
        self.name = name;
    }

    fn push(&mut self, value: &[u8]) {
        self.value.extend_from_slice(value);
    }

    fn end(&mut self) {
        if let Ok(value) = HeaderValue::from_maybe_shared(self.value.split().freeze()) {
            self.headers.append(HeaderName::from_static(self.name), value);
        }
    }
}

/// Writes the lines that Weir adds over HTTP/1.1.
pub(in crate::proxy) fn add(out: &mut BytesMut, headers: &HeaderMap, added: &Added<'_>) {
    add_fields(out, headers, added);
    connection(out, headers, added);
}

/// Writes the fields that Weir adds over HTTP/2, where nothing is about one connection but that
/// trailers are welcome. Source: RFC 9113 §8.2.2.
pub(in crate::proxy) fn add_http2(out: &mut HeaderMap, headers: &HeaderMap, added: &Added<'_>) {
    add_fields(&mut FieldSink::new(out), headers, added);
    if wants_trailers(headers) {
        out.insert(TE, HeaderValue::from_static("trailers"));
    }
}

fn add_fields(out: &mut impl Sink, headers: &HeaderMap, added: &Added<'_>) {
    forwarded_for(out, headers, added);
    // What is looked up by its text costs a parse, so nothing is where nothing is believed.
    let kept = |name: &str| if added.is_trusted { headers.get(name) } else { None };
    let mut keep_or = |name: &'static str, own: &str| match kept(name) {
        Some(value) => out.field(name, value.as_bytes()),
        None => out.field(name, own.as_bytes()),
    };
    keep_or("x-forwarded-proto", added.scheme);
    if !added.host.is_empty() {
        keep_or("x-forwarded-host", added.host);
    }
    let mut digits = [0; 5];
    keep_or("x-forwarded-port", decimal(added.port, &mut digits));
    keep_or("x-request-id", added.request_id);
    for name in ["x-real-ip", "x-forwarded-prefix"] {
        if let Some(value) = kept(name) {
            out.field(name, value.as_bytes());
        }
    }
    forwarded(out, headers, added);
    if let Some(certificate) = added.client_cert {
        // Source: RFC 9440 §2.2.
        out.field("client-cert", certificate.as_bytes());
    }
    if headers.get_all(COOKIE).iter().nth(1).is_some() {
        let crumbs: Vec<&[u8]> =
            headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        out.field("cookie", &crumbs.join(&b"; "[..]));
    }
}

fn forwarded_for(out: &mut impl Sink, headers: &HeaderMap, added: &Added<'_>) {
    out.begin("x-forwarded-for");
    if added.is_trusted {
        for value in headers.get_all("x-forwarded-for") {
            out.push(value.as_bytes());
            out.push(b", ");
        }
    }
    out.push(added.peer.as_bytes());
    out.end();
}

fn forwarded(out: &mut impl Sink, headers: &HeaderMap, added: &Added<'_>) {
    out.begin("forwarded");
    if added.is_trusted {
        for value in headers.get_all("forwarded") {
            out.push(value.as_bytes());
            out.push(b", ");
        }
    }
    let is_v6 = added.peer.contains(':');
    let (open, close): (&[u8], &[u8]) = if is_v6 { (b"\"[", b"]\"") } else { (b"", b"") };
    for part in [b"for=", open, added.peer.as_bytes(), close, b";proto="] {
        out.push(part);
    }
    out.push(added.scheme.as_bytes());
    if !added.host.is_empty() {
        // A port or brackets need quotes. Source: RFC 7239 §4.
        let quote: &[u8] = if added.host.contains(':') { b"\"" } else { b"" };
        for part in [b";host=", quote, added.host.as_bytes(), quote] {
            out.push(part);
        }
    }
    out.end();
}

fn wants_trailers(headers: &HeaderMap) -> bool {
    headers.get_all(TE).iter().any(|value| {
        value
            .as_bytes()
            .split(|&byte| byte == b',')
            .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    })
}

fn connection(out: &mut BytesMut, headers: &HeaderMap, added: &Added<'_>) {
    let lines: &[u8] = match (added.is_upgrade, wants_trailers(headers)) {
        (true, true) => b"connection: upgrade, te\r\nupgrade: websocket\r\nte: trailers\r\n",
        (true, false) => b"connection: upgrade\r\nupgrade: websocket\r\n",
        (false, true) => b"connection: te\r\nte: trailers\r\n",
        (false, false) => b"",
    };
    out.extend_from_slice(lines);
}

fn decimal(number: u16, digits: &mut [u8; 5]) -> &str {
    let mut rest = number;
    let mut start = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        start = index;
        if rest == 0 {
            break;
        }
    }
    digits.get(start..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
}

/// Takes off an answer's fields that are about the endpoint's connection.
pub(in crate::proxy) fn clean_answer(headers: &mut HeaderMap, is_upgrade: bool) {
    // A look for one name costs a hash, and what is taken off is nearly never there.
    let is_for_one_hop =
        |name: &HeaderName| *name == CONNECTION || *name == UPGRADE || HOP_BY_HOP.contains(name);
    if headers.keys().any(is_for_one_hop) {
        take_off(headers, is_upgrade);
    }
    if is_upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

fn take_off(headers: &mut HeaderMap, is_upgrade: bool) {
    if headers.contains_key(CONNECTION) {
        let listed: Vec<HeaderName> =
            options(headers).filter_map(|name| HeaderName::from_bytes(name).ok()).collect();
        for name in listed {
            let is_vital = matches!(
                name.as_str(),
                "content-length" | "content-type" | "content-encoding" | "set-cookie" | "location"
            );
            let is_asked = is_upgrade && name == UPGRADE;
            if !is_vital && !is_asked {
                headers.remove(name);
            }
        }
        headers.remove(CONNECTION);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    if !is_upgrade {
        headers.remove(UPGRADE);
    }
}

pub(super) const HOP_BY_HOP: [HeaderName; 5] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    TE,
    PROXY_AUTHENTICATE,
];
