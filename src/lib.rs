//! Weir: a Kubernetes-native ingress controller and load balancer.
//!
//! ```text
//! source ──> [api::Objects] ──> translate ──> [model] ──> table ──> proxy ──> upstream ──> endpoints
//!                                   │                       ▲                    ▲
//!                                   └──> status             └── reconcile        └── health
//! ```
//!
//! Modules stand in the order data flows. `tests/layering.rs` holds the arrows between them; see
//! `docs/architecture.md`.

// So that unit tests share what other tests build their pools with.
#[cfg(test)]
extern crate self as weir;
#[cfg(test)]
#[path = "../tests/support/pool.rs"]
mod pool_support;

pub mod metrics;

pub mod api;
pub mod model;

pub mod source;
pub mod translate;

pub mod tls;
pub mod upstream;

pub mod table;

pub mod reconcile;

pub mod proxy;

pub mod health;

pub mod admin;

pub mod status;

pub mod config;

pub mod app;
