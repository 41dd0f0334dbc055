//! What a choice may depend on.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::COOKIE;
use xxhash_rust::xxh3::xxh3_64;

use crate::model::HashKey;
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
    pub headers: &'a HeaderMap,
    /// Where addresses are, when a database is given.
    pub geo: Option<&'a GeoIp>,
}

impl RequestFacts<'_> {
    /// Hashes the first key that the request has, and returns which one that was.
    pub(super) fn hash<'k>(&self, keys: &'k [HashKey]) -> Option<(u64, &'k HashKey)> {
        keys.iter().find_map(|key| self.hash_of(key).map(|hash| (hash, key)))
    }

    fn hash_of(&self, key: &HashKey) -> Option<u64> {
        match key {
            HashKey::Header(name) => {
                self.headers.get(name.as_str()).map(|value| xxh3_64(value.as_bytes()))
            }
            HashKey::Cookie(name) => cookie(self.headers, name).map(xxh3_64),
            HashKey::QueryParam(name) => {
                self.query.and_then(|query| parameter(query, name)).map(|v| xxh3_64(v.as_bytes()))
            }
            HashKey::ClientAddress => Some(match self.client.to_canonical() {
                IpAddr::V4(address) => xxh3_64(&address.octets()),
                IpAddr::V6(address) => xxh3_64(&address.octets()),
            }),
            HashKey::Path => Some(xxh3_64(self.path.as_bytes())),
        }
    }
}

/// Returns the value of the first cookie of a name. Source: RFC 6265 §4.2.1.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|b| *b == b';')).find_map(
        |pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some(value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value))
        },
    )
}

/// Returns the first value of a query parameter, as it stands there.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
        (found == name).then_some(value)
    })
}
