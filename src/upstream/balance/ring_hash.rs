//! Consistent hashing on a ring.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Ring holds points of every choice; a hash leads to the next point.
///
/// The points of an endpoint depend on its address alone, their number on its weight relative to
/// the heaviest. So an endpoint that leaves gives its keys away and moves no others.
#[derive(Debug)]
pub(super) struct Ring(Box<[(u64, u32)]>);

/// Points of the heaviest choice, and most points of a ring unless each has but one.
const MOST_POINTS_EACH: u64 = 512;
const MOST_POINTS: u64 = 131_072;

impl Ring {
    /// Builds a ring of choices, each with the hash of its address and its weight.
    pub(super) fn build(choices: &[(u64, u64)]) -> Self {
        let heaviest = choices.iter().map(|(_, weight)| *weight).max().unwrap_or(1).max(1);
        // By powers of two, so that one more endpoint seldom changes the number of points.
        let room = MOST_POINTS / (choices.len().max(1) as u64).next_power_of_two();
        let most = room.clamp(1, MOST_POINTS_EACH);
        let mut points = Vec::new();
        for (at, (hash, weight)) in choices.iter().enumerate() {
            let count = ((weight * most + heaviest / 2) / heaviest).max(1);
            points.extend(
                (0..count).map(|point| (xxh3_64_with_seed(&point.to_le_bytes(), *hash), at as u32)),
            );
        }
        points.sort_unstable();
        Self(points.into())
    }

    /// Returns choices in the order in which the ring offers them to a hash.
    pub(super) fn walk(&self, hash: u64) -> impl Iterator<Item = usize> {
        let start = self.0.partition_point(|(point, _)| *point < hash);
        let (before, after) = self.0.split_at_checked(start).unwrap_or_default();
        after.iter().chain(before).map(|(_, at)| *at as usize)
    }
}
