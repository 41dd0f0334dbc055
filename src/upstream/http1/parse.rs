//! Parses the head of an answer.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, Version};

use super::{Fields, Violation};

/// Most bytes of a head.
pub(super) const HEAD_LIMIT: usize = 64 * 1024;
/// Most fields of a head.
const FIELDS_LIMIT: usize = 256;
const TRAILERS_LIMIT: usize = 64;

/// Takes one head from the front of `input` and puts its fields into `headers`, which is emptied
/// first. Returns nothing while the head is not whole.
///
/// # Errors
/// Where it is malformed or too large.
pub(super) fn parse_head(
    input: &mut BytesMut,
    headers: &mut HeaderMap,
) -> Result<Option<(StatusCode, Version)>, Violation> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_LIMIT];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut response, input, &mut fields);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_LIMIT => length,
        Ok(httparse::Status::Partial) if input.len() < HEAD_LIMIT => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Violation::HeadTooLarge),
        Err(_) => return Err(Violation::Head),
    };
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    let version = match response.version {
        Some(1) => Version::HTTP_11,
        Some(0) => Version::HTTP_10,
        _ => return Err(Violation::Head),
    };
    let status = status.ok_or(Violation::Head)?;
    let start = input.as_ptr() as usize;
    let mut found = Fields::default();
    found.note(start, response.headers);
    let head = input.split_to(length).freeze();
    headers.clear();
    found.insert(&head, headers).ok_or(Violation::Head)?;
    Ok(Some((status, version)))
}

/// Parses fields that end with an empty line, as trailers do.
pub(super) fn parse_fields(block: &Bytes, headers: &mut HeaderMap) -> Option<()> {
    let mut fields = [httparse::EMPTY_HEADER; TRAILERS_LIMIT];
    let parsed = httparse::parse_headers(block, &mut fields).ok()?;
    let httparse::Status::Complete((length, fields)) = parsed else { return None };
    let start = block.as_ptr() as usize;
    let mut found = Fields::default();
    found.note(start, fields);
    (length == block.len()).then_some(())?;
    found.insert(block, headers)
}
