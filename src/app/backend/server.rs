//! A simulated backend: its options, its counters, and its socket.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use xxhash_rust::xxh3::xxh3_64;

use super::answer;

/// How long the answers under way at the end may take.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// BackendOptions describe a simulated backend.
#[derive(Clone, Debug)]
pub struct BackendOptions {
    /// Address to listen on; port 0 is any free port.
    pub listen: SocketAddr,
    /// Name that answers carry.
    pub name: String,
    /// Time before each answer.
    pub latency: Duration,
    /// Most that the time varies, either way.
    pub jitter: Duration,
    /// Share of requests answered 500, 0 to 1.
    pub error_rate: f64,
    /// Zone that answers carry.
    pub zone: Option<String>,
    /// Region that answers carry.
    pub region: Option<String>,
}

/// Backend is what a running backend knows of itself.
#[derive(Debug)]
pub struct Backend {
    pub(super) options: BackendOptions,
    pub(super) seed: u64,
    pub(super) requests: AtomicU64,
    pub(super) health_checks: AtomicU64,
    pub(super) health_status: AtomicU16,
}

impl Backend {
    fn new(options: BackendOptions) -> Self {
        let seed = xxh3_64(options.name.as_bytes());
        let (requests, health_checks) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { options, seed, requests, health_checks, health_status: AtomicU16::new(200) }
    }

    /// Returns what describes it.
    pub fn options(&self) -> &BackendOptions {
        &self.options
    }

    /// Returns how many requests came, without health checks.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns how many health checks came.
    pub fn health_checks(&self) -> u64 {
        self.health_checks.load(Ordering::Relaxed)
    }

    /// Returns the status that `/healthz` answers.
    pub fn health_status(&self) -> u16 {
        self.health_status.load(Ordering::Relaxed)
    }
}

/// Spawned is a backend that accepts connections.
#[derive(Debug)]
pub struct Spawned {
    /// Its address.
    pub address: SocketAddr,
    /// What it knows of itself.
    pub backend: Arc<Backend>,
}

/// Listens, and starts a task that serves until `shutdown` says so; what was asked by then is still
/// answered.
///
/// # Errors
/// Where the address cannot be listened on; the error says which, and what to do.
pub async fn spawn(
    options: BackendOptions,
    shutdown: watch::Receiver<bool>,
) -> anyhow::Result<Spawned> {
    let (listener, backend) = bind(options).await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, Arc::clone(&backend), shutdown));
    Ok(Spawned { address, backend })
}

/// Serves until `shutdown` says so.
///
/// # Errors
/// Where the address cannot be listened on; the error says which, and what to do.
pub async fn run(options: BackendOptions, shutdown: watch::Receiver<bool>) -> anyhow::Result<()> {
    let (listener, backend) = bind(options).await?;
    tracing::info!(name = %backend.options.name, address = %listener.local_addr()?, "serves");
    serve(listener, backend, shutdown).await;
    Ok(())
}

async fn bind(options: BackendOptions) -> anyhow::Result<(TcpListener, Arc<Backend>)> {
    anyhow::ensure!(
        (0.0..=1.0).contains(&options.error_rate),
        "--error-rate {}: write a share from 0 to 1, for instance 0.05",
        options.error_rate
    );
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        format!(
            "backend {:?} cannot listen on {}: choose another --listen",
            options.name, options.listen
        )
    })?;
    Ok((listener, Arc::new(Backend::new(options))))
}

async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // A sender that is gone also ends it.
    let _ = shutdown.wait_for(|stop| *stop).await;
}

/// Peer is a client, as its connection's requests know it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    shutdown: watch::Receiver<bool>,
    /// Nothing is sent: that the last one is dropped says that all connections have ended.
    _alive: mpsc::Sender<Infallible>,
}

impl Peer {
    /// Waits until the backend shall end.
    pub(super) async fn stopped(&mut self) {
        stopped(&mut self.shutdown).await;
    }
}

/// Accepts until the end; then lets requests be answered and tells WebSockets to go.
async fn serve(listener: TcpListener, backend: Arc<Backend>, mut shutdown: watch::Receiver<bool>) {
    let (alive, mut ended) = mpsc::channel(1);
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut shutdown) => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, address)) = accepted else {
            // Out of file descriptors: wait for some to come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let peer = Peer { address, shutdown: shutdown.clone(), _alive: alive.clone() };
        tokio::spawn(serve_connection(stream, Arc::clone(&backend), peer));
    }
    drop((listener, alive));
    let _ = tokio::time::timeout(LAST_ANSWERS, ended.recv()).await;
}

async fn serve_connection(stream: TcpStream, backend: Arc<Backend>, mut peer: Peer) {
    let asking = peer.clone();
    let service = service_fn(move |request| {
        let (backend, peer) = (Arc::clone(&backend), asking.clone());
        async move { Ok::<_, Infallible>(answer::answer(&backend, peer, request).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection =
        pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    // What clients do wrong is their own affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = peer.stopped() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
