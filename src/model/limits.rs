//! Bounds, rates, retries and ejection.

use std::time::Duration;

use serde::Serialize;

/// Limits bound what endpoints have to bear at once. Nothing is no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Requests in flight in the pool.
    pub max_requests: Option<u32>,
    /// Connections open to the pool's endpoints.
    pub max_connections: Option<u32>,
    /// Requests that may wait; 0 is none.
    pub max_pending: u32,
    /// How long a request may wait.
    pub queue_timeout: Duration,
    /// Bytes of the body of a request; nothing leaves it to the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    /// Bounds of each endpoint.
    pub per_endpoint: EndpointLimits,
    /// Whether requests share connections, so that a bound of connections is none of requests.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shares_connections: bool,
}

impl Limits {
    /// Returns how many requests the pool takes at once.
    pub fn most_requests(&self) -> Option<u32> {
        self.least(self.max_requests, self.max_connections)
    }

    /// Returns how many requests an endpoint takes at once.
    pub fn most_requests_per_endpoint(&self) -> Option<u32> {
        self.least(self.per_endpoint.max_requests, self.per_endpoint.max_connections)
    }

    /// Each request needs a connection of its own, unless they share them.
    fn least(&self, requests: Option<u32>, connections: Option<u32>) -> Option<u32> {
        let connections = connections.filter(|_| !self.shares_connections);
        match (requests, connections) {
            (Some(requests), Some(connections)) => Some(requests.min(connections)),
            (requests, connections) => requests.or(connections),
        }
    }
}

/// EndpointLimits bound what one endpoint has to bear at once. Nothing is no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndpointLimits {
    /// Requests in flight.
    pub max_requests: Option<u32>,
    /// Connections.
    pub max_connections: Option<u32>,
}

/// RateLimit bounds requests per time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// Requests allowed in `per`.
    pub requests: u32,
    /// The time.
    pub per: Duration,
    /// Requests that may come at once.
    pub burst: u32,
    /// What is counted apart.
    pub key: RateKey,
}

/// RateKey says what a rate limit counts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum RateKey {
    /// All requests together.
    Pool,
    /// Each client address; IPv6 by /64.
    ClientAddress,
}

/// Retry says when a request is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// Most tries after the first.
    pub attempts: u32,
    /// What is tried again, without duplicates and in order.
    pub conditions: Vec<RetryCondition>,
    /// Retries in percent of the requests of the last 10 seconds.
    pub budget_percent: u8,
}

/// RetryCondition is something that is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum RetryCondition {
    /// No connection.
    ConnectFailure,
    /// Closed before the head of an answer.
    Reset,
    /// The try's time passed.
    Timeout,
    /// This status code.
    Status(u16),
}

/// Outlier ejects endpoints that answer real requests badly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outlier {
    /// Errors in a row that eject.
    pub consecutive_errors: u32,
    /// First ejection.
    pub base_ejection_time: Duration,
    /// Longest ejection.
    pub max_ejection_time: Duration,
    /// Most endpoints ejected at once, in percent.
    pub max_ejected_percent: u8,
}
