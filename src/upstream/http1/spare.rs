//! Buffers and header maps that the exchanges of one thread use in turn, last in first out, so
//! that an idle connection holds none and the next one finds them in the cache.

use std::cell::RefCell;

use bytes::BytesMut;
use http::HeaderMap;

/// Size of a buffer for heads and small bodies.
pub(super) const BUFFER: usize = 8 * 1024;
/// Most spare parts of a kind on a thread.
const KEPT: usize = 256;
/// A map that grew beyond this many fields is not kept.
const FIELDS_KEPT: usize = 128;

#[derive(Default)]
struct Spares {
    buffers: Vec<BytesMut>,
    maps: Vec<HeaderMap>,
}

thread_local! {
    static SPARES: RefCell<Spares> = RefCell::default();
}

fn with<T>(use_spares: impl FnOnce(&mut Spares) -> Option<T>) -> Option<T> {
    SPARES.try_with(|spares| use_spares(&mut spares.borrow_mut())).ok().flatten()
}

/// Returns an empty buffer.
pub(super) fn buffer() -> BytesMut {
    // One whose bytes are still in use elsewhere is left to them.
    if let Some(mut buffer) = with(|spares| spares.buffers.pop())
        && buffer.try_reclaim(BUFFER)
        && buffer.capacity() <= 2 * BUFFER
    {
        return buffer;
    }
    BytesMut::with_capacity(BUFFER)
}

/// Takes a buffer back.
pub fn keep_buffer(mut buffer: BytesMut) {
    buffer.clear();
    if buffer.capacity() > 0 {
        with(|spares| (spares.buffers.len() < KEPT).then(|| spares.buffers.push(buffer)));
    }
}

/// Returns how many buffers are spare.
#[cfg(test)]
pub(super) fn buffers() -> usize {
    SPARES.with_borrow(|spares| spares.buffers.len())
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
