//! The body of a request, whichever codec reads it from the client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::http1;

/// ClientBody is the body of a request on its way from the client.
#[derive(Debug)]
pub(super) enum ClientBody {
    /// Read by hyper.
    Hyper(Incoming),
    /// Read by our own codec.
    Own(http1::Body),
}

/// BodyError says why a body cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// Hyper says so.
    #[error(transparent)]
    Hyper(#[from] hyper::Error),
    /// Our own codec says so.
    #[error(transparent)]
    Own(#[from] http1::BodyError),
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Hyper(body) => {
                Pin::new(body).poll_frame(context).map(|frame| frame.map(|f| f.map_err(Into::into)))
            }
            Self::Own(body) => {
                Pin::new(body).poll_frame(context).map(|frame| frame.map(|f| f.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Hyper(body) => body.is_end_stream(),
            Self::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Hyper(body) => body.size_hint(),
            Self::Own(body) => body.size_hint(),
        }
    }
}
