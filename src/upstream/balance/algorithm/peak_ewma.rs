//! The better of two by latency and requests in flight.

use super::Round;
use super::random::{draw, random as any};
use crate::upstream::balance::group::Choice;

/// Latency that is assumed, in microseconds, while the first answer of an endpoint is awaited.
const UNKNOWN: f32 = 1_000_000.0;

/// How much better the second has to be: measurements differ by chance, and weights should hold
/// between equals.
const CLEARLY: f32 = 0.85;

/// Draws two by weight, and takes the second only if it is clearly better.
pub(in crate::upstream::balance) fn peak_ewma(
    round: &Round<'_>,
    random: &mut fastrand::Rng,
) -> Option<usize> {
    let first_at = draw(round, random);
    let second = (0..4).map(|_| draw(round, random)).find(|at| *at != first_at);
    // With very unequal weights, the same one comes up again and again.
    let second = second.unwrap_or_else(|| (first_at + 1) % round.choices.len().max(1));
    let (first, second) = (round.usable(first_at), round.usable(second));
    match (first, second) {
        (Some(first), Some(second)) => {
            let is_better = cost(round, second)? < cost(round, first)? * CLEARLY;
            Some(if is_better { second.index } else { first.index } as usize)
        }
        (Some(only), None) | (None, Some(only)) => Some(only.index as usize),
        (None, None) => any(round, random),
    }
}

/// Returns the expected wait: latency times the requests that would then be in flight, those in
/// flight counted for the weight.
fn cost(round: &Round<'_>, choice: &Choice) -> Option<f32> {
    let state = round.state(choice)?;
    let in_flight = state.in_flight() as f32 * round.table.mean_weight / choice.weight as f32;
    Some(match state.latency_micros(round.filter.now) {
        Some(latency) => latency * (in_flight + 1.0),
        // Nobody knows: ask it once, and wait for the answer.
        None => UNKNOWN * in_flight,
    })
}
