//! Why a request did not get an endpoint's answer.

use std::fmt;

/// Declares the reasons: variant, text, status, meaning.
macro_rules! reasons {
    ($($variant:ident $text:literal $status:literal $meaning:literal)+) => {
        /// Reason says why a request did not get an endpoint's answer. Metrics, access log, the
        /// `x-weir-reason` header and error pages share its text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $variant,)+
        }

        impl Reason {
            /// All reasons, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the text, which never changes.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns the status that the client gets. 499 is never sent: nobody is there any more.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// Returns the meaning, as one sentence for people.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }
    };
}

reasons! {
    NoHost "no_host" 404 "No route serves this host."
    NoRoute "no_route" 404 "Routes serve this host, but none matches the request."
    RouteInvalid "route_invalid" 503 "Something in the declaration of the route is wrong; the conditions of its object say what."
    NotReady "not_ready" 503 "The configuration has not been read yet."
    Draining "draining" 503 "This instance is shutting down."
    Overloaded "overloaded" 503 "This instance has too little memory left."
    NoEndpoint "no_endpoint" 503 "The pool has no endpoint that may take the request."
    ConnectFailed "connect_failed" 502 "No connection to the endpoint could be opened."
    ConnectTimeout "connect_timeout" 504 "Opening a connection to the endpoint took too long."
    UpstreamTls "upstream_tls" 502 "The TLS handshake with the endpoint failed."
    BackendTlsUnresolved "backend_tls_unresolved" 503 "The pool declares TLS to its endpoints, but something that it refers to is missing."
    UpstreamReset "upstream_reset" 502 "The endpoint closed the connection before it answered."
    UpstreamTimeout "upstream_timeout" 504 "The endpoint did not answer in the time of one try."
    UpstreamProtocolError "upstream_protocol_error" 502 "The endpoint's answer is not valid HTTP."
    UpstreamBodyError "upstream_body_error" 502 "The endpoint's answer broke off."
    UpgradeFailed "upgrade_failed" 502 "The endpoint did not switch protocols as it said."
    RequestTimeout "request_timeout" 504 "The route's time for the whole request passed."
    IdleTimeout "idle_timeout" 504 "Neither side sent a byte for too long."
    PoolFull "pool_full" 503 "The pool has as many requests in flight, or connections open, as it may."
    EndpointFull "endpoint_full" 503 "Every endpoint has as many requests or connections as it may."
    QueueFull "queue_full" 503 "As many requests wait for the pool as may."
    QueueTimeout "queue_timeout" 503 "The request waited for the pool too long."
    AccessDenied "access_denied" 403 "The pool's lists do not let this client in."
    CertificateRequired "certificate_required" 403 "The route wants a certificate of the client, which cannot be shown in clear text."
    RateLimited "rate_limited" 429 "More requests came than the pool's rate limit allows."
    BadRequest "bad_request" 400 "The request is not valid HTTP."
    BadPath "bad_path" 400 "The path has no single meaning."
    BadHost "bad_host" 400 "The host is missing, given twice, or not a host."
    HeadTimeout "head_timeout" 408 "The client took too long to send the head of the request."
    BodyTimeout "body_timeout" 408 "The client took too long to send the body of the request."
    HeadTooLarge "head_too_large" 431 "The head of the request is too large."
    BodyTooLarge "body_too_large" 413 "The body of the request is too large."
    UriTooLong "uri_too_long" 414 "The target of the request is too long."
    ExpectationFailed "expectation_failed" 417 "The request expects something other than 100-continue."
    Misdirected "misdirected" 421 "The host is not one that this connection's certificate was chosen for."
    NotImplemented "not_implemented" 501 "The request asks for something that is not supported."
    VersionNotSupported "version_not_supported" 505 "The version of HTTP is not supported."
    SlowReader "slow_reader" 499 "The client took too long to read the answer."
    ClientGone "client_gone" 499 "The client left before it had its answer."
    Internal "internal" 500 "A fault in this program; its log says more."
}

impl Reason {
    /// Returns the position in [`Self::ALL`].
    #[inline]
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn reasons_have_one_text_each_and_an_error_status() {
        let texts: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(texts.len(), Reason::ALL.len());
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert!((400..600).contains(&reason.status()), "{reason}");
            assert!(reason.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            assert!(reason.meaning().ends_with('.'), "{reason}");
        }
    }
}
