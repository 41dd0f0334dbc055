//! How load flows from what is first or near to what is next.

/// How much more than its fair part a place can bear.
pub(super) const OVERCOMMIT: f64 = 1.4;

/// Fills places in order, each up to what it can bear; the rest flows on to the next. When all
/// together cannot bear everything, each takes more in proportion. The loads sum to 1, unless
/// nothing can be borne at all.
pub(super) fn spill(bearable: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut left = 1.0_f64;
    let mut loads: Vec<f64> = bearable
        .into_iter()
        .map(|most| {
            let load = most.clamp(0.0, 1.0).min(left);
            // What rounding leaves is nothing.
            left = if left - load < 1e-9 { 0.0 } else { left - load };
            load
        })
        .collect();
    let borne = 1.0 - left;
    if borne > 0.0 && left > 0.0 {
        for load in &mut loads {
            *load /= borne;
        }
    }
    loads
}

/// Capacity is what a place has, and what of it is usable now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Capacity {
    /// All that is not ending.
    pub total: f64,
    /// What takes traffic.
    pub usable: f64,
}

impl Capacity {
    /// Adds a part.
    pub(super) fn add(&mut self, weight: f64, counts: bool, is_usable: bool) {
        self.total += if counts { weight } else { 0.0 };
        self.usable += if is_usable { weight } else { 0.0 };
    }

    /// Returns what it can bear of what is meant for it.
    pub(super) fn bearable(self) -> f64 {
        // Endpoints that are ending are usable without counting: the last resort bears everything.
        if self.total > 0.0 { self.usable / self.total * OVERCOMMIT } else { self.usable }
    }
}
