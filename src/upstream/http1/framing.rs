//! How long an answer's body is. Source: RFC 9112 §6.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, Version};

use super::Violation;

/// Framing says where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    Empty,
    /// After this many bytes; never 0.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// When the connection closes.
    Close,
}

/// Returns how the body of a final answer is framed.
///
/// # Errors
/// Where the answer could be read in two ways, or in none.
pub(super) fn framing(
    is_head: bool,
    status: StatusCode,
    version: Version,
    headers: &HeaderMap,
) -> Result<Framing, Violation> {
    let chunked = is_chunked(version, headers)?;
    let length = content_length(headers)?;
    if chunked && length.is_some() {
        return Err(Violation::TwoFramings);
    }
    let bodiless =
        is_head || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    Ok(match (bodiless, chunked, length) {
        (true, ..) | (false, false, Some(0)) => Framing::Empty,
        (false, true, _) => Framing::Chunked,
        (false, false, Some(length)) => Framing::Length(length),
        (false, false, None) => Framing::Close,
    })
}

fn is_chunked(version: Version, headers: &HeaderMap) -> Result<bool, Violation> {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(value) = values.next() else { return Ok(false) };
    let known = value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    if !known || values.next().is_some() || version != Version::HTTP_11 {
        return Err(Violation::TransferEncoding);
    }
    Ok(true)
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Violation> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Violation::ContentLength);
    }
    parse_decimal(value.as_bytes()).map(Some).ok_or(Violation::ContentLength)
}

/// Returns the number that is written with digits alone.
pub fn parse_decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Returns whether the sender of a message keeps the connection for another exchange.
/// Source: RFC 9112 §9.3.
pub fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    let mut keep = version == Version::HTTP_11;
    for value in headers.get_all(CONNECTION) {
        for option in value.as_bytes().split(|&byte| byte == b',') {
            let option = option.trim_ascii();
            if option.eq_ignore_ascii_case(b"close") {
                return false;
            }
            keep |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    keep
}
