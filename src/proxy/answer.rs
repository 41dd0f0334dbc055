//! Answers that Weir makes itself.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER,
};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, Version};

use crate::metrics::Reason;

/// Refusal is a request that gets no endpoint's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    /// When to come again, where that is known.
    pub(super) retry_after: Option<Duration>,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        let retry_after = match reason {
            Reason::NoEndpoint
            | Reason::PoolFull
            | Reason::EndpointFull
            | Reason::QueueFull
            | Reason::QueueTimeout
            | Reason::NotReady
            | Reason::Overloaded
            | Reason::Draining => Some(Duration::from_secs(1)),
            _ => None,
        };
        Self { reason, retry_after }
    }
}

/// Makes the answer: one line of text, and why.
pub(super) fn answer(
    refusal: Refusal,
    method: &Method,
    version: Version,
    reason_header: bool,
) -> Response<Bytes> {
    let Refusal { reason, retry_after } = refusal;
    let status = StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let phrase = status.canonical_reason().unwrap_or("Error");
    let text = if reason_header {
        format!("{} {phrase}: {}\n{}\n", status.as_u16(), reason, reason.meaning())
    } else {
        format!("{} {phrase}\n", status.as_u16())
    };
    let length = HeaderValue::from(text.len());
    let body = if *method == Method::HEAD { Bytes::new() } else { Bytes::from(text) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_LENGTH, length);
    if reason_header {
        headers.insert(REASON.clone(), HeaderValue::from_static(reason.as_str()));
    }
    if let Some(after) = retry_after {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    // After a request that is not understood, nothing on the connection is.
    if is_protocol_error(reason) && version <= Version::HTTP_11 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Moved says where a client finds what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) status: u16,
    pub(super) location: String,
}

/// Makes the answer that sends a client elsewhere.
pub(super) fn moved(moved: &Moved) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() =
        StatusCode::from_u16(moved.status).unwrap_or(StatusCode::PERMANENT_REDIRECT);
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    if let Ok(location) = HeaderValue::from_str(&moved.location) {
        headers.insert(LOCATION, location);
    }
    response
}

fn is_protocol_error(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::BadRequest | Reason::BadHost | Reason::NotImplemented | Reason::BodyTimeout
    )
}

static REASON: HeaderName = HeaderName::from_static("x-weir-reason");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_why_once_and_when_to_come_again() {
        let refusal =
            Refusal { reason: Reason::RateLimited, retry_after: Some(Duration::from_millis(1200)) };
        let response = answer(refusal, &Method::GET, Version::HTTP_11, true);
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["x-weir-reason"], "rate_limited");
        assert_eq!(response.headers()["retry-after"], "2");
        assert!(response.body().starts_with(b"429 Too Many Requests: rate_limited\n"));
        let quiet = answer(refusal, &Method::HEAD, Version::HTTP_11, false);
        assert!(!quiet.headers().contains_key("x-weir-reason") && quiet.body().is_empty());
        assert_eq!(quiet.headers()["content-length"], "22");
    }

    #[test]
    fn closes_after_what_it_does_not_understand() {
        let bad = answer(Reason::BadHost.into(), &Method::GET, Version::HTTP_11, true);
        assert_eq!(bad.headers()["connection"], "close");
        let h2 = answer(Reason::BadHost.into(), &Method::GET, Version::HTTP_2, true);
        assert!(!h2.headers().contains_key("connection"));
    }
}
