//! Smooth weighted turns, laid out in advance.

/// Most slots of a schedule, unless there are more items.
const MOST_SLOTS: u64 = 65_536;

// A period, in fixed point, and parts of it.
const ONE: u64 = 1 << 40;
const HALF: u64 = ONE / 2;
const GOLDEN: u64 = 679_535_556_991;

/// Schedule says whose turn it is at each position. It repeats after `len` positions, and in any
/// `len` positions in a row each item has exactly as many turns as its whole-number weight says,
/// spread as evenly as they can be.
#[derive(Debug)]
pub(super) enum Schedule {
    /// Each of so many items in order, once.
    Even(usize),
    /// Item by slot.
    Slots(Box<[u32]>),
}

impl Schedule {
    /// Lays out turns for weights that are not 0.
    ///
    /// Weights are divided by what they have in common. When more than 65,536 slots remain, they
    /// are scaled down, and each keeps at least one turn.
    pub(super) fn smooth(weights: &[u64]) -> Self {
        let weights = reduce(weights);
        if weights.iter().all(|weight| *weight == 1) {
            return Self::Even(weights.len());
        }
        // Turn t of an item is due at (t + phase) / weight of the period: sorted by that, every item
        // is as evenly spread as the others allow. Phases differ by the golden ratio, so that light
        // items do not all have their turn at once.
        let mut turns: Vec<(u64, u32)> = Vec::new();
        for (item, weight) in weights.iter().enumerate() {
            let phase = (HALF + item as u64 * GOLDEN) % ONE;
            turns.extend((0..*weight).map(|turn| ((turn * ONE + phase) / weight, item as u32)));
        }
        turns.sort_unstable();
        Self::Slots(turns.into_iter().map(|(_, item)| item).collect())
    }

    /// Returns the number of positions until it repeats.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Even(items) => *items,
            Self::Slots(slots) => slots.len(),
        }
    }

    /// Returns whose turn it is.
    pub(super) fn at(&self, position: u64) -> usize {
        let slot = (position % self.len().max(1) as u64) as usize;
        match self {
            Self::Even(_) => slot,
            Self::Slots(slots) => slots.get(slot).map_or(0, |item| *item as usize),
        }
    }
}

/// RankedSchedule is a schedule that also knows how often an item had its turn before, so that one
/// cursor drives the turns of groups and the turns inside each group.
#[derive(Debug)]
pub(super) struct RankedSchedule {
    slots: Box<[(u32, u32)]>,
    turns: Box<[u32]>,
}

impl RankedSchedule {
    /// Lays out turns for weights that are not 0.
    pub(super) fn smooth(weights: &[u64]) -> Self {
        let schedule = Schedule::smooth(weights);
        let mut turns = vec![0_u32; weights.len()];
        let slots = (0..schedule.len() as u64)
            .map(|position| {
                let item = schedule.at(position);
                let turn = turns.get_mut(item).map_or(0, |turn| {
                    *turn += 1;
                    *turn - 1
                });
                (item as u32, turn)
            })
            .collect();
        Self { slots, turns: turns.into() }
    }

    /// Returns whose turn it is, and how many turns the item had since position 0.
    pub(super) fn at(&self, position: u64) -> (usize, u64) {
        let len = self.slots.len().max(1) as u64;
        let Some(&(item, turn)) = self.slots.get((position % len) as usize) else { return (0, 0) };
        let per_period = self.turns.get(item as usize).copied().unwrap_or_default();
        (item as usize, (position / len) * u64::from(per_period) + u64::from(turn))
    }
}

/// Turns shares into whole numbers that sum to `slots`, by the largest remainder; each keeps at
/// least 1.
pub(super) fn whole_numbers(shares: &[f64], slots: u64) -> Vec<u64> {
    let total: f64 = shares.iter().sum();
    let exact = |share: &f64| share / total * slots as f64;
    let mut whole: Vec<u64> =
        shares.iter().map(|share| (exact(share).floor() as u64).max(1)).collect();
    let missing = slots.saturating_sub(whole.iter().sum());
    let mut by_remainder: Vec<usize> = (0..shares.len()).collect();
    let remainder = |item: &usize| shares.get(*item).map_or(0.0, |share| exact(share).fract());
    by_remainder.sort_by(|a, b| remainder(b).total_cmp(&remainder(a)));
    for item in by_remainder.into_iter().take(missing as usize) {
        if let Some(whole) = whole.get_mut(item) {
            *whole += 1;
        }
    }
    whole
}

fn reduce(weights: &[u64]) -> Vec<u64> {
    let most = MOST_SLOTS.max(weights.len() as u64);
    let divided = divide(weights.to_vec());
    if divided.iter().fold(0_u64, |sum, weight| sum.saturating_add(*weight)) <= most {
        return divided;
    }
    let shares: Vec<f64> = divided.iter().map(|weight| *weight as f64).collect();
    divide(whole_numbers(&shares, most))
}

fn divide(mut weights: Vec<u64>) -> Vec<u64> {
    let common = weights.iter().fold(0, |a, b| gcd(a, *b));
    if common > 1 {
        for weight in &mut weights {
            *weight /= common;
        }
    }
    weights
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
