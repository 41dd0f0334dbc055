//! Consistent hashing by a Maglev table.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Maglev is a table that every choice fills by its own permutation, in turns by weight; a hash
/// leads to its slot.
///
/// Source: Eisenbud et al., Maglev: A Fast and Reliable Software Network Load Balancer, §3.4.
#[derive(Debug)]
pub(super) struct Maglev(Box<[u32]>);

/// Primes. The large one is for groups in which a choice would have too few slots otherwise; a
/// group that grows past the border moves most keys, once.
const SLOTS: u64 = 65_537;
const MANY_SLOTS: u64 = 1_048_573;
const FEW_CHOICES: usize = 4_096;

const FREE: u32 = u32::MAX;

struct Filler {
    offset: u64,
    step: u64,
    tried: u64,
    weight: u64,
    // Turns earned, in units of the heaviest weight.
    credit: u64,
}

impl Maglev {
    /// Builds a table of choices, each with the hash of its address and its weight.
    pub(super) fn build(choices: &[(u64, u64)]) -> Self {
        let slots = if choices.len() > FEW_CHOICES { MANY_SLOTS } else { SLOTS };
        let mut table = vec![FREE; slots as usize];
        let mut fillers: Vec<Filler> = choices
            .iter()
            .map(|(hash, weight)| Filler {
                offset: xxh3_64_with_seed(&hash.to_le_bytes(), 1) % slots,
                step: xxh3_64_with_seed(&hash.to_le_bytes(), 2) % (slots - 1) + 1,
                tried: 0,
                weight: (*weight).max(1),
                credit: 0,
            })
            .collect();
        let heaviest = fillers.iter().map(|filler| filler.weight).max().unwrap_or(1);
        let mut free = if fillers.is_empty() { 0 } else { slots };
        while free > 0 {
            for (at, filler) in fillers.iter_mut().enumerate() {
                filler.credit += filler.weight;
                if free == 0 || filler.credit < heaviest {
                    continue;
                }
                filler.credit -= heaviest;
                // A prime number of slots: the permutation meets a free one.
                while let Some(slot) = table.get_mut(filler.next_slot(slots)) {
                    if *slot == FREE {
                        *slot = at as u32;
                        free -= 1;
                        break;
                    }
                }
            }
        }
        Self(table.into())
    }

    /// Returns choices in the order in which the table offers them to a hash.
    pub(super) fn walk(&self, hash: u64) -> impl Iterator<Item = usize> {
        let start = (hash % self.0.len().max(1) as u64) as usize;
        let (before, after) = self.0.split_at_checked(start).unwrap_or_default();
        after.iter().chain(before).filter(|at| **at != FREE).map(|at| *at as usize)
    }
}

impl Filler {
    fn next_slot(&mut self, slots: u64) -> usize {
        let slot = (self.offset + self.tried * self.step) % slots;
        self.tried += 1;
        slot as usize
    }
}
