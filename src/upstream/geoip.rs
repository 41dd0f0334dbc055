//! Where a client is, by a MaxMind database file.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use crate::model::Coordinates;

/// GeoIp finds the coordinates of addresses.
pub struct GeoIp(maxminddb::Reader<Vec<u8>>);

/// Says why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the GeoIP database {path}")]
pub struct GeoIpError {
    path: String,
    source: maxminddb::MaxMindDbError,
}

impl GeoIp {
    /// Reads a database file (`.mmdb`) that knows locations.
    ///
    /// # Errors
    /// Where the file cannot be read or is no MaxMind database.
    pub fn open(path: &Path) -> Result<Self, GeoIpError> {
        maxminddb::Reader::open_readfile(path)
            .map(Self)
            .map_err(|source| GeoIpError { path: path.display().to_string(), source })
    }

    /// Returns where an address is, when the database knows.
    pub fn locate(&self, client: IpAddr) -> Option<Coordinates> {
        let city: maxminddb::geoip2::City<'_> =
            self.0.lookup(client.to_canonical()).ok()?.decode().ok()??;
        let latitude = city.location.latitude?;
        let longitude = city.location.longitude?;
        Some(Coordinates { latitude, longitude })
    }
}

impl fmt::Debug for GeoIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GeoIp({})", self.0.metadata().database_type)
    }
}
