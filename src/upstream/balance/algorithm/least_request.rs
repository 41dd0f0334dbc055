//! Fewest requests in flight for the weight.

use super::Round;
use super::random::draw;
use crate::upstream::balance::group::Choice;

/// How much longer an endpoint's answers have to take than another's before it stands back from a tie.
/// Less is chance, and equals take turns.
const CLEARLY: f32 = 2.0;

/// A slow endpoint keeps at least one turn in so many, and so is seen to be fast again.
const MOST: f32 = 20.0;

/// Draws of another one that is not the same again.
const DRAWS: usize = 8;

/// Takes a choice with the fewest requests in flight for its weight: a true minimum, not the
/// better of two.
///
/// Whoever has its turn wins ties, and wins at once when it is idle; but while few requests are in
/// flight nearly all are ties, and one that is ten times as slow would have a full share of turns.
/// So it is compared with another one, and if its answers take r times as long, r being clearly more
/// than 1, it keeps one turn in r, at least one in 20, and the other has the rest. Otherwise everybody is looked at, from
/// a place drawn by weight, so that nobody gains by standing behind somebody busy, and of a tie the
/// clearly faster is taken.
pub(in crate::upstream::balance) fn least_request(
    round: &Round<'_>,
    random: &mut fastrand::Rng,
) -> Option<usize> {
    let drawn = draw(round, random) % round.choices.len().max(1);
    let first = first(round, drawn, random);
    let others = (drawn..round.choices.len()).chain(0..drawn);
    let mut best: Option<(u64, &Choice)> = None;
    for at in std::iter::once(first).chain(others) {
        let Some(choice) = round.usable(at) else { continue };
        let load = u64::from(round.state(choice)?.in_flight());
        let is_slower = |known| slowness(round, choice, known).is_some();
        let is_better = best.is_none_or(|(least, known)| {
            // load / weight < least / known weight, in whole numbers.
            let (load, least) = (load * known.weight, least * choice.weight);
            load < least || load == least && slowness(round, known, choice).is_some()
        });
        // Nobody has less than nothing; but of the idle a slow one is not as good as any.
        if load == 0 && is_better && !best.is_some_and(|(_, known)| is_slower(known)) {
            return Some(choice.index as usize);
        }
        if is_better {
            best = Some((load, choice));
        }
    }
    best.map(|(_, choice)| choice.index as usize)
}

/// Returns the place of who is looked at first: whose turn it is, or the one it is compared with.
fn first(round: &Round<'_>, drawn: usize, random: &mut fastrand::Rng) -> usize {
    let turn = round.table.schedule.at(round.position);
    let Some(other) = another(round, turn, drawn, random) else { return turn };
    let ratio = match (round.usable(turn), round.usable(other)) {
        (Some(turn), Some(other)) => slowness(round, turn, other),
        _ => None,
    };
    match ratio {
        Some(ratio) if random.f32() * ratio.min(MOST) >= 1.0 => other,
        _ => turn,
    }
}

/// Returns the place of one other, drawn by weight, so that what a slow one gives up goes to all.
fn another(
    round: &Round<'_>,
    turn: usize,
    drawn: usize,
    random: &mut fastrand::Rng,
) -> Option<usize> {
    let count = round.choices.len();
    if count < 2 {
        return None;
    }
    let mut by_weight = std::iter::once(drawn).chain((0..DRAWS).map(|_| draw(round, random)));
    let found = by_weight.find(|at| *at != turn && round.usable(*at).is_some());
    // Where the one whose turn it is has nearly all of the weight.
    found.or_else(|| Some((turn + 1 + random.usize(..count - 1)) % count))
}

/// Returns how many times as long as the other's an endpoint's answers take, if clearly so.
fn slowness(round: &Round<'_>, one: &Choice, other: &Choice) -> Option<f32> {
    let mean = |choice| round.state(choice)?.mean_latency_micros(round.filter.now);
    let ratio = mean(one)? / mean(other)?;
    (ratio > CLEARLY).then_some(ratio)
}
