//! Consistent hashing: the same key leads to the same endpoint.

use super::Round;
use crate::upstream::balance::selection::{Hashing, Plan, Selection};

/// Places that are looked at before any usable endpoint is taken.
const LOOKS: usize = 512;

/// Takes the endpoint of a hash, or the one that comes next when it cannot be used.
pub(in crate::upstream::balance) fn hashed(round: &Round<'_>, hash: u64) -> Option<usize> {
    let usable = |at| round.usable(at).map(|choice| choice.index as usize);
    let found = match &round.table.hashing {
        Hashing::Ring(ring) => ring.walk(hash).take(LOOKS).find_map(usable),
        Hashing::Maglev(maglev) => maglev.walk(hash).take(LOOKS).find_map(usable),
        Hashing::None => None,
    };
    found.or_else(|| round.first_usable_from((hash % round.choices.len().max(1) as u64) as usize))
}

/// Chooses the group of a hash by weighted rendezvous: when loads change, only the keys move that
/// have to.
pub(in crate::upstream::balance) fn group_by_hash(
    selection: &Selection,
    plan_index: usize,
    plan: &Plan,
    hash: u64,
) -> Option<usize> {
    let outline =
        selection.outline.plans.get(plan_index).or_else(|| selection.outline.plans.first())?;
    let score = |group: u32| {
        let key = selection.tables.get(group as usize)?.key;
        let load = *outline.loads.get(group as usize)?;
        // Evenly in (0, 1): 53 bits, never 0.
        let even = ((mix(hash ^ key) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        Some(-even.ln() / load)
    };
    let mut best: Option<(f64, u32)> = None;
    for group in &plan.groups {
        let score = score(*group)?;
        if best.is_none_or(|(least, _)| score < least) {
            best = Some((score, *group));
        }
    }
    best.map(|(_, group)| group as usize)
}

/// Spreads the bits of a number evenly. Source: Steele et al., SplitMix64.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
