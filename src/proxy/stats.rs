//! Finds what is counted of a pool or an endpoint, without asking everybody's registry each time.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Weak};

/// StatsOf remembers, on one thread, the counters of things by their address in memory.
#[derive(Debug)]
pub(super) struct StatsOf<T, S> {
    // The weak reference keeps the address from being used again.
    known: HashMap<usize, (Weak<T>, Arc<S>), BuildHasherDefault<AddressHasher>>,
}

impl<T, S> StatsOf<T, S> {
    pub(super) fn new() -> Self {
        Self { known: HashMap::default() }
    }

    /// Returns the counters of a thing; `make` finds them the first time.
    pub(super) fn of(&mut self, thing: &Arc<T>, make: impl FnOnce() -> Arc<S>) -> Arc<S> {
        let entry = self.known.entry(Arc::as_ptr(thing) as usize);
        Arc::clone(&entry.or_insert_with(|| (Arc::downgrade(thing), make())).1)
    }

    /// Forgets what is gone.
    pub(super) fn sweep(&mut self) {
        self.known.retain(|_, (thing, _)| thing.strong_count() > 0);
    }
}

/// Allocations are spread well enough once their low zeros are gone.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_usize(&mut self, address: usize) {
        // Fibonacci hashing: the map uses the highest and the lowest bits.
        let mixed = (address as u64 >> 6).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
