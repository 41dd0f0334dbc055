//! What is declared for the names that clients ask for.

use std::collections::HashMap;

use crate::model::Hostname;

/// Names finds what is declared for a name: exact, then the wildcard above it, then the default.
/// Names are in lower case; those of a wildcard are what follows its `*`.
#[derive(Debug)]
pub(super) struct Names<T> {
    exact: HashMap<Box<str>, T>,
    wildcard: HashMap<Box<str>, T>,
    default: Option<T>,
}

impl<T> Names<T> {
    /// Makes names of which nothing is declared.
    pub(super) fn new() -> Self {
        Self { exact: HashMap::new(), wildcard: HashMap::new(), default: None }
    }

    /// Returns what stands at a hostname, or puts something there.
    pub(super) fn at(&mut self, name: &Hostname, new: impl FnOnce() -> T) -> &mut T {
        match name.wildcard_suffix() {
            Some(suffix) => self.wildcard.entry(suffix.into()).or_insert_with(new),
            None => self.exact.entry(name.as_str().into()).or_insert_with(new),
        }
    }

    /// Returns what stands for names that nobody declares, or puts something there.
    pub(super) fn at_default(&mut self, new: impl FnOnce() -> T) -> &mut T {
        self.default.get_or_insert_with(new)
    }

    /// Returns what is declared for a name in lower case, without a trailing dot.
    pub(super) fn declared(&self, name: &str) -> Option<&T> {
        self.exact.get(name).or_else(|| {
            let suffix = name.find('.').and_then(|dot| name.get(dot..))?;
            self.wildcard.get(suffix)
        })
    }

    /// Returns what stands for names that nobody declares.
    pub(super) fn default(&self) -> Option<&T> {
        self.default.as_ref()
    }

    /// Returns what a client gets that asks for this name, or for none.
    pub(super) fn find(&self, name: Option<&str>) -> Option<&T> {
        name.and_then(|name| self.declared(name)).or(self.default.as_ref())
    }
}

/// Returns a name as it is compared: in lower case, without a trailing dot.
pub(super) fn canonical(name: &str) -> Box<str> {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into()
}
