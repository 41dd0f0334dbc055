//! A quick hash for the texts of the configuration.

use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// TextMap is a map whose keys are texts of the configuration. A stranger chooses what is looked
/// up, never what is in it, so the hash needs no secret.
pub(super) type TextMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<TextHasher>>;

/// TextHasher hashes each piece at once.
#[derive(Clone, Copy, Default)]
pub(super) struct TextHasher(u64);

impl Hasher for TextHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    // The mark that ends a text: there is only one text in a key.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
