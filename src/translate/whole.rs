//! The translation of all objects at once.

use std::collections::BTreeSet;

use crate::api::{ObjectKey, Objects, StatusUpdate};
use crate::model::Model;

use super::Translator;

/// Options say where Weir runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether manifests come from a directory: endpoints may then be on loopback.
    pub standalone: bool,
}

/// Translation is what all objects together mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// What the data path needs to know.
    pub model: Model,
    /// What the status of every pool should say, by pool.
    pub updates: Vec<StatusUpdate>,
    /// Secrets that some pool refers to, there or not.
    pub secrets: BTreeSet<ObjectKey>,
}

/// Translates all objects.
pub fn translate(objects: &Objects, options: Options) -> Translation {
    let mut translator = Translator::new(options);
    translator.restart(objects);
    Translation {
        model: translator.model().clone(),
        updates: translator.updates(objects),
        secrets: translator.secrets(),
    }
}
