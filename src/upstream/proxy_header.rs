//! The PROXY header that tells an endpoint who its client is.
//! Source: haproxy.org/download/2.9/doc/proxy-protocol.txt.

use std::net::{IpAddr, SocketAddr};

use ppp::{v1, v2};

use super::Parties;
use crate::model::ProxyProtocol;

/// Returns the header; without parties Weir speaks for itself, as in a health check.
pub(super) fn header(version: ProxyProtocol, parties: Option<Parties>) -> Vec<u8> {
    let parties = parties.map(|Parties { client, own }| same_family(client, own));
    match version {
        ProxyProtocol::V1 => {
            let addresses = parties.map_or(v1::Addresses::Unknown, v1::Addresses::from);
            addresses.to_string().into_bytes()
        }
        ProxyProtocol::V2 => {
            let (command, addresses) = match parties {
                Some(parties) => (v2::Command::Proxy, v2::Addresses::from(parties)),
                None => (v2::Command::Local, v2::Addresses::Unspecified),
            };
            let protocol = match parties {
                Some(_) => v2::Protocol::Stream,
                None => v2::Protocol::Unspecified,
            };
            // Writing into memory does not fail; an empty header would be refused by the endpoint.
            v2::Builder::with_addresses(v2::Version::Two | command, protocol, addresses)
                .build()
                .unwrap_or_default()
        }
    }
}

/// Both as IPv4 where both are, else as IPv6: the header has no mixed form.
fn same_family(client: SocketAddr, own: SocketAddr) -> (SocketAddr, SocketAddr) {
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (client, own) = (plain(client), plain(own));
    if client.is_ipv4() == own.is_ipv4() {
        return (client, own);
    }
    let wide = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    (wide(client), wide(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parties(client: &str, own: &str) -> Parties {
        Parties { client: client.parse().unwrap(), own: own.parse().unwrap() }
    }

    fn line(parties: Parties) -> String {
        String::from_utf8(header(ProxyProtocol::V1, Some(parties))).unwrap()
    }

    #[test]
    fn lines() {
        assert_eq!(
            line(parties("192.0.2.1:5000", "10.0.0.1:80")),
            "PROXY TCP4 192.0.2.1 10.0.0.1 5000 80\r\n"
        );
        assert_eq!(
            line(parties("[2001:db8::1]:5000", "[2001:db8::2]:443")),
            "PROXY TCP6 2001:db8::1 2001:db8::2 5000 443\r\n"
        );
        // A listener of both families sees clients of IPv4 so.
        assert_eq!(
            line(parties("[::ffff:192.0.2.1]:5000", "[::ffff:10.0.0.1]:80")),
            "PROXY TCP4 192.0.2.1 10.0.0.1 5000 80\r\n"
        );
        assert_eq!(
            line(parties("192.0.2.1:5000", "[2001:db8::2]:443")),
            "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 5000 443\r\n"
        );
        assert_eq!(header(ProxyProtocol::V1, None), b"PROXY UNKNOWN\r\n");
    }

    #[test]
    fn binary() {
        const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
        let v4 = header(ProxyProtocol::V2, Some(parties("192.0.2.1:5000", "10.0.0.1:80")));
        let tail = [0x21, 0x11, 0, 12, 192, 0, 2, 1, 10, 0, 0, 1, 0x13, 0x88, 0, 80];
        assert_eq!(v4, [SIGNATURE, &tail].concat());
        let v6 = header(ProxyProtocol::V2, Some(parties("[2001:db8::1]:1", "[2001:db8::2]:2")));
        assert_eq!(v6.get(..16).unwrap(), [SIGNATURE, &[0x21, 0x21, 0, 36]].concat());
        assert_eq!(v6.len(), 16 + 36);
        assert_eq!(header(ProxyProtocol::V2, None), [SIGNATURE, &[0x20, 0, 0, 0]].concat());
    }
}
