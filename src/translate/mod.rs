//! Turns objects into the routing model: pure, total, and the only place where acceptance is
//! decided. A bad object never stops the others: it yields a condition.
//!
//! [`translate`] does it for all objects; [`Translator`] does the same for a change and costs what
//! the change costs. No I/O, no clock, no randomness, no hash order.

mod backends;
mod certificates;
mod claims;
mod conditions;
mod grants;
mod pool;
mod problems;
mod refused;
mod routes;
mod slices;
mod spec;
mod translator;

#[cfg(test)]
mod tests;

pub use translator::{Step, Translator};

use std::collections::BTreeSet;

use crate::api::{ObjectKey, Objects, StatusUpdate};
use crate::model::Model;

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
