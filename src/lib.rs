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
