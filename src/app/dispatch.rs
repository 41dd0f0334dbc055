//! Which command runs, and with what exit code it ends.

use std::process::ExitCode;

use anyhow::Context;
use tokio::sync::watch;

use super::print::print;
use super::{backend, check, demo, explain, logging, probe, run};
use crate::config::{Args, BackendArgs, Command, LogFormat};

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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the control side")?;
    runtime.block_on(async {
        match command {
            Command::Run(args) => {
                run::run(*args, stop_on_signal()?, |_| ()).await?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Demo(args) => demo::run(args, stop_on_signal()?).await,
            Command::Backend(args) => {
                logging::start("info", LogFormat::Text)?;
                backend::run(simulated(args), stop_on_signal()?).await?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Check(args) => check::run(&args),
            Command::Explain(args) => explain::run(args).await,
            Command::Probe(args) => probe::run(args).await,
            Command::Crds => {
                print(&crate::api::crds_yaml()?)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

fn simulated(args: BackendArgs) -> backend::BackendOptions {
    backend::BackendOptions {
        listen: args.listen,
        name: args.name,
        latency: args.latency,
        jitter: args.jitter,
        error_rate: args.error_rate,
        zone: args.zone,
        region: args.region,
    }
}

/// Returns what turns true at SIGTERM or SIGINT. A second signal ends the process at once.
fn stop_on_signal() -> anyhow::Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if first {
                sender.send_replace(true);
            } else {
                std::process::exit(1);
            }
        }
    });
    Ok(receiver)
}
