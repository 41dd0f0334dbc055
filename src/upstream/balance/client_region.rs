//! Which region a client belongs to.

use super::RequestFacts;
use crate::model::{LocalityPreference, RegionName};
use crate::upstream::Pool;

/// Returns the region of the client, as an index into the declared ones: by its address as
/// declared, else the nearest to where the GeoIP database sees it. Nothing where the pool does not
/// ask, or nobody knows.
pub(super) fn client_region(pool: &Pool, request: &RequestFacts<'_>) -> Option<usize> {
    let Some(LocalityPreference::ClientRegion { regions, clients }) = &pool.model.locality else {
        return None;
    };
    if let Some(region) = clients.find(request.client) {
        return Some(usize::from(region)).filter(|region| *region < regions.len());
    }
    let place = request.geo?.locate(request.client)?;
    let distances = regions.iter().map(|region| place.distance_km(region.location)).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(region, _)| region)
}

/// Returns the name of a region.
pub(super) fn name(pool: &Pool, region: Option<usize>) -> Option<RegionName> {
    match &pool.model.locality {
        Some(LocalityPreference::ClientRegion { regions, .. }) => {
            regions.get(region?).map(|region| region.name.clone())
        }
        _ => None,
    }
}
