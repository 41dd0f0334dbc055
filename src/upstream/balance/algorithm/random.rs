//! By chance and weight.

use super::Round;

/// Takes any, as likely as its weight says.
pub(in crate::upstream::balance) fn random(
    round: &Round<'_>,
    random: &mut fastrand::Rng,
) -> Option<usize> {
    // Drawn again rather than the next one: else neighbours of the unavailable get twice as much.
    (0..DRAWS)
        .find_map(|_| round.usable(draw(round, random)))
        .map(|choice| choice.index as usize)
        .or_else(|| round.first_usable_from(draw(round, random)))
}

const DRAWS: usize = 8;

/// Draws the place of a choice by weight.
pub(super) fn draw(round: &Round<'_>, random: &mut fastrand::Rng) -> usize {
    let schedule = &round.table.schedule;
    schedule.at(random.u64(..schedule.len().max(1) as u64))
}
