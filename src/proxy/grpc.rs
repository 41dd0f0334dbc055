//! gRPC: its deadlines, and what Weir says itself in its words.
//!
//! Source: gRPC over HTTP/2 (PROTOCOL-HTTP2.md).

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::metrics::Reason;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Returns whether a message is one of gRPC. `application/grpc-web` is another protocol.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = content_type.and_then(|text| text.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// Returns how long the client of a request waits, where it says so.
pub(super) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    if !is_grpc(headers) {
        return None;
    }
    let text = headers.get(TIMEOUT)?.as_bytes();
    let (unit, digits) = text.split_last()?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Turns an answer of Weir's own into one that clients of gRPC understand: a status and no body.
pub(super) fn translate(answer: Response<Bytes>, reason: Reason) -> Response<Bytes> {
    let mut answer = answer.map(|_| Bytes::new());
    *answer.status_mut() = StatusCode::OK;
    let headers = answer.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, GRPC);
    headers.extend(trailers(reason));
    answer
}

/// Returns the trailers that end an answer which cannot be completed.
pub(super) fn trailers(reason: Reason) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(STATUS, HeaderValue::from(status(reason)));
    // The meanings are plain ASCII without a percent sign, and need no escapes.
    trailers.insert(MESSAGE, HeaderValue::from_static(reason.meaning()));
    trailers
}

/// Returns the status for a reason: that of the HTTP status, but a deadline that has passed is
/// called one. Source: gRPC http-grpc-status-mapping.md.
const fn status(reason: Reason) -> u16 {
    const UNKNOWN: u16 = 2;
    const DEADLINE_EXCEEDED: u16 = 4;
    const UNIMPLEMENTED: u16 = 12;
    const INTERNAL: u16 = 13;
    const UNAVAILABLE: u16 = 14;
    match reason {
        Reason::RequestTimeout | Reason::UpstreamTimeout => DEADLINE_EXCEEDED,
        // Here and not above, so that a client does not take it for its own.
        Reason::Internal => INTERNAL,
        _ => match reason.status() {
            400 => INTERNAL,
            404 | 501 => UNIMPLEMENTED,
            429 | 502..=504 => UNAVAILABLE,
            _ => UNKNOWN,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str, timeout: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        headers.insert("grpc-timeout", timeout.parse().unwrap());
        headers
    }

    #[test]
    fn knows_grpc_by_its_content_type() {
        for (content_type, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;x=y", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/json", false),
        ] {
            assert_eq!(is_grpc(&headers(content_type, "1S")), expected, "{content_type}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn reads_timeouts() {
        for (text, expected) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("0S", Some(Duration::ZERO)),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("5u", Some(Duration::from_micros(5))),
            ("7n", Some(Duration::from_nanos(7))),
            ("100000000m", None),
            ("S", None),
            ("", None),
            ("-1S", None),
            ("1s", None),
            ("1.5S", None),
        ] {
            assert_eq!(timeout(&headers("application/grpc", text)), expected, "{text:?}");
        }
        assert_eq!(timeout(&headers("application/json", "1S")), None);
    }

    /// Source: gRPC http-grpc-status-mapping.md.
    #[test]
    fn every_reason_has_a_status() {
        for reason in Reason::ALL {
            let trailers = trailers(*reason);
            let message = trailers["grpc-message"].to_str().unwrap();
            assert!(message.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'%'));
            let expected = match (reason, reason.status()) {
                (Reason::RequestTimeout | Reason::UpstreamTimeout, _) => "4",
                (Reason::Internal, _) | (_, 400) => "13",
                (_, 404 | 501) => "12",
                (_, 429 | 502 | 503 | 504) => "14",
                _ => "2",
            };
            assert_eq!(trailers["grpc-status"], expected, "{reason}");
        }
    }
}
