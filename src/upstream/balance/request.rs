//! What a choice may depend on.

use std::net::IpAddr;

use crate::upstream::GeoIp;

/// RequestFacts are what a choice may depend on.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// Address of the client, proxies that are trusted taken off.
    pub client: IpAddr,
    /// Normalised path.
    pub path: &'a str,
    /// Query without `?`.
    pub query: Option<&'a str>,
    /// Headers.
    pub headers: &'a http::HeaderMap,
    /// Where addresses are, when a database is given.
    pub geo: Option<&'a GeoIp>,
}
