//! Parses the head of a request.

use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::request::Parts;
use http::{Method, Uri, Version};

use crate::metrics::Reason;
use crate::proxy::gate;
use crate::upstream::http1::{Fields, Framing, keeps_alive, request_parts};

/// Most fields of any head; the gate has the bound that holds.
const FIELDS_LIMIT: usize = 256;

/// Head is the head of a request, and what the connection must know of it.
#[derive(Debug)]
pub(super) struct Head {
    /// In a box, as it is handed on often.
    pub(super) parts: Box<Parts>,
    /// How the body is framed; never until the end of the connection.
    pub(super) framing: Framing,
    /// Whether the client keeps the connection for another request.
    pub(super) keeps_alive: bool,
}

/// Takes one head from the front of `input`. Nothing while it is not whole: `seen` then says how
/// much need not be looked at again, so that a head that comes byte by byte costs no more than one
/// that comes at once.
///
/// # Errors
/// Where it is malformed, ambiguous or longer than `most` bytes.
pub(super) fn parse(
    input: &mut BytesMut,
    seen: &mut usize,
    most: usize,
) -> Result<Option<Head>, Reason> {
    if *seen > 0 && !has_end(input, *seen) {
        return wait(input, seen, most);
    }
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_LIMIT];
    let mut request = httparse::Request::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_request_with_uninit_headers(&mut request, input, &mut fields);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= most => length,
        Ok(httparse::Status::Partial) => return wait(input, seen, most),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Reason::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(version_error(input)),
        Err(_) => return Err(Reason::BadRequest),
    };
    let (Some(method), Some(target), Some(version)) =
        (request.method, request.path, request.version)
    else {
        return Err(Reason::BadRequest);
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Reason::BadRequest)?;
    let version = if version == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    let start = input.as_ptr() as usize;
    let target = target.as_ptr() as usize - start..target.as_ptr() as usize - start + target.len();
    let mut found = Fields::default();
    found.note(start, request.headers);
    if has_bare_line_end(input.get(..length).unwrap_or_default()) {
        return Err(Reason::BadRequest);
    }
    *seen = 0;
    let head = input.split_to(length).freeze();
    let target = head.slice(target);
    // A fragment is never sent, and would be cut off unseen. Source: RFC 9110 §4.2.5.
    if memchr::memchr(b'#', &target).is_some() {
        return Err(Reason::BadRequest);
    }
    let mut parts = request_parts();
    parts.method = method;
    parts.uri = Uri::from_maybe_shared(target).map_err(|_| Reason::BadRequest)?;
    parts.version = version;
    found.insert(&head, &mut parts.headers).ok_or(Reason::BadRequest)?;
    let framing = gate::framing(&parts.headers, version)?;
    let keeps_alive = keeps_alive(version, &parts.headers);
    Ok(Some(Head { parts, framing, keeps_alive }))
}

/// Whether the end of a head may be in what came since.
fn has_end(input: &[u8], seen: usize) -> bool {
    let new = input.get(seen.saturating_sub(3)..).unwrap_or_default();
    memchr::memmem::find(new, b"\n\r\n").is_some() || memchr::memmem::find(new, b"\n\n").is_some()
}

fn wait(input: &[u8], seen: &mut usize, most: usize) -> Result<Option<Head>, Reason> {
    *seen = input.len();
    if input.len() < most {
        return Ok(None);
    }
    let is_line = memchr::memchr(b'\n', input).is_some();
    Err(if is_line { Reason::HeadTooLarge } else { Reason::UriTooLong })
}

/// HTTP of another version gets told so; what is no version is no request.
fn version_error(input: &[u8]) -> Reason {
    let line = input.split(|&byte| byte == b'\n').find(|line| line.len() > 1).unwrap_or_default();
    let version = line.trim_ascii_end().rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    match version {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Reason::VersionNotSupported
        }
        _ => Reason::BadRequest,
    }
}

/// Whether some line ends with LF alone: others may see no end there.
fn has_bare_line_end(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head.get(at - 1) != Some(&b'\r'))
}
