//! Which command runs, and with what exit code it ends.

use std::process::ExitCode;

use crate::config::{Args, Command};

/// Runs a command and returns its exit code: 0 done, 1 refused input or failure.
pub fn main(args: Args) -> ExitCode {
    match dispatch(args.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weir: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Crds => {
            use std::io::Write;
            std::io::stdout().write_all(crate::api::crds_yaml()?.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        _ => anyhow::bail!("not wired"),
    }
}
