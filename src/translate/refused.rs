//! Addresses that are never dialled.

use std::net::{IpAddr, Ipv6Addr};

/// Returns why an address is never dialled, or nothing where it may be.
///
/// In a cluster whoever may write an EndpointSlice or a pool must not reach Weir's own loopback,
/// the node's, or a cloud's metadata service through it.
/// Source: CVE-2021-25737, CVE-2021-25740.
pub(super) fn refusal(address: IpAddr, standalone: bool) -> Option<&'static str> {
    const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let address = address.to_canonical();
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
        IpAddr::V6(METADATA_V6) => Some("a metadata address"),
        _ => None,
    }
}
