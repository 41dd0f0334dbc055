//! A constant load, open loop, that records every request that fails.
//!
//! A request starts when its time has come, whether earlier ones were answered or not; half of
//! them open a connection of their own, the others use kept ones. Once per second a message goes
//! through a WebSocket connection that is kept as long as the other side keeps it. A connection
//! that the other side has closed in good order is opened again; all else is a failure, unless it
//! was asked for (`again=true`) to send again what may be sent twice.

mod http;
mod report;
mod websocket;

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use report::Recorder;
pub use report::Report;

/// A request that takes longer has failed.
const SLOWEST: Duration = Duration::from_secs(10);

/// Options say what to send and where.
#[derive(Clone, Debug)]
struct Options {
    address: SocketAddr,
    /// What is asked for, in turn; the WebSocket is to the first.
    hosts: Vec<String>,
    /// Where connections come from, so that no load meets what another one left behind.
    source: Option<IpAddr>,
    /// Whether a request that may be sent twice is tried again when its connection breaks.
    again: bool,
    /// Requests per second.
    rate: u32,
    /// Whether one of ten requests is a POST with a body, which must not be sent twice.
    posts: bool,
    websocket: bool,
    /// Where TLS is spoken, and who signed the certificates; a fifth of the requests go there.
    tls: Option<(SocketAddr, PathBuf)>,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self {
            address: ([127, 0, 0, 1], 8080).into(),
            hosts: vec![String::new()],
            source: None,
            again: false,
            rate: 500,
            posts: true,
            websocket: true,
            tls: None,
        };
        let mut tls = (None, None);
        for argument in arguments {
            let (key, value) = argument.split_once('=').expect("write key=value");
            match key {
                "address" => options.address = value.parse().expect("address=IP:PORT"),
                "host" => options.hosts = value.split(',').map(ToOwned::to_owned).collect(),
                "source" => options.source = Some(value.parse().expect("source=IP")),
                "again" => options.again = value.parse().expect("again=true or false"),
                "rate" => options.rate = value.parse().expect("rate=NUMBER"),
                "posts" => options.posts = value.parse().expect("posts=true or false"),
                "websocket" => options.websocket = value.parse().expect("websocket=true or false"),
                "https" => tls.0 = Some(value.parse().expect("https=IP:PORT")),
                "ca" => tls.1 = Some(PathBuf::from(value)),
                _ => panic!("unknown {key}"),
            }
        }
        options.tls = tls.0.zip(tls.1);
        options
    }
}

/// `cluster load key=value...`: sends until standard input ends, then prints the report as JSON.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let options = Options::parse(arguments);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Relaxed);
    });
    let report = runtime.block_on(run(options, is_over));
    println!("{}", serde_json::to_string(&report).expect("JSON"));
    ExitCode::SUCCESS
}

/// `cluster fetch ADDRESS HOST PATH`: prints the status, and below it the body.
pub fn fetch(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let mut next = || arguments.next().expect("fetch ADDRESS HOST PATH");
    let (address, host, path) = (next().parse().expect("IP:PORT"), next(), next());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.expect("a runtime").block_on(http::get(address, &host, &path)) {
        Ok((status, body)) => {
            println!("{status}\n{body}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options, is_over: Arc<AtomicBool>) -> Report {
    let recorder = Arc::new(Recorder::new());
    let client = Arc::new(http::Client::new(&options));
    let mut tasks = JoinSet::new();
    if options.websocket {
        let (address, host) = (options.address, options.hosts[0].clone());
        let source = options.source;
        let (recorder, is_over) = (Arc::clone(&recorder), Arc::clone(&is_over));
        tasks.spawn(
            async move { websocket::run(address, source, &host, &recorder, &is_over).await },
        );
    }
    let mut ticks = interval(Duration::from_secs(1) / options.rate);
    // Late starts are made up for: the rate is what was asked for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut number = 0_u64;
    while !is_over.load(Ordering::Relaxed) {
        let due = ticks.tick().await;
        let kind = http::Kind::of(number, &options);
        number += 1;
        let (client, recorder) = (Arc::clone(&client), Arc::clone(&recorder));
        tasks.spawn(async move {
            let result = tokio::time::timeout(SLOWEST, client.send(kind, &recorder)).await;
            let result = result.unwrap_or_else(|_| Err("timeout".to_owned()));
            recorder.request(kind, due, result);
        });
        while tasks.try_join_next().is_some() {}
    }
    let end = Instant::now();
    tokio::select! {
        () = async { while tasks.join_next().await.is_some() {} } => {}
        () = sleep(SLOWEST + Duration::from_secs(1)) => {}
    }
    recorder.report(end)
}
