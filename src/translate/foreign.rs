//! Names whose terms somebody else says.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Certificate, Origin, TlsTerms, owners};

/// Returns, by object, which of its terms hold for none of its names, and why: the name belongs to
/// another object, which says other terms.
pub(super) fn terms(
    certificates: &BTreeMap<Origin, Arc<[Certificate]>>,
) -> BTreeMap<Origin, Vec<String>> {
    let standard = TlsTerms::default();
    let is_special = |one: &Certificate| *one.terms != standard;
    let mut lost = BTreeMap::<Origin, Vec<String>>::new();
    if !certificates.values().flat_map(|list| list.iter()).any(is_special) {
        return lost;
    }
    let owners = owners(certificates);
    for (origin, list) in certificates {
        for certificate in list.iter().filter(|one| is_special(one)) {
            for name in &certificate.names {
                let Some((owner, shown)) = owners.get(name) else { continue };
                if *owner == origin || shown.terms == certificate.terms {
                    continue;
                }
                let why = if shown.created < certificate.created {
                    "is older"
                } else {
                    "comes first by name"
                };
                let text =
                    format!("spec.tls: what holds for {name} is said by {owner}, which {why}");
                let all = lost.entry(origin.clone()).or_default();
                // An object may have several certificates for a name.
                if !all.contains(&text) {
                    all.push(text);
                }
            }
        }
    }
    lost
}
