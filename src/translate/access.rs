//! Lists of the clients that may ask.

use ipnet::IpNet;

use super::problems::Problems;
use crate::api::backend_pool as api;
use crate::model::{Access, Networks};

/// Translates the lists; nothing where one of them has something that is no network. A list that
/// is only partly read would let somebody in.
pub(super) fn access(spec: &api::Access, problems: &mut Problems) -> Option<Access> {
    let allow = spec.allow.as_ref().map(|list| networks("allow", list, problems));
    let deny = networks("deny", spec.deny.as_deref().unwrap_or_default(), problems);
    let allow = match allow {
        None => None,
        Some(networks) => Some(networks?),
    };
    Some(Access { allow, deny: deny? })
}

/// Reads networks; nothing where one is none.
fn networks(field: &str, list: &[String], problems: &mut Problems) -> Option<Networks> {
    let before = problems.spec.len();
    let mut found: Vec<IpNet> = Vec::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        match text.parse() {
            Ok(network) => found.push(network),
            Err(_) => problems.spec(
                &format!("spec.access.{field}[{index}]"),
                format_args!("{text:?} is not a network: write for instance 192.0.2.0/24"),
            ),
        }
    }
    (problems.spec.len() == before).then(|| Networks::new(found))
}
