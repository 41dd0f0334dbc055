//! How many connections each client has, over all workers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// The part of an address of version 6 that one client has: it chooses the rest as it likes.
const NETWORK_V6: u128 = !0 << 64;

/// PerClient counts connections by the address of their client; those of version 6 by its network of
/// 64 bits.
///
/// The lock is held for one look into a map, twice in the life of a connection.
#[derive(Debug, Default)]
pub(super) struct PerClient {
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl PerClient {
    /// Counts a connection for as long as the place lives. Nothing where the client has as many as
    /// it may.
    pub(super) fn admit(self: &Arc<Self>, client: IpAddr, most: usize) -> Option<Place> {
        let client = counted(client);
        let mut all = self.open.lock();
        let open = all.entry(client).or_insert(0);
        if *open >= most {
            return None;
        }
        *open += 1;
        Some(Place { of: Arc::clone(self), client })
    }
}

fn counted(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & NETWORK_V6).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Place is one connection of a client.
#[derive(Debug)]
pub(super) struct Place {
    of: Arc<PerClient>,
    client: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.of.open.lock();
        if let Some(open) = all.get_mut(&self.client) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                all.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_as_many_as_it_may_and_nothing_stays_behind() {
        let all = Arc::new(PerClient::default());
        let admit = |client: &str| all.admit(client.parse().unwrap(), 2);
        let (first, second) = (admit("192.0.2.1"), admit("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some() && admit("192.0.2.1").is_none());
        let other = admit("192.0.2.2");
        assert!(other.is_some(), "another client");
        drop(first);
        assert!(admit("192.0.2.1").is_some(), "a place that came free");
        drop((second, other));
        assert!(all.open.lock().is_empty());
    }

    #[test]
    fn addresses_of_version_6_are_counted_by_network() {
        let all = Arc::new(PerClient::default());
        let admit = |client: &str| all.admit(client.parse().unwrap(), 1);
        let first = admit("2001:db8:0:1::1");
        assert!(first.is_some() && admit("2001:db8:0:1:ffff::2").is_none());
        assert!(admit("2001:db8:0:2::1").is_some());
    }
}
