//! `weir demo`: Weir in front of simulated backends, and curl lines to try.
//!
//! The same wiring as `weir run --manifests`, on manifests in a directory of its own.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{oneshot, watch};

use super::backend::{self, Backend, BackendOptions};
use super::run::{self, Running};
use crate::config::{Args, Command, DemoArgs, RunArgs};

/// The simulated backends: name, latency in milliseconds, share of errors, zone, region.
const BACKENDS: [(&str, u64, f64, &str, &str); 4] = [
    ("dublin-1", 5, 0.0, "a", "dublin"),
    ("dublin-2", 60, 0.0, "b", "dublin"),
    ("tokyo-1", 10, 0.0, "c", "tokyo"),
    ("tokyo-2", 10, 0.1, "d", "tokyo"),
];

/// One strategy: host, what it is, what the pool says, and what curl needs besides the URL.
struct Strategy {
    host: &'static str,
    what: &'static str,
    spec: &'static str,
    backends: &'static [&'static str],
    curl: &'static str,
}

const STRATEGIES: [Strategy; 9] = [
    Strategy {
        host: "round-robin",
        what: "each backend in turn",
        spec: "",
        backends: &["", "", "", ""],
        curl: "",
    },
    Strategy {
        host: "weighted",
        what: "9 of 10 requests to dublin-1",
        spec: "",
        backends: &["weight: 9", "weight: 1"],
        curl: "",
    },
    Strategy {
        host: "least-request",
        what: "the slow dublin-2 gets fewer",
        spec: "  loadBalancing: { algorithm: LeastRequest }\n",
        backends: &["", "", ""],
        curl: "",
    },
    Strategy {
        host: "hashed",
        what: "one user, one backend",
        spec: "  loadBalancing: { algorithm: Maglev, hashOn: [{ header: x-user }] }\n",
        backends: &["", "", "", ""],
        curl: "-H 'x-user: ada' ",
    },
    Strategy {
        host: "sticky",
        what: "the cookie keeps the backend",
        spec: "  sessionPersistence: { sessionName: session }\n",
        backends: &["", "", "", ""],
        curl: "-c /tmp/weir-cookies -b /tmp/weir-cookies ",
    },
    Strategy {
        host: "nearest",
        what: "the region of the client's network",
        spec: "  loadBalancing:\n    locality:\n      prefer: ClientRegion\n      regions:\n        \
               - { name: dublin, location: { latitude: 53.3, longitude: -6.3 }, clients: [127.0.0.0/8] }\n        \
               - { name: tokyo, location: { latitude: 35.7, longitude: 139.7 }, clients: [127.5.0.0/16] }\n",
        backends: &["", "", "", ""],
        curl: "--interface 127.5.0.1 ",
    },
    Strategy {
        host: "failover",
        what: "tokyo only when dublin fails",
        spec: "",
        backends: &["tier: 0", "tier: 0", "tier: 1", "tier: 1"],
        curl: "",
    },
    Strategy {
        host: "zone",
        what: "Weir's own zone a first",
        spec: "  loadBalancing: { locality: { prefer: Zone } }\n",
        backends: &["", "", "", ""],
        curl: "",
    },
    Strategy {
        host: "retried",
        what: "errors of tokyo-2 are tried again",
        spec: "  retry: { attempts: 2, on: [connect-failure, reset, '500'], budget: { percent: 100 } }\n",
        backends: &["", "", "", ""],
        curl: "",
    },
];

/// Runs the demo until the word to stop, or with `--exit` until every strategy has answered.
///
/// # Errors
/// Where no port is free, or a request through Weir is not served.
pub(super) async fn run(
    args: DemoArgs,
    shutdown: watch::Receiver<bool>,
) -> anyhow::Result<ExitCode> {
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
        backends.push(backend::spawn(options, shutdown.clone()).await?);
    }
    let addresses: Vec<SocketAddr> = backends.iter().map(|backend| backend.address).collect();
    let directory = Directory::make()?;
    std::fs::write(directory.0.join("demo.yaml"), manifests(&addresses))?;
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
    let result = show(&args, &running, &backends, shutdown).await;
    stop.send_replace(true);
    server.await??;
    result
}

async fn show(
    args: &DemoArgs,
    running: &Running,
    backends: &[backend::Spawned],
    mut shutdown: watch::Receiver<bool>,
) -> anyhow::Result<ExitCode> {
    let out = |text: &str| {
        let mut out = std::io::stdout();
        out.write_all(text.as_bytes())?;
        out.flush()
    };
    out(&introduction(running))?;
    for strategy in &STRATEGIES {
        let answer = ask(running.http, strategy.host).await?;
        out(&format!("  GET http://{}.demo/ -> {answer}\n", strategy.host))?;
    }
    out("It works.\n")?;
    if args.exit {
        return Ok(ExitCode::SUCCESS);
    }
    out("Requests per second of each backend follow; Ctrl-C ends the demo.\n")?;
    let known: Vec<Arc<Backend>> = backends.iter().map(|b| Arc::clone(&b.backend)).collect();
    let mut before: Vec<u64> = known.iter().map(|backend| backend.requests()).collect();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = shutdown.wait_for(|stop| *stop) => return Ok(ExitCode::SUCCESS),
        }
        let now: Vec<u64> = known.iter().map(|backend| backend.requests()).collect();
        if now != before {
            let mut line = String::new();
            for ((backend, now), before) in known.iter().zip(&now).zip(&before) {
                // Writing into a String cannot fail.
                let _ = write!(line, "  {} {:>5}/s", backend.options().name, now - before);
            }
            out(&format!("{line}\n"))?;
        }
        before = now;
    }
}

fn introduction(running: &Running) -> String {
    let mut text = format!(
        "\nWeir serves http://{} in front of four simulated backends; the page is http://{}/\n\n",
        running.http, running.admin
    );
    for Strategy { host, what, curl, .. } in &STRATEGIES {
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "  # {what}\n  curl -s {curl}-H 'host: {host}.demo' http://{}/",
            running.http
        );
    }
    text.push_str("\nOne request for each, through Weir:\n");
    text
}

fn manifests(addresses: &[SocketAddr]) -> String {
    let mut text = String::new();
    for Strategy { host, spec, backends, .. } in &STRATEGIES {
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "---\napiVersion: weir.dev/v1alpha1\nkind: BackendPool\n\
             metadata: {{ name: {host}, namespace: demo }}\nspec:\n  \
             routes: [{{ hostnames: [{host}.demo] }}]\n{spec}  \
             healthCheck: {{ http: {{ path: /healthz }}, interval: 1s }}\n  backends:\n"
        );
        for ((address, more), (_, _, _, zone, region)) in
            addresses.iter().zip(*backends).zip(BACKENDS)
        {
            let more = if more.is_empty() { String::new() } else { format!(", {more}") };
            let _ = writeln!(
                text,
                "    - {{ endpoint: {{ address: {}, port: {}, zone: {zone}, region: {region} }}{more} }}",
                address.ip(),
                address.port()
            );
        }
    }
    text
}

async fn ask(weir: SocketAddr, host: &str) -> anyhow::Result<String> {
    let mut last = String::new();
    for _ in 0..100 {
        let mut stream = tokio::net::TcpStream::connect(weir).await?;
        let request = format!("GET / HTTP/1.1\r\nhost: {host}.demo\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let field = |name: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        if status == "200" {
            return Ok(format!("200 from {}", field("x-weir-backend:")));
        }
        // Right after the start the first table may not be there yet, and tokyo-2 makes errors.
        last = format!("{status} {}", field("x-weir-reason:"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{host}.demo is not served: {last}")
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
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Left behind in the temporary directory where it cannot be removed.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
