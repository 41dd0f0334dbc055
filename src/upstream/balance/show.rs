//! Shows in the metrics what a pool is like now.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::Selection;
use crate::metrics::EndpointCounts;
use crate::upstream::Pool;

impl Pool {
    /// Shows a selection in the metrics.
    pub(in crate::upstream) fn show(&self, selection: &Selection) {
        let counts = selection.counts();
        self.state.stats.set_endpoints(EndpointCounts {
            total: counts.total as u32,
            ready: counts.ready as u32,
            unhealthy: counts.unhealthy as u32,
            ejected: counts.ejected as u32,
            warming: counts.warming as u32,
            terminating: counts.terminating as u32,
        });
        self.state.stats.set_panic(counts.panic);
        let taking = selection.plans.iter().flat_map(|plan| plan.groups.iter());
        let tiers = taking.filter_map(|group| selection.outline.groups.get(*group as usize));
        self.state.stats.set_tier(tiers.map(|group| group.tier).max().unwrap_or_default());
        self.show_shares(selection);
    }

    fn show_shares(&self, selection: &Selection) {
        // An endpoint of two backends has one series.
        let mut shares: BTreeMap<SocketAddr, (usize, f64)> = BTreeMap::new();
        let all = selection.outline.shares(0, self.endpoints.len());
        for (index, member) in self.endpoints.iter().enumerate() {
            if !member.state.stats.is_folded() {
                let share = all.get(index).map_or(0.0, |(_, share)| *share);
                shares.entry(member.state.address()).or_insert((index, 0.0)).1 += share;
            }
        }
        for (index, share) in shares.into_values() {
            if let Some(member) = self.endpoint(index) {
                member.state.stats.set_share(share);
            }
        }
    }

    /// Shows where endpoints belong.
    pub(in crate::upstream) fn show_places(&self) {
        // From behind: of two backends with one endpoint the first is told.
        for member in self.endpoints.iter().rev() {
            if let Some(backend) = self.backend_of(member) {
                let region = member.region.as_ref().map(|region| &region.0);
                member.state.stats.set_place(&backend.origin, member.zone.as_ref(), region);
            }
        }
    }
}
