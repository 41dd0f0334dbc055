//! Fields of a head, from places in its bytes to a map.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use smallvec::SmallVec;

use super::names;

/// Fields are where the fields of a head stand in it, so that it can be taken out of its buffer
/// before there are values that share its memory.
#[derive(Debug, Default)]
pub struct Fields(SmallVec<[Span; 32]>);

/// Span is where a field's name and value stand.
#[derive(Clone, Copy, Debug)]
struct Span {
    name: (u32, u32),
    value: (u32, u32),
}

impl Fields {
    /// Notes where fields stand that were parsed out of a head that begins at the address `start`.
    // In place: it is large, and what returns it copies it.
    #[allow(clippy::cast_possible_truncation, reason = "heads are far smaller than 4 GiB")]
    pub fn note(&mut self, start: usize, fields: &[httparse::Header<'_>]) {
        let span = |part: &[u8]| {
            let from = (part.as_ptr() as usize).wrapping_sub(start);
            (from as u32, (from + part.len()) as u32)
        };
        let spans = fields
            .iter()
            .map(|field| Span { name: span(field.name.as_bytes()), value: span(field.value) });
        self.0.extend(spans);
    }

    /// Puts the fields of `head` into a map. Values share its memory; names are known ones or
    /// small. Nothing where one is no field.
    pub fn insert(&self, head: &Bytes, headers: &mut HeaderMap) -> Option<()> {
        headers.reserve(self.0.len());
        for span in &self.0 {
            let name = head.get(span.name.0 as usize..span.name.1 as usize)?;
            // An empty value may lie anywhere: it is not looked up.
            let value = match span.value {
                (from, to) if from == to => Bytes::new(),
                (from, to) if to as usize <= head.len() => head.slice(from as usize..to as usize),
                _ => return None,
            };
            let name = names::parse(name)?;
            headers.append(name, HeaderValue::from_maybe_shared(value).ok()?);
        }
        Some(())
    }
}
