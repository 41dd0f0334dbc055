//! YAML within bounds, and what is wrong with it in words of the manifest.

use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{DuplicateKeyPolicy, Error, Options};

use super::text::{MAX_BYTES, MAX_NODES, Place, SyntaxError, twice};

/// Deepest nesting of mappings and lists.
const MAX_DEPTH: usize = 64;
/// Most aliases, anchors and merge keys, each.
const MAX_ALIASES: usize = 1_000;
/// Most values that aliases stand for.
const MAX_REPLAYED: usize = 50_000;
const MAX_DOCUMENTS: usize = 20_000;

/// Parses the documents of a text; empty ones are left out.
///
/// # Errors
/// Where the text is no YAML, or breaks a bound: deep nesting, too many values, alias bombs.
pub(super) fn parse(text: &str) -> Result<Vec<Value>, SyntaxError> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| {
        let place = error.location().filter(|location| location.line() > 0);
        let place = place.map(|l| Place { line: l.line(), column: l.column() });
        match error.without_snippet() {
            Error::DuplicateMappingKey { key: Some(field), .. } => {
                SyntaxError::twice(place, field.clone())
            }
            error => SyntaxError::at(place, said(error)),
        }
    })
}

/// Parses the first document of a text in which a field is there twice, as if the second were not:
/// so it can be said which object that is.
pub(super) fn first_of(text: &str) -> Option<Value> {
    let mut options = options();
    options.duplicate_keys = DuplicateKeyPolicy::FirstWins;
    let values: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options).ok()?;
    values.into_iter().next()
}

/// Parses a text again, in which numbers that begin with a zero are texts.
pub(super) fn with_zeros(text: &str) -> Vec<Value> {
    let mut options = options();
    options.leading_zero_numbers_as_strings = true;
    serde_saphyr::from_multiple_with_options(text, options).unwrap_or_default()
}

/// Returns the bounds that YAML is read within.
pub(super) fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
            max_documents: MAX_DOCUMENTS,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_recorded_anchor_events: MAX_REPLAYED,
            max_recorded_anchor_bytes: MAX_BYTES,
            max_total_scalar_bytes: MAX_BYTES,
            max_merge_keys: MAX_ALIASES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
            max_replay_stack_depth: 16,
        },
        with_snippet: false,
    }
}

/// Says what is wrong, and what would be right.
fn said(error: &Error) -> String {
    match error {
        Error::AliasError { error, .. } => said(error),
        Error::Budget { breach, .. } => said_of_bound(breach),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => aliases(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "an alias (*name) stands inside what its own anchor (&name) names: write the value out"
                .into()
        }
        Error::UnknownAnchor { .. } => "an alias (*name) has no anchor (&name) before it in its \
            document: quote the text if it begins with a star, or write the value out"
            .into(),
        Error::DuplicateMappingKey { key: Some(field), .. } => twice(field),
        Error::NonFiniteFloat { .. } => {
            "a number that is infinite or none, or too large to be held: \
            write it in digits, or in quotes where it is a text"
                .into()
        }
        other => {
            let theirs: String = other.to_string().chars().take(512).collect();
            format!("not YAML that can be read: {theirs}")
        }
    }
}

fn said_of_bound(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => {
            format!("nested deeper than {MAX_DEPTH} levels: no manifest needs as many")
        }
        BudgetBreach::Documents { .. } => {
            format!("more than {MAX_DOCUMENTS} documents: split the file")
        }
        BudgetBreach::Events { .. }
        | BudgetBreach::Nodes { .. }
        | BudgetBreach::ScalarBytes { .. }
        | BudgetBreach::InputBytes { .. } => format!(
            "more than {MAX_NODES} values or {MAX_BYTES} bytes of text, what aliases stand for \
             included: split the file"
        ),
        _ => aliases(),
    }
}

fn aliases() -> String {
    format!(
        "its aliases (*name) stand for too much: at most {MAX_ALIASES} aliases and \
         {MAX_REPLAYED} values behind them are read; write the values out, in several files"
    )
}
