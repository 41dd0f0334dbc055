//! Which manifests a directory holds.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::api::validate::Format;

/// Deepest folder that is read.
const MAX_DEPTH: usize = 16;

/// Stamp tells two states of a file apart, mostly: see [`Stamp::age`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) identity: (u64, u64),
    pub(super) length: u64,
    modified: SystemTime,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            identity: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }

    /// Returns how long ago the file was written, or nothing where the clocks disagree.
    pub(super) fn age(&self, now: SystemTime) -> Option<std::time::Duration> {
        now.duration_since(self.modified).ok()
    }
}

/// Listing is what a folder holds, by the paths in it.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) manifests: BTreeMap<PathBuf, (Format, Stamp)>,
    /// Symbolic links that have the name of a manifest and lead nowhere.
    pub(super) dangling: BTreeMap<PathBuf, Format>,
}

/// Lists the manifests below a folder by their path in it. Hidden files and folders are left out:
/// those of editors, and the `..data` of a mounted ConfigMap, whose files are linked from above.
///
/// # Errors
/// Where the folder itself cannot be read. What vanishes below it meanwhile is left out.
pub(super) fn manifests(root: &Path) -> io::Result<Listing> {
    let mut found = Listing::default();
    collect(root, Path::new(""), &mut Vec::new(), &mut found)?;
    Ok(found)
}

fn collect(
    folder: &Path,
    below: &Path,
    above: &mut Vec<(u64, u64)>,
    found: &mut Listing,
) -> io::Result<()> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    let identity = Stamp::of(&fs::metadata(folder).map_err(named)?).identity;
    if above.contains(&identity) || above.len() > MAX_DEPTH {
        return Ok(()); // A loop of symbolic links.
    }
    above.push(identity);
    let depth = above.len();
    for entry in fs::read_dir(folder).map_err(named)? {
        let entry = entry.map_err(named)?;
        let name = entry.file_name();
        let Some(text) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let Ok(metadata) = fs::metadata(entry.path()) else {
            let is_link = fs::symlink_metadata(entry.path()).is_ok_and(|link| link.is_symlink());
            if let (true, Some(format)) = (is_link, Format::of_file(text)) {
                found.dangling.insert(below.join(&name), format);
            }
            continue;
        };
        if metadata.is_dir() {
            // Only what is gone is empty: what may not be read must not look deleted.
            match collect(&entry.path(), &below.join(&name), above, found) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
            above.truncate(depth);
        } else if let (true, Some(format)) = (metadata.is_file(), Format::of_file(text)) {
            found.manifests.insert(below.join(&name), (format, Stamp::of(&metadata)));
        }
    }
    above.pop();
    Ok(())
}

/// Returns the manifests below a folder, in the order in which they count, and links that have the
/// name of one and lead nowhere.
///
/// # Errors
/// Where a folder cannot be read.
pub fn paths(root: &Path) -> io::Result<Vec<(PathBuf, Format)>> {
    let Listing { manifests, dangling } = manifests(root)?;
    let manifests = manifests.into_iter().map(|(path, (format, _))| (path, format));
    let all: BTreeMap<PathBuf, Format> = manifests.chain(dangling).collect();
    Ok(all.into_iter().map(|(path, format)| (root.join(path), format)).collect())
}
