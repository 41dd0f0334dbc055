//! Interim answers of endpoints, on their way to a client.

use std::cell::{Cell, RefCell};

use bytes::BytesMut;
use http::{HeaderMap, StatusCode};

use super::headers::clean_answer;
use super::http1;

/// Most bytes that wait for the client to read them. What does not fit is left out: the final
/// answer says it all. Source: RFC 8297 §2, an intermediary may drop 103.
const MOST: usize = 16 * 1024;

/// Early holds the interim answers that a client over HTTP/1.1 has not been sent yet. HTTP/1.0 has
/// none (RFC 9110 §15.2), and over HTTP/2 hyper's server sends none.
#[derive(Debug, Default)]
pub(super) struct Early {
    is_taken: Cell<bool>,
    // In a box, since they are rare and every connection has one of these.
    waiting: RefCell<Option<Box<BytesMut>>>,
}

impl Early {
    /// Begins a request, of a client that takes interim answers or not.
    pub(super) fn begin(&self, is_taken: bool) {
        self.is_taken.set(is_taken);
        *self.waiting.borrow_mut() = None;
    }

    /// Passes an interim answer on. Source: RFC 9110 §15.2.
    pub(super) fn pass_on(&self, status: StatusCode, fields: &mut HeaderMap) {
        if !self.is_taken.get() {
            return;
        }
        clean_answer(fields, false);
        let mut waiting = self.waiting.borrow_mut();
        let waiting = waiting.get_or_insert_default();
        let before = waiting.len();
        http1::encode_interim(waiting, status, fields);
        if waiting.len() > MOST {
            waiting.truncate(before);
        }
    }

    /// Takes what waits.
    pub(super) fn take(&self) -> Option<BytesMut> {
        self.waiting.borrow_mut().take().map(|waiting| *waiting)
    }
}
