//! Why a request went where it went.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::model::RouteId;

/// RouteTrace records every rule that was a candidate for a request, and why it lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RouteTrace {
    /// The host as it was compared.
    pub host: String,
    /// Candidates in the order in which they are tried.
    pub candidates: Vec<Candidate>,
    /// Candidates beyond the first 1,000, which are only counted.
    pub omitted: usize,
}

/// Candidate is a rule of a host that serves the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The configured hostname, or `*` for any host.
    pub hostname: Arc<str>,
    /// The route.
    pub route: RouteId,
    /// Position of the match in the route.
    pub position: usize,
    /// What became of it.
    pub verdict: Verdict,
}

/// Verdict says what became of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "name", rename_all = "snake_case")]
pub enum Verdict {
    /// It took the request.
    Won,
    /// It would match, but another came first.
    Outranked,
    /// Its path does not match.
    Path,
    /// Its method is another.
    Method,
    /// This header is missing or has another value.
    Header(Arc<str>),
    /// This query parameter is missing or has another value.
    Query(Arc<str>),
    /// This cookie is missing or has another value.
    Cookie(Arc<str>),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Won => f.write_str("takes the request"),
            Self::Outranked => f.write_str("matches, but another comes first"),
            Self::Path => f.write_str("the path does not match"),
            Self::Method => f.write_str("the method is another"),
            Self::Header(name) => write!(f, "the header {name} does not match"),
            Self::Query(name) => write!(f, "the query parameter {name} does not match"),
            Self::Cookie(name) => write!(f, "the cookie {name} does not match"),
        }
    }
}

impl RouteTrace {
    const LIMIT: usize = 1_000;

    pub(super) fn record(&mut self, candidate: impl FnOnce() -> Candidate) {
        if self.candidates.len() < Self::LIMIT {
            self.candidates.push(candidate());
        } else {
            self.omitted += 1;
        }
    }
}
