//! Which endpoints are near, and what near ones can bear.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::spill::{Capacity, OVERCOMMIT};
use crate::model::{LocalityPreference, Region};
use crate::upstream::{Member, Pool};

/// Nearness sorts the endpoints of a pool into levels, and says in which order levels are filled.
pub(super) struct Nearness<'a> {
    pool: &'a Pool,
    kind: Kind<'a>,
    levels: Vec<LevelName>,
    orders: Vec<Vec<usize>>,
    level_by_index: Vec<usize>,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    /// All are alike.
    None,
    /// Own zone, own region, elsewhere.
    Zone,
    /// Own region, elsewhere.
    Region,
    /// By the client's region.
    Client(&'a [Region]),
}

/// LevelName is how near, in words.
#[derive(Clone, Debug)]
pub(super) struct LevelName {
    pub name: Option<Arc<str>>,
}

/// Level is what one level has in one set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    pub capacity: Capacity,
}

impl<'a> Nearness<'a> {
    /// Sorts the endpoints of a pool.
    pub(super) fn of(pool: &'a Pool) -> Self {
        let here = &pool.surroundings;
        let kind = match &pool.model.locality {
            Some(LocalityPreference::Zone) if here.zone.is_some() || here.region.is_some() => {
                Kind::Zone
            }
            Some(LocalityPreference::Region) if here.region.is_some() => Kind::Region,
            Some(LocalityPreference::ClientRegion { regions, .. }) => Kind::Client(regions),
            _ => Kind::None,
        };
        let names: Vec<Option<Arc<str>>> = match kind {
            Kind::None => vec![None],
            Kind::Zone => {
                vec![Some("zone".into()), Some("region".into()), Some("elsewhere".into())]
            }
            Kind::Region => vec![Some("region".into()), Some("elsewhere".into())],
            Kind::Client(regions) => regions
                .iter()
                .map(|region| Some(region.name.0.clone()))
                .chain([Some("elsewhere".into())])
                .collect(),
        };
        let orders = match kind {
            Kind::Client(regions) => client_orders(regions),
            _ => vec![(0..names.len()).collect()],
        };
        let levels = names.into_iter().map(|name| LevelName { name }).collect();
        let mut nearness = Self { pool, kind, levels, orders, level_by_index: Vec::new() };
        nearness.level_by_index =
            pool.endpoints.iter().map(|member| nearness.level(member)).collect();
        nearness
    }

    /// Returns the levels.
    pub(super) fn levels(&self) -> &[LevelName] {
        &self.levels
    }

    /// Returns the order of levels for each plan: first the default, then by client region.
    pub(super) fn orders(&self) -> &[Vec<usize>] {
        &self.orders
    }

    /// Returns the level of an endpoint.
    pub(super) fn level_of(&self, index: usize) -> usize {
        self.level_by_index.get(index).copied().unwrap_or_default()
    }

    fn level(&self, member: &Member) -> usize {
        let here = &self.pool.surroundings;
        let is_in_region = here.region.is_some() && member.region == here.region;
        match self.kind {
            Kind::None => 0,
            Kind::Zone if here.zone.is_some() && member.zone == here.zone => 0,
            Kind::Zone if is_in_region => 1,
            Kind::Zone => 2,
            Kind::Region => usize::from(!is_in_region),
            Kind::Client(regions) => regions
                .iter()
                .position(|region| member.region.as_ref() == Some(&region.name))
                .unwrap_or(regions.len()),
        }
    }

    /// Returns what each level can bear, in order. `usable` are the endpoints that take traffic.
    ///
    /// A near level bears 1.4 times its usable part. Seen from one of `n` zones it gets one nth of
    /// the requests, so it also bears at most `n` times its part of the whole capacity, times 1.4:
    /// a zone with few endpoints is not flooded by its own clients.
    pub(super) fn bearable(
        &self,
        ordered: &[Level],
        usable: impl Iterator<Item = usize>,
    ) -> Vec<f64> {
        let whole: f64 = ordered.iter().map(|level| level.capacity.usable).sum();
        let (places, last) = match self.kind {
            Kind::None => return vec![1.0],
            Kind::Client(_) => {
                return ordered.iter().map(|level| level.capacity.bearable()).collect();
            }
            Kind::Zone => (self.places(usable), 2),
            Kind::Region => (self.places(usable), 1),
        };
        let mut up_to_here = 0.0;
        let mut borne = 0.0;
        let bear = |(at, level): (usize, &Level)| {
            if level.capacity.usable <= 0.0 || at == last {
                return if level.capacity.usable > 0.0 { 1.0 } else { 0.0 };
            }
            up_to_here += level.capacity.usable;
            let is_zone = matches!(self.kind, Kind::Zone) && at == 0;
            let places = if is_zone { places.0 } else { places.1 };
            let fair = up_to_here / whole * places as f64 * OVERCOMMIT - borne;
            let bearable = level.capacity.bearable().min(fair).clamp(0.0, 1.0);
            borne += bearable;
            bearable
        };
        ordered.iter().enumerate().map(bear).collect()
    }

    /// Counts zones and regions.
    fn places(&self, usable: impl Iterator<Item = usize>) -> (usize, usize) {
        let mut zones = BTreeSet::new();
        let mut regions = BTreeSet::new();
        for member in usable.filter_map(|index| self.pool.endpoint(index)) {
            zones.insert(&member.zone);
            regions.insert(&member.region);
        }
        (zones.len(), regions.len())
    }
}

/// Orders regions for each plan: as declared, then by distance from each. Elsewhere is last.
fn client_orders(regions: &[Region]) -> Vec<Vec<usize>> {
    let declared: Vec<usize> = (0..=regions.len()).collect();
    let from = |start: &Region| {
        let mut order: Vec<(f64, usize)> = regions
            .iter()
            .enumerate()
            .map(|(index, region)| (start.location.distance_km(region.location), index))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        order.into_iter().map(|(_, index)| index).chain([regions.len()]).collect()
    };
    std::iter::once(declared).chain(regions.iter().map(from)).collect()
}
