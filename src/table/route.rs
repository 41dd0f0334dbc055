//! What is looked up, and what is found.

use std::sync::Arc;
use std::time::Duration;

use crate::metrics::{Reason, RouteStats};
use crate::model::{ClientRule, HttpsRedirect, RouteId};

/// RequestHead is what routes can ask of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// Host header or `:authority`, as it came.
    pub host: Option<&'a str>,
    /// Path in its normal form, see [`super::path::normalise`].
    pub path: &'a str,
    /// Query, without the question mark.
    pub query: Option<&'a str>,
    /// Method.
    pub method: &'a http::Method,
    /// Headers.
    pub headers: &'a http::HeaderMap,
}

/// Route leads requests to a pool.
#[derive(Debug)]
pub struct Route {
    /// Which route this is.
    pub id: RouteId,
    /// Index of its pool in the table that it was found in.
    pub pool: usize,
    /// Whether its requests are refused, because something in its declaration is wrong.
    pub is_held: bool,
    /// From the first byte of the request to the last of the answer. Nothing is no limit.
    pub request_timeout: Option<Duration>,
    /// One try, to the head of its answer. Nothing is no limit.
    pub backend_request_timeout: Option<Duration>,
    /// How clients in clear text are sent to https. Nothing serves them.
    pub https_redirect: Option<HttpsRedirect>,
    /// Which certificates clients show.
    pub client: Option<Arc<ClientRule>>,
    /// What clients see of it.
    pub stats: Arc<RouteStats>,
}

/// NoRoute says why a request matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// No route serves the host.
    #[error("no route serves this host")]
    UnknownHost,
    /// Routes serve the host, but none matches.
    #[error("routes serve this host, but none matches the request")]
    NoMatch,
}

impl NoRoute {
    /// Returns the reason that the client, the log and the metrics get.
    pub fn reason(self) -> Reason {
        match self {
            Self::UnknownHost => Reason::NoHost,
            Self::NoMatch => Reason::NoRoute,
        }
    }
}
