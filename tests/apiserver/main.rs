//! Weir against a real Kubernetes API server. `hack/k8s/build` makes one; without it every test
//! here says `skipped`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

#[path = "../support/apiserver.rs"]
mod apiserver;
#[path = "../../src/api/validate/tests/cases.rs"]
mod cases;
mod control;
mod crd;
mod events;
mod ingress;
mod metadata;
#[path = "../../src/api/validate/tests/metadata_cases.rs"]
mod metadata_cases;
mod objects;
#[path = "../support/pool.rs"]
mod pool;
mod rbac;
mod rig;
mod source;
mod status;
