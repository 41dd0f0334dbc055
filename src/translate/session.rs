//! Where a session is kept, and under which name.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use super::problems::Problems;
use crate::api::{DurationString, backend_pool as api};
use crate::model::{HeaderName, Persistence, PersistenceKind, PoolName};

const FIELD: &str = "spec.sessionPersistence";

/// Shortest life of a session: cookies count whole seconds. Source: RFC 6265 §5.2.2.
const LEAST_LIFE: Duration = Duration::from_secs(1);

/// Translates how clients stay on their endpoints, in the pool of this name.
pub(super) fn persistence(
    spec: &api::SessionPersistence,
    pool: &PoolName,
    problems: &mut Problems,
) -> Option<Persistence> {
    let absolute_timeout = match &spec.absolute_timeout {
        None => None,
        Some(time) => Some(life(time, problems)?),
    };
    let name = spec.session_name.clone().unwrap_or_else(|| default_name(pool));
    let kind = match spec.kind {
        api::SessionPersistenceType::Cookie => PersistenceKind::Cookie(name.into()),
        api::SessionPersistenceType::Header => PersistenceKind::Header(header(&name, problems)?),
    };
    let absolute_timeout = absolute_timeout.filter(|time| !time.is_zero());
    Some(Persistence { kind, absolute_timeout })
}

/// Returns how long a session lasts. The CRD refuses what is shorter than a second; an API server may
/// have stored it before the CRD did, and such a pool is served.
fn life(text: &DurationString, problems: &mut Problems) -> Option<Duration> {
    let field = format!("{FIELD}.absoluteTimeout");
    let time: Duration = problems.take(&field, text.parse())?;
    if time.is_zero() || time >= LEAST_LIFE {
        return Some(time);
    }
    problems.warning(&field, "below 1s counts as 1s, as cookies count whole seconds: write 1s");
    Some(LEAST_LIFE)
}

/// Returns the header of a session, or notes why it cannot be one.
fn header(text: &str, problems: &mut Problems) -> Option<HeaderName> {
    let field = format!("{FIELD}.sessionName");
    let name = problems.take(&field, HeaderName::parse(text))?;
    let right = "use a name that means nothing else, as in x-session";
    match name.taken() {
        Some(taken) if taken.is_final() => {
            problems.spec(&field, format_args!("{text:?} {taken}: {right}"));
            return None;
        }
        Some(taken) => problems.warning(
            &field,
            format_args!("{text:?} {taken}, and carries sessions all the same: {right}"),
        ),
        None => {}
    }
    Some(name)
}

/// Returns the name of the sessions of a pool that says none: another one for each pool, as a client
/// keeps one value under a name, and a token is good in its pool alone. Every replica and version
/// makes the same of the same pool.
///
/// Source: GEP-1619, a unique name where sessionName is not said.
fn default_name(pool: &PoolName) -> String {
    let digest = digest(&SHA256, pool.as_str().as_bytes());
    let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
    format!("weir-session-{:08x}", u32::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that changes ends every session of every pool.
    #[test]
    fn the_name_of_a_pool_is_its_own_and_never_changes() {
        let of = |namespace, name| default_name(&PoolName::new(namespace, name));
        assert_eq!(of("shop", "cart"), "weir-session-5f34a271");
        assert_ne!(of("shop", "cart"), of("shop", "card"));
        assert_ne!(of("shop", "cart"), of("stop", "cart"));
        let port = default_name(&PoolName::of_service("shop", "cart", 80));
        assert_ne!(port, of("shop", "cart"));
        assert!(HeaderName::parse(&port).unwrap().taken().is_none());
    }
}
