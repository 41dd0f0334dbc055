//! `weir run --manifests` as its user sees it: the real program, real sockets, plain manifests.

mod balancing;
mod content;
mod failure;
mod rig;
mod wrong;
