//! Which clients may ask.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

/// Access says which clients may ask. What is denied is denied, also where it is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Access {
    /// Who alone may ask; nothing is everybody.
    pub allow: Option<Networks>,
    /// Who may not.
    pub deny: Networks,
}

impl Access {
    /// Lets nobody in.
    pub fn nobody() -> Self {
        Self { allow: Some(Networks::default()), deny: Networks::default() }
    }

    /// Returns whether a client may ask.
    pub fn admits(&self, client: IpAddr) -> bool {
        !self.deny.contains(client)
            && self.allow.as_ref().is_none_or(|networks| networks.contains(client))
    }
}

/// Networks is a set of networks, quick to ask however many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Networks {
    /// Without those that lie in another, by their first address: no two overlap.
    disjoint: Vec<IpNet>,
}

impl Networks {
    /// Makes a set.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let networks: Vec<IpNet> = networks.into_iter().map(canonical).collect();
        Self { disjoint: IpNet::aggregate(&networks) }
    }

    /// Returns whether an address lies in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let behind = self.disjoint.partition_point(|network| network.network() <= address);
        let last = behind.checked_sub(1).and_then(|index| self.disjoint.get(index));
        last.is_some_and(|network| network.contains(&address))
    }
}

/// A mapped address of version 4 is one of version 4, as those of clients are.
fn canonical(network: IpNet) -> IpNet {
    let network = network.trunc();
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (address @ IpAddr::V4(_), Some(length)) if network.addr().is_ipv6() => {
            IpNet::new(address, length).unwrap_or(network)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks::new(texts.iter().map(|text| text.parse().unwrap()))
    }

    #[test]
    fn what_is_denied_is_denied() {
        let access = Access {
            allow: Some(networks(&["10.0.0.0/8", "2001:db8::/32"])),
            deny: networks(&["10.1.0.0/16", "::ffff:10.2.0.0/112"]),
        };
        for (client, expected) in [
            ("10.0.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("10.1.2.3", false),
            ("10.2.2.3", false),
            ("10.3.2.3", true),
            ("11.0.0.1", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(access.admits(client.parse().unwrap()), expected, "{client}");
        }
        assert!(Access::default().admits("192.0.2.1".parse().unwrap()));
        assert!(!Access::nobody().admits("192.0.2.1".parse().unwrap()));
    }

    proptest! {
        /// Against asking every network.
        #[test]
        fn agrees_with_a_list(
            entries in prop::collection::vec((0u32..64, 24u8..=32, any::<bool>()), 0..20),
            asked in 0u32..64,
        ) {
            let address = |low: u32, is_v6: bool| -> IpAddr {
                if is_v6 {
                    std::net::Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(low)).into()
                } else {
                    std::net::Ipv4Addr::from(0xC000_0200 | low).into()
                }
            };
            let all: Vec<IpNet> = entries
                .iter()
                .map(|&(low, length, is_v6)| {
                    let length = if is_v6 { length + 96 } else { length };
                    IpNet::new(address(low, is_v6), length).unwrap()
                })
                .collect();
            let set = Networks::new(all.iter().copied());
            for is_v6 in [false, true] {
                let asked = address(asked, is_v6);
                prop_assert_eq!(set.contains(asked), all.iter().any(|n| n.contains(&asked)));
            }
        }
    }
}
