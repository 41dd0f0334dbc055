//! Weir's own log, on standard error.

use std::borrow::Cow;
use std::io::IsTerminal as _;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts the log. A second call changes nothing, so that tests may start several.
///
/// # Errors
/// Where the filter cannot be read.
pub fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(without_repeats(filter).as_ref())
        .with_context(|| format!("--log {filter:?}: use a level, or weir::source=debug,info"))?;
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_ansi(is_terminal)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    drop(started);
    Ok(())
}

/// The library's watcher warns at every refusal of the API server; the source says the same once,
/// and what to do. The libraries of TLS and HTTP/2 warn of what clients do, as often as they like;
/// metrics count that. The library that watches directories tells what it forgot of one that is gone.
/// Who looks closer, or asks for the library, sees all.
fn without_repeats(filter: &str) -> Cow<'_, str> {
    let looks_closer = ["kube", "rustls", "h2", "notify", "debug", "trace", "off"]
        .iter()
        .any(|word| filter.contains(word));
    if looks_closer || filter.is_empty() {
        Cow::Borrowed(filter)
    } else {
        Cow::Owned(format!("{QUIET},{filter}"))
    }
}

const QUIET: &str = "kube_runtime::watcher=error,rustls=error,h2=error,notify=error";

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of one module counts more than a level for all: `--log error` must not hear more.
    #[test]
    fn nothing_is_louder_than_the_least_level_that_can_be_asked_for() {
        for directive in QUIET.split(',') {
            assert!(directive.ends_with("=error"), "{directive}");
        }
    }

    #[test]
    fn only_a_plain_filter_leaves_the_watcher_out() {
        assert_eq!(without_repeats("info"), format!("{QUIET},info"));
        let quiet = format!("{QUIET},weir=warn,info");
        assert_eq!(without_repeats("weir=warn,info"), quiet);
        for kept in ["", "off", "debug", "weir::source=debug,info", "info,kube_runtime=warn"] {
            assert_eq!(without_repeats(kept), kept);
        }
        for filter in ["info", "weir=warn,info"] {
            EnvFilter::try_new(without_repeats(filter).as_ref()).unwrap();
        }
    }
}
