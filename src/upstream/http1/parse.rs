//! Parses the head of an answer.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};

use super::Violation;

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
    let mut spans = [Span::default(); FIELDS_LIMIT];
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
    let count = response.headers.len();
    for (span, field) in spans.iter_mut().zip(response.headers.iter()) {
        *span = Span::of(start, field);
    }
    let head = input.split_to(length).freeze();
    headers.clear();
    insert(&head, spans.get(..count).unwrap_or_default(), headers).ok_or(Violation::Head)?;
    Ok(Some((status, version)))
}

/// Parses fields that end with an empty line, as trailers do.
pub(super) fn parse_fields(block: &Bytes, headers: &mut HeaderMap) -> Option<()> {
    let mut fields = [httparse::EMPTY_HEADER; TRAILERS_LIMIT];
    let parsed = httparse::parse_headers(block, &mut fields).ok()?;
    let httparse::Status::Complete((length, fields)) = parsed else { return None };
    let start = block.as_ptr() as usize;
    let spans: Vec<Span> = fields.iter().map(|field| Span::of(start, field)).collect();
    (length == block.len()).then_some(())?;
    insert(block, &spans, headers)
}

/// Span is where a field's name and value stand in the head.
#[derive(Clone, Copy, Default)]
struct Span {
    name: (u32, u32),
    value: (u32, u32),
}

impl Span {
    #[allow(clippy::cast_possible_truncation, reason = "heads are at most 64 KiB")]
    fn of(start: usize, field: &httparse::Header<'_>) -> Self {
        let span = |part: &[u8]| {
            let from = (part.as_ptr() as usize).wrapping_sub(start);
            (from as u32, (from + part.len()) as u32)
        };
        Self { name: span(field.name.as_bytes()), value: span(field.value) }
    }
}

/// Values share the head's memory; names are known ones or small.
fn insert(head: &Bytes, spans: &[Span], headers: &mut HeaderMap) -> Option<()> {
    headers.reserve(spans.len());
    for span in spans {
        let name = HeaderName::from_bytes(head.get(span.name.0 as usize..span.name.1 as usize)?);
        // An empty value may lie anywhere: it is not looked up.
        let value = match span.value {
            (from, to) if from == to => Bytes::new(),
            (from, to) if to as usize <= head.len() => head.slice(from as usize..to as usize),
            _ => return None,
        };
        headers.append(name.ok()?, HeaderValue::from_maybe_shared(value).ok()?);
    }
    Some(())
}
