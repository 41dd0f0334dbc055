//! The body of a request, as the service reads it.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::link::Link;
use crate::upstream::http1::Violation;

/// Body reads from the client's connection as it is asked. It lives no longer than its request.
#[derive(Debug)]
pub(in crate::proxy) struct Body(pub(super) Rc<RefCell<Link>>);

/// BodyError says why a body cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum BodyError {
    /// The client ended the connection before.
    #[error("the request body broke off")]
    Broken,
    /// The connection broke, or the client was too slow.
    #[error("the client's connection broke")]
    Io(#[from] io::Error),
    /// The chunked coding is not valid.
    #[error("the request body is not valid: {0}")]
    Coding(Violation),
}

impl From<Violation> for BodyError {
    fn from(violation: Violation) -> Self {
        Self::Coding(violation)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.borrow_mut().poll_body(context)
    }

    fn is_end_stream(&self) -> bool {
        !self.0.borrow().has_rest()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.borrow().length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
