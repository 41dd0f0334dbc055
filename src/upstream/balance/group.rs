//! Groups of endpoints that are alike: same tier, same backend, equally near.

use std::sync::Arc;

/// Outline is what a selection is made of, before tables are built: two equal outlines make equal
/// selections.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outline {
    pub counts: super::Counts,
    pub groups: Vec<Group>,
    /// One plan; with client regions, one more for each region.
    pub plans: Vec<PlanOutline>,
}

impl Outline {
    /// Returns for each of so many endpoints its group, and its share of the requests of a plan.
    pub(super) fn shares(&self, plan: usize, endpoints: usize) -> Vec<(Option<usize>, f64)> {
        let mut shares = vec![(None, 0.0); endpoints];
        for (at, group) in self.groups.iter().enumerate() {
            let total: u64 = group.choices.iter().map(|choice| choice.weight).sum();
            for choice in &group.choices {
                if let Some(share) = shares.get_mut(choice.index as usize) {
                    let load = self.load(plan, at);
                    *share = (Some(at), load * choice.weight as f64 / total.max(1) as f64);
                }
            }
        }
        shares
    }

    /// Returns the share of requests that a group takes in a plan, or in the first.
    pub(super) fn load(&self, plan: usize, group: usize) -> f64 {
        let plan = self.plans.get(plan).or_else(|| self.plans.first());
        plan.and_then(|plan| plan.loads.get(group)).copied().unwrap_or_default()
    }
}

/// Group is a set of endpoints that are alike.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub tier: u8,
    pub origin: Arc<str>,
    /// How near, in words; nothing where all are alike.
    pub locality: Option<Arc<str>>,
    pub choices: Vec<Choice>,
}

/// Choice is an endpoint that a group can choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    /// Index into the endpoints of the pool.
    pub index: u32,
    /// Declared weight times percent of warm-up.
    pub weight: u64,
}

/// PlanOutline is what each group takes of the requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PlanOutline {
    /// Groups with load, most preferred first: index and whole-number weight.
    pub turns: Vec<(usize, u64)>,
    /// Loads, by group.
    pub loads: Vec<f64>,
}
