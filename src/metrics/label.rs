//! Label values: sets that nobody outside can make larger.

/// Declares a closed set of label values.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All values, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the label's text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns the position in [`Self::ALL`].
            #[inline]
            pub(super) const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

labels! {
    /// MethodLabel is a request's method, or `other` for one that is not in RFC 9110 or RFC 5789.
    MethodLabel {
        /// GET.
        Get = "GET",
        /// HEAD.
        Head = "HEAD",
        /// POST.
        Post = "POST",
        /// PUT.
        Put = "PUT",
        /// DELETE.
        Delete = "DELETE",
        /// PATCH.
        Patch = "PATCH",
        /// OPTIONS.
        Options = "OPTIONS",
        /// CONNECT.
        Connect = "CONNECT",
        /// TRACE.
        Trace = "TRACE",
        /// Everything else.
        Other = "other",
    }
}

impl MethodLabel {
    /// Returns the label of a method; case matters. Source: RFC 9110 §9.1.
    #[inline]
    pub fn of(method: &str) -> Self {
        match method {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "PATCH" => Self::Patch,
            "OPTIONS" => Self::Options,
            "CONNECT" => Self::Connect,
            "TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }
}

labels! {
    /// CodeClass is the first digit of a status code.
    CodeClass {
        /// 100 to 199: a switch of protocols.
        Informational = "1xx",
        /// 200 to 299.
        Success = "2xx",
        /// 300 to 399.
        Redirection = "3xx",
        /// 400 to 499.
        ClientError = "4xx",
        /// 500 to 599.
        ServerError = "5xx",
        /// No answer, or a code that is none.
        None = "none",
    }
}

impl CodeClass {
    /// Returns the class of a status code; 0 stands for no answer.
    #[inline]
    pub const fn of(status: u16) -> Self {
        match status / 100 {
            1 => Self::Informational,
            2 => Self::Success,
            3 => Self::Redirection,
            4 => Self::ClientError,
            5 => Self::ServerError,
            _ => Self::None,
        }
    }
}

labels! {
    /// RetryOutcome is how a retry ended.
    RetryOutcome {
        /// It brought the answer that the client got.
        Success = "success",
        /// It failed too.
        Failure = "failure",
        /// A kept connection had been closed by the endpoint; the request went over a new one.
        StaleConnection = "stale_connection",
    }
}

labels! {
    /// ProbeResult is how one active check ended.
    ProbeResult {
        /// As expected.
        Success = "success",
        /// Answered, but not as expected.
        Unexpected = "unexpected",
        /// No connection, or one that broke.
        Unreachable = "unreachable",
        /// Not in time.
        Timeout = "timeout",
    }
}

labels! {
    /// HandshakeResult is how a client's TLS handshake ended.
    HandshakeResult {
        /// Done.
        Success = "success",
        /// Not TLS, or no version, cipher or certificate in common, or refused by the client.
        Failure = "failure",
        /// Not in time.
        Timeout = "timeout",
        /// No certificate fits the name that was asked for.
        NoCertificate = "no_certificate",
    }
}

labels! {
    /// Flood is what a client or an endpoint sent too many of over HTTP/2.
    Flood {
        /// PING.
        Ping = "ping",
        /// SETTINGS.
        Settings = "settings",
        /// PRIORITY.
        Priority = "priority",
        /// WINDOW_UPDATE.
        WindowUpdate = "window_update",
        /// DATA that holds nothing.
        EmptyData = "empty_data",
        /// RST_STREAM.
        Reset = "reset",
        /// Any other frame.
        Other = "other",
    }
}

labels! {
    /// Protocol is what a client speaks.
    Protocol {
        /// HTTP/1.0 or 1.1.
        Http1 = "http1",
        /// HTTP/2.
        Http2 = "http2",
    }
}

labels! {
    /// ReconcileResult is how a turn of the reconcile loop ended.
    ReconcileResult {
        /// A new table serves.
        Published = "published",
        /// Nothing that matters changed.
        Unchanged = "unchanged",
        /// The last good table serves on.
        Failed = "failed",
    }
}

labels! {
    /// WriteResult is how a write of a status, an Event or the Lease ended.
    WriteResult {
        /// Written.
        Success = "success",
        /// Somebody else wrote in between; it is tried again.
        Conflict = "conflict",
        /// The object is gone.
        Gone = "gone",
        /// Refused or not reached.
        Failure = "failure",
    }
}
