//! WebSocket over HTTP/2: a stream that the client opens with extended CONNECT is a WebSocket over
//! HTTP/1.1 to an endpoint that speaks that, and the other way round. Source: RFC 8441 §5.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version};
use hyper::ext::Protocol;

use super::exchange::Exchange;
use super::forward::Answered;
use crate::metrics::Reason;

/// What both sides add to the key before they hash it. Source: RFC 6455 §4.2.2.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Fields of the endpoint's answer that mean nothing over HTTP/2. Source: RFC 8441 §5.
const DROPPED: [HeaderName; 5] =
    [SEC_WEBSOCKET_ACCEPT, UPGRADE, CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH];

/// Opening is a WebSocket whose endpoint has not agreed yet.
#[derive(Debug)]
pub(super) struct Opening {
    accept: String,
}

impl Opening {
    /// Turns extended CONNECT for `websocket` into the request that opens one over HTTP/1.1. Other
    /// requests stay as they are.
    pub(super) fn of(parts: &mut Parts, random: u128) -> Option<Self> {
        if !is_asked(parts) || parts.method != Method::CONNECT {
            return None;
        }
        parts.method = Method::GET;
        // A client of HTTP/2 sends no key; one that does proves nothing with it.
        let key = STANDARD.encode(random.to_be_bytes());
        let accept = STANDARD.encode(accept_of(key.as_bytes()));
        parts.headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(&key).ok()?);
        Some(Self { accept })
    }

    /// Passes on an answer that means the same over HTTP/2: the endpoint agreed and proved that it
    /// speaks WebSocket, or it refused. A success of another kind would look like an agreement. Over
    /// HTTP/2 an endpoint proves it by its settings.
    ///
    /// # Errors
    /// Where it is neither.
    pub(super) fn check(&self, answered: Answered) -> Result<Answered, Reason> {
        let is_success = answered.status.is_success();
        let is_meant = match (&answered.exchange, answered.exchange.is_tunnel()) {
            (Exchange::Http1(_), true) => self.agrees(&answered.headers),
            (Exchange::Http2(_), true) => true,
            (_, false) => !is_success,
        };
        if is_meant { Ok(answered) } else { Err(Reason::UpgradeFailed) }
    }

    fn agrees(&self, headers: &HeaderMap) -> bool {
        let one = |name: &HeaderName| {
            let mut values = headers.get_all(name).iter();
            values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
        };
        one(&UPGRADE).is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"))
            && one(&SEC_WEBSOCKET_ACCEPT) == Some(self.accept.as_bytes())
    }
}

/// Returns whether a request over HTTP/2 asks for a WebSocket; the only protocol that is served.
pub(super) fn is_asked(parts: &Parts) -> bool {
    parts.version == Version::HTTP_2
        && parts.extensions.get::<Protocol>().is_some_and(|name| name.as_str() == "websocket")
}

/// Takes off what is about the endpoint's connection.
pub(super) fn clean(headers: &mut HeaderMap) {
    for name in &DROPPED {
        headers.remove(name);
    }
}

/// Returns whether a request opens a WebSocket as it should, so that Weir can agree to it for an endpoint
/// that sees no key. Source: RFC 6455 §4.2.1.
pub(super) fn is_whole(parts: &Parts) -> bool {
    let mut keys = parts.headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else { return false };
    // Sixteen bytes in base64.
    let is_key = key.len() == 24 && STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16);
    is_key && parts.method == Method::GET
}

/// Agrees to a client of HTTP/1.1, for an endpoint that has over HTTP/2.
pub(super) fn agree(headers: &mut HeaderMap, asked: &HeaderMap) {
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let key = asked.get(SEC_WEBSOCKET_KEY).map_or(&[][..], HeaderValue::as_bytes);
    if let Ok(proof) = HeaderValue::from_str(&STANDARD.encode(accept_of(key))) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, proof);
    }
}

fn accept_of(key: &[u8]) -> impl AsRef<[u8]> {
    let mut text = key.to_vec();
    text.extend_from_slice(GUID);
    digest(&SHA1_FOR_LEGACY_USE_ONLY, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: RFC 6455 §1.3.
    #[test]
    fn the_proof_is_that_of_the_standard() {
        let accept = STANDARD.encode(accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    /// Source: RFC 6455 §4.2.1.
    #[test]
    fn a_key_is_sixteen_bytes_once_in_a_get() {
        let is_good = |method: Method, keys: &[&str]| {
            let mut request = http::Request::new(());
            *request.method_mut() = method;
            for key in keys {
                request.headers_mut().append(SEC_WEBSOCKET_KEY, key.parse().unwrap());
            }
            is_whole(&request.into_parts().0)
        };
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        assert!(is_good(Method::GET, &[key]));
        assert!(!is_good(Method::POST, &[key]));
        for keys in [
            &[][..],
            &[key, key],
            &["dGhl"],
            &["dGhlIHNhbXBsZSBub25jZWFi"],
            &["*hlIHNhbXBsZSBub25jZQ=="],
        ] {
            assert!(!is_good(Method::GET, keys), "{keys:?}");
        }
    }

    fn connect(protocol: &'static str) -> Parts {
        let mut request = http::Request::builder()
            .method(Method::CONNECT)
            .version(Version::HTTP_2)
            .uri("https://a.test/chat")
            .header("sec-websocket-key", "mine")
            .body(())
            .unwrap();
        request.extensions_mut().insert(Protocol::from_static(protocol));
        request.into_parts().0
    }

    #[test]
    fn only_websocket_is_turned_into_a_request() {
        let mut parts = connect("websocket");
        let opening = Opening::of(&mut parts, 1).unwrap();
        assert_eq!((parts.method, parts.headers.len()), (Method::GET, 1));
        assert_eq!(parts.headers[SEC_WEBSOCKET_KEY], "AAAAAAAAAAAAAAAAAAAAAQ==");
        let answer = |upgrade: &str, accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(UPGRADE, upgrade.parse().unwrap());
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept.parse().unwrap());
            opening.agrees(&headers)
        };
        assert!(answer("WebSocket", &opening.accept));
        assert!(!answer("h2c", &opening.accept) && !answer("websocket", "x"));
        for other in ["webtransport", "WebSocket", "connect-udp", ""] {
            let mut parts = connect(other);
            assert!(Opening::of(&mut parts, 1).is_none(), "{other}");
            assert_eq!(parts.method, Method::CONNECT);
        }
    }
}
