//! Buffers, header maps and heads of requests that the exchanges of one thread use in turn, last in first out, so
//! that an idle connection holds none and the next one finds them in the cache.

use std::cell::RefCell;
use std::collections::VecDeque;

use bytes::BytesMut;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri};

/// Size of a buffer for heads and small bodies.
pub(super) const BUFFER: usize = 8 * 1024;
/// Most spare parts of a kind on a thread.
const KEPT: usize = 256;
/// A map that grew beyond this many fields is not kept.
const FIELDS_KEPT: usize = 128;

#[derive(Default)]
struct Spares {
    buffers: Vec<BytesMut>,
    /// Given back while their bytes are still in use, the oldest in front.
    lent: VecDeque<BytesMut>,
    maps: Vec<HeaderMap>,
    #[allow(clippy::vec_box, reason = "the boxes are what is kept")]
    parts: Vec<Box<Parts>>,
}

thread_local! {
    static SPARES: RefCell<Spares> = RefCell::default();
}

fn with<T>(use_spares: impl FnOnce(&mut Spares) -> Option<T>) -> Option<T> {
    SPARES.try_with(|spares| use_spares(&mut spares.borrow_mut())).ok().flatten()
}

/// Returns an empty buffer.
pub(super) fn buffer() -> BytesMut {
    with(Spares::take).unwrap_or_else(|| BytesMut::with_capacity(BUFFER))
}

impl Spares {
    fn take(&mut self) -> Option<BytesMut> {
        if let Some(buffer) = self.buffers.pop() {
            return Some(buffer);
        }
        // Of what was lent the oldest is back first.
        let is_back = self.lent.front_mut().is_some_and(|oldest| oldest.try_reclaim(BUFFER));
        if is_back { self.lent.pop_front() } else { None }
    }

    fn keep(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        let is_free = buffer.try_reclaim(BUFFER);
        if is_free && buffer.capacity() <= 2 * BUFFER && self.buffers.len() < KEPT {
            self.buffers.push(buffer);
        } else if !is_free && self.lent.len() < KEPT {
            self.lent.push_back(buffer);
        }
    }
}

/// Takes a buffer back.
pub fn keep_buffer(buffer: BytesMut) {
    if buffer.capacity() > 0 {
        // At the end of the thread there is nobody to take it.
        let _ = SPARES.try_with(|spares| spares.borrow_mut().keep(buffer));
    }
}

/// Returns how many buffers are spare.
#[cfg(test)]
pub(super) fn buffers() -> usize {
    SPARES.with_borrow(|spares| spares.buffers.len() + spares.lent.len())
}

/// Returns an empty header map.
pub fn header_map() -> HeaderMap {
    with(|spares| spares.maps.pop()).unwrap_or_default()
}

/// Takes a header map back.
pub fn keep_header_map(mut map: HeaderMap) {
    if map.capacity() > 0 && map.capacity() <= FIELDS_KEPT {
        map.clear();
        with(|spares| (spares.maps.len() < KEPT).then(|| spares.maps.push(map)));
    }
}

/// Returns the head of a request that holds nothing.
pub fn request_parts() -> Box<Parts> {
    with(|spares| spares.parts.pop()).unwrap_or_else(|| Box::new(Request::new(()).into_parts().0))
}

/// Takes the head of a request back.
pub fn keep_request_parts(mut parts: Box<Parts>) {
    if parts.headers.capacity() <= FIELDS_KEPT && parts.extensions.is_empty() {
        parts.headers.clear();
        parts.method = Method::GET;
        parts.uri = Uri::default();
        with(|spares| (spares.parts.len() < KEPT).then(|| spares.parts.push(parts)));
    }
}
