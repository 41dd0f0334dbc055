//! Names of fields, parsed once and then known by their bytes.
//!
//! The messages of a worker bear the same few names, so that nearly all are found here by one comparison.

use std::cell::RefCell;

use http::HeaderName;

/// How many names a thread knows. What stands where another has its place takes that.
const KNOWN: usize = 64;
/// The longest name that is kept, so that strangers fill no memory.
const LONGEST: usize = 32;

struct Name {
    /// As it was written, in whichever case.
    written: [u8; LONGEST],
    length: u8,
    parsed: HeaderName,
}

impl Name {
    fn written(&self) -> &[u8] {
        self.written.get(..usize::from(self.length)).unwrap_or_default()
    }
}

thread_local! {
    static NAMES: RefCell<[Option<Name>; KNOWN]> = const { RefCell::new([const { None }; KNOWN]) };
}

/// Returns a name, or nothing where it is none.
pub(super) fn parse(written: &[u8]) -> Option<HeaderName> {
    let new = || HeaderName::from_bytes(written).ok();
    NAMES
        .try_with(|names| {
            let mut names = names.borrow_mut();
            let place = names.get_mut(place(written))?;
            if let Some(known) = place.as_ref().filter(|known| known.written() == written) {
                return Some(known.parsed.clone());
            }
            let parsed = new()?;
            let mut bytes = [0; LONGEST];
            if let Some(kept) = bytes.get_mut(..written.len()) {
                kept.copy_from_slice(written);
                let length = written.len() as u8;
                *place = Some(Name { written: bytes, length, parsed: parsed.clone() });
            }
            Some(parsed)
        })
        .unwrap_or_else(|_| new())
}

/// Where a name has its place: names of one length differ nearly always in their ends.
fn place(written: &[u8]) -> usize {
    let at = |index: usize| usize::from(written.get(index).copied().unwrap_or_default() | 0x20);
    let length = written.len();
    (length * 7 + at(0) * 3 + at(length / 2) * 5 + at(length.saturating_sub(1))) % KNOWN
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_the_parser(names in prop::collection::vec("[a-cA-C-]{0,4}|[ -~]{0,40}", 1..60)) {
            for name in names {
                prop_assert_eq!(parse(name.as_bytes()), HeaderName::from_bytes(name.as_bytes()).ok());
            }
        }
    }

    #[test]
    fn names_that_are_common_have_places_of_their_own() {
        let common = [
            "host",
            "user-agent",
            "accept",
            "accept-encoding",
            "accept-language",
            "cookie",
            "content-type",
            "content-length",
            "connection",
            "date",
            "server",
            "cache-control",
            "etag",
            "last-modified",
            "vary",
            "referer",
            "origin",
            "authorization",
        ];
        let places: std::collections::BTreeSet<_> =
            common.iter().map(|name| place(name.as_bytes())).collect();
        assert!(places.len() + 2 >= common.len(), "{} of {}", places.len(), common.len());
    }
}
