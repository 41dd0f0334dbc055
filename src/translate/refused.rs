//! Addresses that are never dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Options;

/// Where clouds tell a machine who it is, credentials among it, outside of link-local addresses: AWS,
/// Google, Azure, Alibaba and Oracle.
const METADATA: [IpAddr; 5] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// Returns why an address and port are never dialled, or nothing where they may be.
///
/// In a cluster whoever may write an EndpointSlice or a pool must not reach Weir's own loopback,
/// the node's, or a cloud's metadata service through it.
/// Source: CVE-2021-25737, CVE-2021-25740.
pub(super) fn refusal(socket: SocketAddr, options: &Options) -> Option<&'static str> {
    if options.own.contains(&socket) {
        return Some("where Weir itself listens");
    }
    refusal_of(socket.ip(), options.standalone)
}

fn refusal_of(address: IpAddr, standalone: bool) -> Option<&'static str> {
    let address = meant(address);
    let everywhere = match address {
        _ if address.is_unspecified() => Some("the unspecified address"),
        _ if address.is_multicast() => Some("a multicast address"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        IpAddr::V4(v4) if v4.octets().first() == Some(&0) => Some("an address of 0.0.0.0/8"),
        _ => None,
    };
    if everywhere.is_some() || standalone {
        return everywhere;
    }
    match address {
        _ if address.is_loopback() => Some("a loopback address"),
        IpAddr::V4(v4) if v4.is_link_local() => Some("a link-local or metadata address"),
        IpAddr::V6(v6) if v6.segments().first().is_some_and(|s| s & 0xffc0 == 0xfe80) => {
            Some("a link-local address")
        }
        _ if METADATA.contains(&address) => Some("a metadata address"),
        _ => None,
    }
}

/// Returns the address of version 4 that one of version 6 stands for: mapped, compatible, or behind
/// the well-known prefix of NAT64. Source: RFC 4291 §2.5.5; RFC 6052 §2.1.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let low = || {
        let [.., a, b, c, d] = v6.octets();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => low(),
        [0, 0, 0, 0, 0, 0, _, _] if v6.to_bits() > 1 => low(),
        _ => IpAddr::V6(v6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_dangerous_address_is_dialled() {
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "::ffff:0.0.0.0",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fe80::1",
            "febf::1",
            "224.0.0.1",
            "239.255.255.255",
            "ff02::1",
            "255.255.255.255",
            "fd00:ec2::254",
            "fd20:ce::254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "::ffff:168.63.129.16",
        ] {
            assert!(refusal_of(address.parse().unwrap(), false).is_some(), "{address}");
        }
        for address in [
            "10.0.0.1",
            "100.64.0.1",
            "192.168.0.1",
            "172.16.0.1",
            "240.0.0.1",
            "fd00::1",
            "2001:db8::1",
            "64:ff9b::a00:1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(refusal_of(address.parse().unwrap(), false), None, "{address}");
        }
        for (address, is_refused) in [("127.0.0.1", false), ("::1", false), ("0.1.2.3", true)] {
            let refusal = refusal_of(address.parse().unwrap(), true);
            assert_eq!(refusal.is_some(), is_refused, "{address} standalone");
        }
    }

    #[test]
    fn weir_does_not_ask_itself() {
        let own = "10.0.0.7:8080".parse().unwrap();
        let options = Options { own: [own].into(), ..Options::default() };
        assert!(refusal(own, &options).is_some());
        assert_eq!(refusal("10.0.0.7:8081".parse().unwrap(), &options), None, "another container");
    }
}
