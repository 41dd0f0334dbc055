//! Smooth weighted round robin.

use super::Round;

/// Takes whoever has its turn. One that became unavailable since the turns were laid out passes
/// its turn on, until they are laid out anew.
pub(in crate::upstream::balance) fn round_robin(round: &Round<'_>) -> Option<usize> {
    let schedule = &round.table.schedule;
    // In a long schedule, the same few may follow each other: look at each endpoint then.
    let looks = schedule.len().min(LOOKS) as u64;
    (0..looks)
        .find_map(|ahead| round.usable(schedule.at(round.position.wrapping_add(ahead))))
        .map(|choice| choice.index as usize)
        .or_else(|| round.first_usable_from(schedule.at(round.position)))
}

const LOOKS: usize = 64;
