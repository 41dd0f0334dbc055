//! The backend that proxies are measured in front of, and clients that say when each request was due.
//!
//! ```text
//! bench-tool backend http1=ADDR,ADDR http2=ADDR,ADDR   until standard input ends
//! bench-tool load address=ADDR [option=value]...       JSON at the end
//! ```
//!
//! One thread each: they share their core with nobody who is measured.

mod backend;
mod clock;
mod grpc;
mod http1;
mod load;
mod options;
mod report;
mod websocket;

use std::process::ExitCode;

use options::Options;

/// Runs one command; its arguments are words of the form `name=value`.
pub fn main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let command = arguments.next();
    let result = Options::parse(arguments).and_then(|options| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match command.as_deref() {
            Some("backend") => runtime.block_on(backend::run(&options)),
            Some("load") => runtime.block_on(load::run(&options)),
            _ => anyhow::bail!("the command is one of backend and load"),
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-tool: {error:#}");
            ExitCode::FAILURE
        }
    }
}
