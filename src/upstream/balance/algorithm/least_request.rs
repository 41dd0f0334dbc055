//! Fewest requests in flight for the weight.

use super::Round;
use super::random::draw;

/// Takes a choice with the fewest requests in flight for its weight: a true minimum, not the
/// better of two.
///
/// Whoever has its turn wins ties, and wins at once when it is idle. Otherwise everybody is looked
/// at, from a place drawn by weight, so that nobody gains by standing behind somebody busy.
pub(in crate::upstream::balance) fn least_request(
    round: &Round<'_>,
    random: &mut fastrand::Rng,
) -> Option<usize> {
    let turn = round.table.schedule.at(round.position);
    let start = draw(round, random) % round.choices.len().max(1);
    let others = (start..round.choices.len()).chain(0..start);
    let mut best: Option<(u64, u64, u32)> = None;
    for at in std::iter::once(turn).chain(others) {
        let Some(choice) = round.usable(at) else { continue };
        let load = u64::from(round.state(choice)?.in_flight());
        if load == 0 {
            return Some(choice.index as usize);
        }
        // load / weight < best load / best weight, in whole numbers.
        if best.is_none_or(|(least, weight, _)| load * weight < least * choice.weight) {
            best = Some((load, choice.weight, choice.index));
        }
    }
    best.map(|(_, _, index)| index as usize)
}
