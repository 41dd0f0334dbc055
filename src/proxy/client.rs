//! Who the client is: the peer, or whom trusted proxies in front say it is.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Trusted says which proxies in front are believed when they say who the client is.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    /// The most proxies that a request comes through. Default is none.
    pub hops: u8,
    /// Where they are: who connects from elsewhere is a client. Default is nowhere.
    pub networks: Vec<IpNet>,
}

impl Trusted {
    /// Returns whether a peer is one of these proxies.
    pub(super) fn is_proxy(&self, peer: IpAddr) -> bool {
        self.hops > 0 && is_in(&self.networks, peer)
    }

    /// Returns where a request came from. Each proxy appends the address that it saw, so the list is
    /// read from the right, for as long as what stands there is a proxy; what stands before came from
    /// the client and proves nothing.
    pub(super) fn trace(&self, peer: IpAddr, headers: &HeaderMap) -> Trace {
        let mut trace = Trace { client: peer.to_canonical(), hops: 0 };
        let mut listed = from_the_right(headers, "x-forwarded-for");
        while trace.hops < self.hops && self.is_proxy(trace.client) {
            trace.hops += 1;
            match listed.next().and_then(parse) {
                Some(address) => trace.client = address,
                // What lies beyond something unreadable is not known.
                None => break,
            }
        }
        trace
    }
}

/// Trace is where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    /// The client's address: the peer's, or what the outermost of the proxies saw.
    pub(super) client: IpAddr,
    /// Proxies that were believed.
    pub(super) hops: u8,
}

/// Returns whether one of the networks has an address. A socket for both families shows those of
/// version 4 as mapped ones.
pub(super) fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// Returns whether trusted proxies in front say that the client speaks https: what the outermost of
/// them saw. What stands before it came from the client and proves nothing.
pub(super) fn is_https(headers: &HeaderMap, hops: u8) -> bool {
    let seen = from_the_right(headers, "x-forwarded-proto").take(hops.into()).last();
    seen.is_some_and(|scheme| scheme.trim_ascii().eq_ignore_ascii_case(b"https"))
}

/// Returns the members of a list that may stand in several fields, the last first.
fn from_the_right<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h [u8]> {
    let values = headers.get_all(name).iter().rev();
    values.flat_map(|value| value.as_bytes().rsplit(|&byte| byte == b','))
}

fn parse(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse())
        .ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_say_what_the_client_speaks() {
        for (lines, hops, expected) in [
            (&["https"][..], 0, false),
            (&["https"], 1, true),
            (&["HTTPS "], 1, true),
            (&["http"], 1, false),
            (&["https, http"], 1, false),
            (&["https, http"], 2, true),
            (&["http", "https"], 1, true),
            (&["https"], 3, true),
            (&[], 1, false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-proto", line.parse().unwrap());
            }
            assert_eq!(is_https(&headers, hops), expected, "{lines:?} {hops}");
        }
    }

    fn trace(networks: &[&str], hops: u8, peer: &str, lines: &[&str]) -> (String, u8) {
        let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let found = Trusted { hops, networks }.trace(peer.parse().unwrap(), &headers);
        (found.client.to_string(), found.hops)
    }

    #[test]
    fn counts_trusted_hops_from_the_right() {
        for (lines, hops, expected, counted) in [
            (&["203.0.113.7"][..], 0, "10.0.0.9", 0),
            (&["203.0.113.7"], 1, "203.0.113.7", 1),
            (&["6.6.6.6, 203.0.113.7"], 1, "203.0.113.7", 1),
            (&["6.6.6.6, 203.0.113.7, 10.0.0.1"], 2, "203.0.113.7", 2),
            (&["6.6.6.6, 203.0.113.7", "10.0.0.1"], 2, "203.0.113.7", 2),
            (&["10.0.0.7, 10.0.0.1"], 1, "10.0.0.1", 1),
            (&["203.0.113.7"], 3, "203.0.113.7", 1),
            (&["10.0.0.7"], 3, "10.0.0.7", 2),
            (&[], 1, "10.0.0.9", 1),
            (&["unknown, 10.0.0.1"], 2, "10.0.0.1", 2),
            (&["unknown"], 1, "10.0.0.9", 1),
            (&["[2001:db8::1]:443"], 1, "2001:db8::1", 1),
            (&["::ffff:203.0.113.7"], 1, "203.0.113.7", 1),
        ] {
            let found = trace(&["10.0.0.0/8"], hops, "10.0.0.9", lines);
            assert_eq!(found, (expected.to_owned(), counted), "{lines:?} {hops}");
        }
    }

    #[test]
    fn only_proxies_of_the_networks_are_counted() {
        for (networks, peer, lines, expected, counted) in [
            // Who comes past the proxies is who the socket says.
            (&["10.0.0.0/8"][..], "192.0.2.1", &["203.0.113.7"][..], "192.0.2.1", 0),
            (&[], "10.0.0.9", &["203.0.113.7"], "10.0.0.9", 0),
            // Who comes past the outer proxy is who the inner one saw.
            (&["10.0.0.0/8"], "10.0.0.9", &["203.0.113.7, 192.0.2.1"], "192.0.2.1", 1),
            (
                &["10.0.0.0/8", "192.0.2.0/24"],
                "10.0.0.9",
                &["203.0.113.7, 192.0.2.1"],
                "203.0.113.7",
                2,
            ),
            (&["fd00::/8"], "fd00::1", &["2001:db8::1"], "2001:db8::1", 1),
            (&["10.0.0.0/8"], "::ffff:10.0.0.9", &["203.0.113.7"], "203.0.113.7", 1),
            (&["0.0.0.0/0"], "192.0.2.1", &["203.0.113.7"], "203.0.113.7", 2),
        ] {
            let found = trace(networks, 2, peer, lines);
            assert_eq!(found, (expected.to_owned(), counted), "{networks:?} {peer} {lines:?}");
        }
    }
}
