//! Which pool's certificates a client sees for a name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Certificate, Hostname, Origin};

/// Returns the certificates with the names that each is shown for.
///
/// A name belongs to one pool: to one that declares it as a hostname, before one that serves any
/// host and only happens to hold a certificate for it; among equals to the older, then to the
/// first by name. So nobody takes a name from somebody else by a certificate or a younger pool.
/// Only one pool's certificate is the default.
pub fn shown(
    certificates: &BTreeMap<Origin, Arc<[Certificate]>>,
) -> BTreeMap<Origin, Vec<Certificate>> {
    let order = by_age(certificates);
    let (mut declared, mut others) = (Owners::new(), Owners::new());
    for (_, pool, certificate) in &order {
        for name in &certificate.names {
            declared.entry(name).or_insert(pool);
        }
        for name in &certificate.other_names {
            others.entry(name).or_insert(pool);
        }
    }
    let default = order.iter().find(|(.., one)| one.is_default).map(|(_, pool, _)| *pool);
    let settle = |pool: &Origin, certificate: &Certificate| {
        let owns_other = |name: &Hostname| {
            declarer(&declared, name).or_else(|| others.get(name).copied()) == Some(pool)
        };
        let mut settled = certificate.clone();
        settled.names.retain(|name| declared.get(name) == Some(&pool));
        let more = std::mem::take(&mut settled.other_names).into_iter().filter(owns_other);
        settled.names.extend(more);
        settled.names.sort();
        settled.names.dedup();
        settled.is_default &= default == Some(pool);
        settled
    };
    certificates
        .iter()
        .map(|(pool, list)| (pool.clone(), list.iter().map(|one| settle(pool, one)).collect()))
        .collect()
}

/// Returns to which object each declared name belongs, and that object's certificate for it.
pub fn owners(
    certificates: &BTreeMap<Origin, Arc<[Certificate]>>,
) -> BTreeMap<&Hostname, (&Origin, &Certificate)> {
    let mut owners = BTreeMap::new();
    for (_, origin, certificate) in by_age(certificates) {
        for name in &certificate.names {
            owners.entry(name).or_insert((origin, certificate));
        }
    }
    owners
}

/// Returns certificates with their objects, those of older objects first.
fn by_age(
    certificates: &BTreeMap<Origin, Arc<[Certificate]>>,
) -> Vec<(i64, &Origin, &Certificate)> {
    let mut order: Vec<(i64, &Origin, &Certificate)> = certificates
        .iter()
        .flat_map(|(pool, list)| list.iter().map(move |one| (one.created, pool, one)))
        .collect();
    order.sort_by_key(|(created, pool, _)| (*created, *pool));
    order
}

type Owners<'a> = BTreeMap<&'a Hostname, &'a Origin>;

/// Returns the pool that declares a name: as it is, or by the wildcard above it.
fn declarer<'a>(declared: &Owners<'a>, name: &Hostname) -> Option<&'a Origin> {
    let above = || {
        let suffix = name.as_str().find('.').and_then(|dot| name.as_str().get(dot..))?;
        declared.get(&Hostname::parse(&format!("*{suffix}")).ok()?)
    };
    declared.get(name).or_else(above).copied()
}
