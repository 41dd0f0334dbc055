//! The demo from its start to its end.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::sync::{oneshot, watch};
use tokio::time::MissedTickBehavior;

use super::super::backend::{self, BackendOptions};
use super::super::run::{self, Running};
use super::ask::ask;
use super::paint;
use super::screen::{self, Screen};
use super::strategy::{self, Strategy};
use super::traffic::Meter;
use crate::config::{Args, Command, DemoArgs, RunArgs};
use crate::upstream::clock;

/// The simulated backends: name, latency in milliseconds, share of errors, zone, region.
const BACKENDS: [(&str, u64, f64, &str, &str); 4] = [
    ("dublin-1", 5, 0.0, "a", "dublin"),
    ("dublin-2", 60, 0.0, "b", "dublin"),
    ("tokyo-1", 10, 0.0, "c", "tokyo"),
    ("tokyo-2", 10, 0.1, "d", "tokyo"),
];

/// Runs the demo until the word to stop, or with `--exit` until every strategy has answered.
///
/// # Errors
/// Where no port is free, or a request through Weir is not served as its strategy says.
pub(in crate::app) async fn run(
    args: DemoArgs,
    shutdown: watch::Receiver<bool>,
) -> anyhow::Result<ExitCode> {
    let strategies = strategy::all()?;
    let backends = backends(&shutdown).await?;
    let directory = Directory::make()?;
    directory.fill(&strategies, &backends)?;
    let (stop, stopped) = watch::channel(false);
    let (sender, started) = oneshot::channel();
    let run_args = run_args(&args, &directory).await?;
    let server = tokio::spawn(run::run(run_args, stopped, move |running| {
        // The receiver is only gone when the demo has ended.
        let _ = sender.send(running);
    }));
    let Ok(running) = started.await else {
        server.await??;
        anyhow::bail!("Weir ended at once");
    };
    let demo = Demo { strategies, backends, directory, running };
    let result = demo.show(args.exit, shutdown).await;
    stop.send_replace(true);
    server.await??;
    result.map(|()| ExitCode::SUCCESS)
}

async fn backends(shutdown: &watch::Receiver<bool>) -> anyhow::Result<Vec<(SocketAddr, String)>> {
    let mut backends = Vec::new();
    for (name, latency, error_rate, zone, region) in BACKENDS {
        let options = BackendOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            name: name.into(),
            latency: Duration::from_millis(latency),
            jitter: Duration::from_millis(latency / 5),
            error_rate,
            zone: Some(zone.into()),
            region: Some(region.into()),
        };
        let backend = backend::spawn(options, shutdown.clone()).await?;
        backends.push((backend.address, name.to_owned()));
    }
    Ok(backends)
}

struct Demo {
    strategies: Vec<Strategy>,
    backends: Vec<(SocketAddr, String)>,
    directory: Directory,
    running: Running,
}

impl Demo {
    async fn show(&self, exit: bool, shutdown: watch::Receiver<bool>) -> anyhow::Result<()> {
        say(&self.introduction())?;
        for strategy in &self.strategies {
            let backend = ask(self.running.http, strategy).await?;
            let host = strategy.request.header("host").unwrap_or_default();
            let path = &strategy.request.path;
            say(&format!("  {:<13}  http://{host}{path} -> {backend}\n", strategy.name))?;
        }
        say("It works.\n")?;
        if !exit {
            say("\nWhere requests go, second by second; Ctrl-C ends the demo.\n\n")?;
            self.follow(shutdown).await?;
        }
        Ok(())
    }

    fn introduction(&self) -> String {
        let Running { http, admin, .. } = &self.running;
        let mut text = format!(
            "\nWeir serves http://{http} in front of four simulated backends; the page is \
             http://{admin}/\ndublin-2 is slow; tokyo-2 answers one request in ten with an \
             error, and only retried.demo and ejected.demo lead to it.\nThe manifests are in {}: \
             change one, and Weir follows.\n\n",
            self.directory.0.display()
        );
        for strategy in &self.strategies {
            text.push_str(&format!("  # {}\n  {}\n", strategy.what, strategy.curl_to(*http)));
        }
        text.push_str("\nOne request for each, through Weir:\n");
        text
    }

    /// Shows every second where requests go: in place on a terminal, else in plain lines.
    async fn follow(&self, mut shutdown: watch::Receiver<bool>) -> io::Result<()> {
        let order = self.strategies.iter().map(|strategy| strategy.name.to_owned()).collect();
        let mut meter = Meter::new(self.backends.clone(), order);
        let mut screen = screen::look().map(|_| Screen::new(io::stdout()));
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
            }
            let traffic = meter.read(&self.running.table.load_full(), clock::now());
            match (&mut screen, screen::look()) {
                (Some(screen), Some(look)) => screen.draw(&paint::lines(&traffic, look), look)?,
                _ => {
                    for line in traffic.plain_lines() {
                        say(&format!("{line}\n"))?;
                    }
                }
            }
        }
    }
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

async fn run_args(args: &DemoArgs, directory: &Directory) -> anyhow::Result<RunArgs> {
    let parsed = Args::try_parse_from(["weir", "run", "--log", "warn", "--drain-delay", "0s"])?;
    let Command::Run(run) = parsed.command else { anyhow::bail!("not the run command") };
    Ok(RunArgs {
        manifests: Some(directory.0.clone()),
        http: Some(free(args.http).await?),
        https: Some(free(SocketAddr::new(args.http.ip(), 8443)).await?),
        admin: Some(free(args.admin).await?),
        zone: Some("a".into()),
        region: Some("dublin".into()),
        ..*run
    })
}

/// Returns the address, or one with any free port where it is taken.
async fn free(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    for address in [address, SocketAddr::new(address.ip(), 0)] {
        if let Ok(listener) = tokio::net::TcpListener::bind(address).await {
            return Ok(listener.local_addr()?);
        }
    }
    anyhow::bail!("no port is free on {}", address.ip())
}

/// Directory is a directory that goes with the demo.
struct Directory(PathBuf);

impl Directory {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("weir-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make the directory {}", path.display()))?;
        Ok(Self(path))
    }

    /// Writes the manifests, with the ports that the backends have.
    fn fill(
        &self,
        strategies: &[Strategy],
        backends: &[(SocketAddr, String)],
    ) -> anyhow::Result<()> {
        let addresses: Vec<SocketAddr> = backends.iter().map(|(address, _)| *address).collect();
        let services = strategy::services(&addresses);
        let pools = strategies.iter().map(|strategy| (strategy.name, strategy.manifest));
        for (name, text) in pools.chain([("services", services.as_str())]) {
            let path = self.0.join(format!("{name}.yaml"));
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Left behind in the temporary directory where it cannot be removed.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
