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

/// Returns the value of the first cookie of a name, without its quotes.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let value = raw_cookie(headers, name)?;
    Some(value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value))
}

/// Returns the value of the first cookie of a name, over all Cookie headers. Blanks around the name
/// and the value do not count; quotes belong to the value. Source: RFC 6265 §4.2.1, §5.4.
pub fn raw_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let lines = headers.get_all(COOKIE).iter();
    lines.flat_map(|line| line.as_bytes().split(|b| *b == b';')).find_map(|pair| {
        let equals = memchr::memchr(b'=', pair)?;
        let (key, value) = pair.split_at_checked(equals)?;
        let value = value.get(1..).unwrap_or_default();
        (key.trim_ascii() == name.as_bytes()).then(|| value.trim_ascii())
    })
}

/// Returns the first value of a query parameter, as it stands there.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
        (found == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_come_from_all_headers() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=1;b=\"2\" ;  c=x=y".parse().unwrap());
        headers.append("cookie", "d=4; a=9; e; f = 6 ".parse().unwrap());
        let value = |name| raw_cookie(&headers, name);
        assert_eq!(value("a"), Some(b"1".as_slice()));
        assert_eq!(value("b"), Some(b"\"2\"".as_slice()));
        assert_eq!(value("c"), Some(b"x=y".as_slice()));
        assert_eq!(value("d"), Some(b"4".as_slice()));
        assert_eq!(value("e"), None);
        assert_eq!(value("A"), None);
        assert_eq!(value("f"), Some(b"6".as_slice()));
        assert_eq!(cookie(&headers, "b"), Some(b"2".as_slice()));
    }
}
