//! Smooth weighted round robin.

use super::Round;

/// Takes whoever has its turn. Turns of those that cannot be used, until the turns are laid out
/// anew, are spread over the others by their weights: a second cursor walks the same turns for
/// them. Handed to the next in line, one endpoint would get all of them.
pub(in crate::upstream::balance) fn round_robin(round: &Round<'_>) -> Option<usize> {
    let schedule = &round.table.schedule;
    if let Some(choice) = round.usable(schedule.at(round.position)) {
        return Some(choice.index as usize);
    }
    // In a long schedule, the same few may follow each other: look at each endpoint then.
    let looks = schedule.len().min(LOOKS) as u64;
    (0..looks)
        .find_map(|ahead| round.usable(schedule.at(round.passed_on(ahead))))
        .map(|choice| choice.index as usize)
        .or_else(|| round.first_usable_from(round.passed_on(looks) as usize))
}

const LOOKS: usize = 64;
