//! Kubernetes types: what users declare, and what Weir reads and answers.
//!
//! Flow: `source` fills [`Objects`] with these, `translate` reads them, `status` writes
//! [`StatusUpdate`]s. No client and no I/O here, and no default that needs another object.

pub mod backend_pool;
mod crds;
mod duration;
mod objects;
mod reference_grant;
mod updates;
pub mod validate;

pub use backend_pool::BackendPool;
pub use crds::{backend_pool_crd, crds_yaml};
pub use duration::{DurationString, InvalidDuration};
pub use objects::{Change, DnsRecord, InvalidObject, Kind, Object, ObjectKey, ObjectRef, Objects};
pub use reference_grant::{GrantFrom, GrantTo, ReferenceGrant, ReferenceGrantSpec};
pub use updates::{
    ConditionReason, ConditionType, EventKind, EventNote, IngressProblem, IngressUpdate,
    StatusUpdate, UpdatedCondition,
};
