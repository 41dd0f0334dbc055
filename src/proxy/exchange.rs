//! A request on its way to an endpoint, in whichever protocol that speaks.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::client_body::{BodyError, ClientBody};
use crate::metrics::Reason;
use crate::upstream::{OnInterim, http1, http2};

/// Exchange is a request whose answer has not begun, and once it has, its head.
#[derive(Debug)]
pub(super) enum Exchange {
    /// Over HTTP/1.1. In a box, as what hands it on moves it some twenty times.
    Http1(Box<(http1::Exchange<ClientBody>, Option<http1::Head>)>),
    /// Over HTTP/2.
    Http2(Box<(http2::Exchange<ClientBody>, Option<http2::Head>)>),
}

/// ExchangeError says why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExchangeError {
    /// The connection, or the stream, ended before.
    Closed,
    /// The endpoint ended TLS, for instance since it wants another certificate.
    Tls,
    /// The endpoint processed nothing of the request, and says so.
    Refused,
    /// The answer is not valid.
    Protocol,
    /// The endpoint sent too much of what brings nothing; the answer may be as good as any.
    Flood,
    /// The client's body broke off, or was stopped for a reason.
    RequestBody(Option<Reason>),
}

/// Unsent is what is left of a request whose try failed.
#[derive(Debug)]
pub(super) struct Unsent {
    /// The head as HTTP/1.1 has it; empty where it was not needed yet.
    pub(super) head: BytesMut,
    /// What is left of the body, and its length, where the request has one.
    pub(super) body: Option<(ClientBody, Option<u64>)>,
    /// Whether that is all of it: it can be sent again.
    pub(super) is_whole: bool,
    /// Whether the endpoint may have seen some of the request.
    pub(super) is_begun: bool,
    /// Whether some of an answer has come.
    pub(super) is_answered: bool,
    /// Whether the connection had carried an exchange before.
    pub(super) is_reused: bool,
}

impl Exchange {
    /// Sends the request and waits for the head of the final answer; interim answers are told as they
    /// come.
    pub(super) fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        headers: &mut HeaderMap,
        on_interim: &mut OnInterim<'_>,
    ) -> Poll<Result<StatusCode, ExchangeError>> {
        match self {
            Self::Http1(exchange) => {
                let (exchange, head) = &mut **exchange;
                exchange.poll_head(context, headers, on_interim).map(|polled| {
                    let found = polled.map_err(|error| ExchangeError::from(&error))?;
                    Ok(head.insert(found).status)
                })
            }
            Self::Http2(exchange) => {
                let (exchange, head) = &mut **exchange;
                exchange.poll_head(context, headers, on_interim).map(|polled| {
                    let found = polled.map_err(|error| ExchangeError::from(&error))?;
                    Ok(head.insert(found).status)
                })
            }
        }
    }

    /// Lets a held body go without `100 Continue`.
    pub(super) fn release(&mut self) {
        match self {
            Self::Http1(exchange) => exchange.0.release(),
            Self::Http2(exchange) => exchange.0.release(),
        }
    }

    /// Bytes of the request body that were taken from the client so far.
    pub(super) fn request_bytes(&self) -> u64 {
        match self {
            Self::Http1(exchange) => exchange.0.request_bytes(),
            Self::Http2(exchange) => exchange.0.request_bytes(),
        }
    }

    /// Whether nothing of the request body was read, so that it can be sent again.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Http1(exchange) => exchange.0.is_whole(),
            Self::Http2(exchange) => exchange.0.is_whole(),
        }
    }

    /// Returns what is left of the request body.
    pub(super) fn request_body(&mut self) -> Option<&mut ClientBody> {
        match self {
            Self::Http1(exchange) => exchange.0.request_body(),
            Self::Http2(exchange) => exchange.0.request_body(),
        }
    }

    /// Whether the client owes the next byte.
    pub(super) fn waits_for_client(&self) -> bool {
        match self {
            Self::Http1(exchange) => exchange.0.waits_for_client(),
            Self::Http2(exchange) => exchange.0.waits_for_client(),
        }
    }

    /// Whether the endpoint's answer ends HTTP here: it is a WebSocket from now on.
    pub(super) fn is_tunnel(&self) -> bool {
        match self {
            Self::Http1(exchange) => exchange
                .1
                .as_ref()
                .is_some_and(|head| head.status == StatusCode::SWITCHING_PROTOCOLS),
            Self::Http2(exchange) => {
                let (exchange, head) = &**exchange;
                head.as_ref().is_some_and(|head| exchange.is_tunnel(head))
            }
        }
    }

    /// Turns into the body of the answer; nothing where its head has not come.
    pub(super) fn into_body(self) -> Option<EndpointBody> {
        match self {
            Self::Http1(exchange) => {
                let (exchange, head) = *exchange;
                Some(EndpointBody::Http1(exchange.into_body(&head?)))
            }
            Self::Http2(exchange) => {
                let (exchange, head) = *exchange;
                Some(EndpointBody::Http2(Box::new(exchange.into_body(&head?))))
            }
        }
    }

    /// Gives back what another try needs.
    pub(super) fn into_unsent(self) -> Unsent {
        match self {
            Self::Http1(exchange) => {
                let unsent = exchange.0.into_unsent();
                Unsent {
                    head: unsent.head,
                    body: unsent.body,
                    is_whole: unsent.is_whole,
                    is_begun: unsent.is_begun,
                    is_answered: unsent.is_answered,
                    is_reused: unsent.is_reused,
                }
            }
            Self::Http2(exchange) => {
                let unsent = exchange.0.into_unsent();
                Unsent {
                    head: BytesMut::new(),
                    body: unsent.body,
                    is_whole: unsent.is_whole,
                    is_begun: unsent.is_begun,
                    is_answered: unsent.is_answered,
                    is_reused: unsent.is_reused,
                }
            }
        }
    }
}

impl From<&http1::Error> for ExchangeError {
    fn from(error: &http1::Error) -> Self {
        match error {
            http1::Error::Io(_) if error.is_tls() => Self::Tls,
            http1::Error::Closed | http1::Error::Io(_) => Self::Closed,
            http1::Error::Protocol(_) => Self::Protocol,
            http1::Error::RequestBody(error) => Self::RequestBody(BodyError::reason(&**error)),
        }
    }
}

impl From<&http2::Error> for ExchangeError {
    fn from(error: &http2::Error) -> Self {
        match error {
            http2::Error::Closed | http2::Error::Reset(_) => Self::Closed,
            http2::Error::Refused => Self::Refused,
            http2::Error::Flood => Self::Flood,
            http2::Error::Protocol(_) | http2::Error::Violation(_) => Self::Protocol,
            http2::Error::RequestBody(error) => Self::RequestBody(BodyError::reason(&**error)),
        }
    }
}

/// EndpointBody is the body of an answer on its way from the endpoint.
#[derive(Debug)]
pub(super) enum EndpointBody {
    /// Over HTTP/1.1.
    Http1(http1::Body<ClientBody>),
    /// Over HTTP/2.
    Http2(Box<http2::Body<ClientBody>>),
}

impl EndpointBody {
    /// Bytes of the request body that were taken from the client while the answer came.
    pub(super) fn request_bytes(&self) -> u64 {
        match self {
            Self::Http1(body) => body.request_bytes(),
            Self::Http2(body) => body.request_bytes(),
        }
    }
}

impl Body for EndpointBody {
    type Data = Bytes;
    type Error = ExchangeError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        match self.get_mut() {
            Self::Http1(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|error| (&error).into()))),
            Self::Http2(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|error| (&error).into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}
