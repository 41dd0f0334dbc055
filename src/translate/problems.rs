//! What is wrong with a pool.

use crate::api::ConditionReason;

/// Unresolved is a reference that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// Why, in one word.
    pub reason: ConditionReason,
    /// The field, what is wrong with it, and what would be right.
    pub message: String,
}

/// Problems collects what is wrong with a pool, in the order it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Problems {
    /// Parts of the spec that are not valid: field, and what is wrong and right.
    pub(super) spec: Vec<String>,
    /// References that lead nowhere.
    pub(super) refs: Vec<Unresolved>,
    /// What is not wrong but worth knowing of the references.
    pub(super) notes: Vec<String>,
    /// Parts of the spec that are valid but do not do what somebody who wrote them must expect.
    pub(super) warnings: Vec<String>,
}

impl Problems {
    /// Notes an invalid field.
    pub(super) fn spec(&mut self, field: &str, what: impl std::fmt::Display) {
        self.spec.push(format!("{field}: {what}"));
    }

    /// Notes a field that is valid but does not do what one must expect of it.
    pub(super) fn warning(&mut self, field: &str, what: impl std::fmt::Display) {
        self.warnings.push(format!("{field}: {what}"));
    }

    /// Notes a reference that leads nowhere.
    pub(super) fn reference(
        &mut self,
        reason: ConditionReason,
        field: &str,
        what: impl std::fmt::Display,
    ) {
        self.refs.push(Unresolved { reason, message: format!("{field}: {what}") });
    }

    /// Takes a value, or notes why there is none.
    pub(super) fn take<T, E: std::fmt::Display>(
        &mut self,
        field: &str,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.spec(field, error)).ok()
    }
}
