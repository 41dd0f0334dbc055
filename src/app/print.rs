//! Text on standard output.

use std::io::{ErrorKind, Write};

use anyhow::Context;

/// Writes text to standard output. A reader that has left, as `head` does, has read enough.
///
/// # Errors
/// Where it cannot be written for another reason.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
