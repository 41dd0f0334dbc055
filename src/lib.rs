//! Weir: a Kubernetes-native ingress controller and load balancer.
pub mod api;
pub mod model;
