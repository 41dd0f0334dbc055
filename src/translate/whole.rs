//! The translation of all objects at once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::api::{IngressUpdate, ObjectKey, Objects, StatusUpdate};
use crate::model::Model;

use super::Translator;

/// Options say where Weir runs, and what is its.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether manifests come from a directory: endpoints may then be on loopback.
    pub standalone: bool,
    /// The class of Ingresses that is ours even where there is no IngressClass of that name.
    /// Default is `weir`.
    pub ingress_class: Arc<str>,
    /// The controller of the IngressClasses that are ours. Default is `weir.dev/ingress-controller`.
    /// Source: Ingress v1 IngressClassSpec.controller.
    pub controller: Arc<str>,
    /// Whether Weir does not know the zone that it runs in. Default is false.
    pub lacks_zone: bool,
    /// Whether Weir does not know the region that it runs in. Default is false.
    pub lacks_region: bool,
    /// Where Weir itself listens: an endpoint there would be a loop, or its metrics. Default is
    /// unknown.
    pub own: BTreeSet<SocketAddr>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            standalone: false,
            ingress_class: "weir".into(),
            controller: "weir.dev/ingress-controller".into(),
            lacks_zone: false,
            lacks_region: false,
            own: BTreeSet::new(),
        }
    }
}

/// Translation is what all objects together mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// What the data path needs to know.
    pub model: Model,
    /// What the status of every pool should say, by pool.
    pub updates: Vec<StatusUpdate>,
    /// What is to be said of every Ingress that is ours, by Ingress.
    pub ingresses: Vec<IngressUpdate>,
    /// Secrets that some pool or Ingress refers to, there or not.
    pub secrets: BTreeSet<ObjectKey>,
    /// ConfigMaps that some pool refers to, there or not.
    pub config_maps: BTreeSet<ObjectKey>,
    /// Names that Services are aliases for.
    pub names: BTreeSet<ObjectKey>,
}

/// Translates all objects.
pub fn translate(objects: &Objects, options: Options) -> Translation {
    let mut translator = Translator::new(options);
    translator.restart(objects);
    Translation {
        model: translator.model().clone(),
        updates: translator.updates(objects),
        ingresses: translator.ingress_updates(),
        secrets: translator.secrets(),
        config_maps: translator.config_maps(),
        names: translator.names(),
    }
}
