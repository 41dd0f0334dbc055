//! What of a preference for near endpoints cannot have an effect.

use std::collections::BTreeSet;

use super::Options;
use super::problems::Problems;
use crate::api::backend_pool::{Backend as BackendSpec, BackendPoolSpec};
use crate::model::{Backend, LocalityPreference};

const FIELD: &str = "spec.loadBalancing.locality";

/// Says what is not known of where Weir runs, and which endpoints are in no region that is declared.
pub(super) fn check(
    spec: &BackendPoolSpec,
    locality: Option<&LocalityPreference>,
    backends: &[Backend],
    options: &Options,
    problems: &mut Problems,
) {
    let unknown = match locality {
        Some(LocalityPreference::Zone) if options.lacks_zone && options.lacks_region => {
            "Weir knows neither its zone nor its region, so all endpoints are alike: start it with \
             --zone"
        }
        Some(LocalityPreference::Zone) if options.lacks_zone => {
            "Weir does not know its zone, so only its region is preferred: start it with --zone"
        }
        Some(LocalityPreference::Region) if options.lacks_region => {
            "Weir does not know its region, so all endpoints are alike: start it with --region"
        }
        Some(LocalityPreference::ClientRegion { regions, .. }) => {
            let known: Vec<&str> = regions.iter().map(|region| &*region.name.0).collect();
            regions_of(spec.backends.as_deref().unwrap_or_default(), backends, &known, problems);
            return;
        }
        _ => return,
    };
    problems.warning(&format!("{FIELD}.prefer"), unknown);
}

/// Most regions that are named in a message.
const MOST_NAMED: usize = 8;

/// Says of each backend whether it has endpoints that are in none of the regions.
fn regions_of(
    specs: &[BackendSpec],
    backends: &[Backend],
    known: &[&str],
    problems: &mut Problems,
) {
    let names = known.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
    // Backends that are no use are left out, and then the pool is refused anyway.
    let is_whole = specs.len() == backends.len();
    for (index, (spec, backend)) in specs.iter().zip(backends).enumerate().filter(|_| is_whole) {
        let regions = backend.endpoints.iter().map(|one| one.region.as_ref().map(|one| &*one.0));
        let strange: BTreeSet<Option<&str>> =
            regions.filter(|region| region.is_none_or(|name| !known.contains(&name))).collect();
        let field = format!("spec.backends[{index}]");
        for region in strange.into_iter().take(MOST_NAMED) {
            let (field, what) = match (&spec.service, region) {
                (None, Some(name)) => (
                    format!("{field}.endpoint.region"),
                    format!("{name:?} is none of locality.regions ({names})"),
                ),
                (None, None) => {
                    (format!("{field}.endpoint"), format!("has no region, one of {names}"))
                }
                (Some(_), Some(name)) => (
                    format!("{field}.service"),
                    format!("has endpoints in {name:?}, none of locality.regions ({names})"),
                ),
                (Some(_), None) => (
                    format!("{field}.service"),
                    "has endpoints whose node has no label topology.kubernetes.io/region"
                        .to_owned(),
                ),
            };
            problems.warning(&field, format_args!("{what}: far from every client, and used last"));
        }
    }
}
