//! Of all objects in all files the ones that count, and what is different from before.

use std::collections::BTreeMap;
use std::path::Path;

use crate::api::{Change, Kind, Object, ObjectKey};

/// Identity names an object.
pub(super) type Identity = (Kind, ObjectKey);

/// Takes each object once, in the order of the files; says which are left out.
pub(super) fn merge<'a>(
    files: impl Iterator<Item = (&'a Path, &'a [(Identity, Object)])>,
) -> (BTreeMap<Identity, Object>, Vec<String>) {
    let mut taken: BTreeMap<Identity, (&Path, &Object)> = BTreeMap::new();
    let mut left_out = Vec::new();
    for (path, objects) in files {
        for (identity, object) in objects {
            if let Some((first, _)) = taken.get(identity) {
                let (kind, key) = identity;
                left_out.push(format!(
                    "{}: {kind} {key} is in {} already, which counts: leave one out",
                    path.display(),
                    first.display()
                ));
            } else {
                taken.insert(identity.clone(), (path, object));
            }
        }
    }
    let taken = taken.into_iter().map(|(identity, (_, object))| (identity, object.clone()));
    (taken.collect(), left_out)
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
