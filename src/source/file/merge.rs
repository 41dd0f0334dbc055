//! Of all objects in all files the ones that count, and what is different from before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::api::{Change, Kind, Object, ObjectKey};

/// Identity names an object.
pub(super) type Identity = (Kind, ObjectKey);

/// Merged is what counts of all files.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) objects: BTreeMap<Identity, Object>,
    /// The file that each object is from.
    pub(super) holders: BTreeMap<Identity, PathBuf>,
    /// What is in a second place, for people.
    pub(super) left_out: Vec<String>,
}

/// Takes each object once: from the file that held it before, so that a copy takes nothing away
/// that is served, else from the first file that has it.
pub(super) fn merge<'a>(
    files: impl Iterator<Item = (&'a Path, &'a [(Identity, Object)])> + Clone,
    before: &BTreeMap<Identity, PathBuf>,
) -> Merged {
    let mut taken: BTreeMap<&Identity, (&Path, &Object)> = BTreeMap::new();
    for (path, objects) in files.clone() {
        for (identity, object) in objects {
            if before.get(identity).is_some_and(|holder| holder == path) {
                taken.entry(identity).or_insert((path, object));
            }
        }
    }
    let mut left_out = Vec::new();
    for (path, objects) in files {
        for (identity, object) in objects {
            let (holder, counts) = *taken.entry(identity).or_insert((path, object));
            if !std::ptr::eq(counts, object) {
                let (kind, key) = identity;
                left_out.push(format!(
                    "{}: {kind} {key} is in {} already, which counts: leave one out",
                    path.display(),
                    holder.display()
                ));
            }
        }
    }
    let mut merged = Merged { left_out, ..Merged::default() };
    for (identity, (path, object)) in taken {
        merged.objects.insert(identity.clone(), object.clone());
        merged.holders.insert(identity.clone(), path.to_owned());
    }
    merged
}

/// Returns what changed: what is gone first, then what is new or different.
pub(super) fn changes(
    before: &BTreeMap<Identity, Object>,
    after: &BTreeMap<Identity, Object>,
) -> Vec<Change> {
    let change = |(kind, key): &Identity, object| Change { kind: *kind, key: key.clone(), object };
    let gone = before.keys().filter(|identity| !after.contains_key(*identity));
    let gone = gone.map(|identity| change(identity, None));
    let new = after.iter().filter(|(identity, object)| before.get(*identity) != Some(object));
    gone.chain(new.map(|(identity, object)| change(identity, Some(object.clone())))).collect()
}
