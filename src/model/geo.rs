//! Places, and whose clients belong to them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::Serialize;

/// RegionName is the name of a region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RegionName(pub Arc<str>);

impl fmt::Display for RegionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Coordinates are a point on the earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Coordinates {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

impl Coordinates {
    /// Returns the great-circle distance in kilometres (haversine, on a sphere of 6,371 km).
    pub fn distance_km(self, other: Self) -> f64 {
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_latitude = (to - from) / 2.0;
        let half_longitude = (other.longitude - self.longitude).to_radians() / 2.0;
        let a = half_latitude.sin().powi(2) + from.cos() * to.cos() * half_longitude.sin().powi(2);
        2.0 * 6371.0 * a.sqrt().min(1.0).asin()
    }
}

/// ClientRegions says which clients belong to which region; the longest prefix wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientRegions {
    // By prefix length, longest first: a lookup asks one map per length in use.
    by_length: Vec<(u8, BTreeMap<IpNet, u16>)>,
}

impl ClientRegions {
    /// Makes a table of networks and region indexes; of equal networks the first counts.
    pub fn new(entries: impl IntoIterator<Item = (IpNet, u16)>) -> Self {
        let mut by_length: BTreeMap<u8, BTreeMap<IpNet, u16>> = BTreeMap::new();
        for (network, region) in entries {
            let network = network.trunc();
            by_length.entry(network.prefix_len()).or_default().entry(network).or_insert(region);
        }
        Self { by_length: by_length.into_iter().rev().collect() }
    }

    /// Returns the region of a client.
    pub fn find(&self, client: IpAddr) -> Option<u16> {
        let client = client.to_canonical();
        self.by_length.iter().find_map(|(length, networks)| {
            let network = IpNet::new(client, *length).ok()?.trunc();
            networks.get(&network).copied()
        })
    }
}
