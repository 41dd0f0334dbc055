//! Starts the workers, and ends them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use super::accept::{Listener, accept};
use super::listener::{ProxyError, listen};
use super::options::Options;
use super::places::Places;
use super::pressure::Pressure;
use super::turn;
use super::wheel;
use super::worker::{Phase, Shared, Worker};
use crate::metrics::Metrics;
use crate::table::TableHandle;

/// Handle controls the workers. When it is dropped they end at once.
#[derive(Debug)]
pub struct Handle {
    http: Option<SocketAddr>,
    https: Option<SocketAddr>,
    phase: watch::Sender<Phase>,
    pressure: Arc<Pressure>,
    /// Ends when the last worker does.
    ended: mpsc::Receiver<()>,
}

/// Opener lets workers that were held accept connections.
#[derive(Clone, Debug)]
pub struct Opener(watch::Sender<Phase>);

impl Opener {
    /// Accepts what waits, and goes on. Does nothing where that was said before, or where the end
    /// has begun.
    pub fn open(&self) {
        self.0.send_if_modified(|phase| {
            let is_held = *phase == Phase::Held;
            if is_held {
                *phase = Phase::Serving;
            }
            is_held
        });
    }
}

/// Starts the workers on their own threads. They listen when this returns, and serve unless they are
/// held.
///
/// # Errors
/// Where an address cannot be listened on, or a thread cannot be started.
pub fn spawn(
    options: Options,
    table: TableHandle,
    metrics: Arc<Metrics>,
) -> Result<Handle, ProxyError> {
    let workers = options.workers.max(1);
    let open = |address: Option<SocketAddr>| match address {
        Some(address) => listen(address, workers),
        None => Ok(Vec::new()),
    };
    let http = open(options.http)?;
    let https = open(options.https.filter(|_| options.tls.is_some()))?;
    let first = if options.is_held { Phase::Held } else { Phase::Serving };
    let (phase, phases) = watch::channel(first);
    let (alive, ended) = mpsc::channel(1);
    let pressure = Arc::clone(&options.pressure);
    let handle = Handle { http: bound(&http), https: bound(&https), phase, pressure, ended };
    let wanted = std::iter::repeat_with(Notify::new).take(workers).collect();
    let (places, per_client) = (Places::new(options.max_connections), Arc::default());
    let shared = Shared { options, table, metrics, phase: phases, wanted, places, per_client };
    let shared = Arc::new(shared);
    let (mut http, mut https) = (http.into_iter(), https.into_iter());
    for index in 0..workers {
        let sockets = (http.next(), https.next());
        let (shared, alive) = (Arc::clone(&shared), alive.clone());
        std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || {
                run(index, &shared, sockets);
                drop(alive);
            })
            .map_err(ProxyError::Thread)?;
    }
    Ok(handle)
}

fn bound(sockets: &[TcpListener]) -> Option<SocketAddr> {
    sockets.first().and_then(|socket| socket.local_addr().ok())
}

impl Handle {
    /// Returns what says how much memory is in use.
    pub fn pressure(&self) -> Arc<Pressure> {
        Arc::clone(&self.pressure)
    }

    /// Returns where clear-text clients connect.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Returns where TLS clients connect.
    pub fn https_address(&self) -> Option<SocketAddr> {
        self.https
    }

    /// Returns what opens the listeners where they are held.
    pub fn opener(&self) -> Opener {
        Opener(self.phase.clone())
    }

    /// Ends in good order: accepts for `delay` longer, while others learn that this process is
    /// leaving, and tells every client with its next answer to come back elsewhere; then takes no
    /// new connection and lets requests end, for at most `timeout`. Returns whether all ended in
    /// time.
    pub async fn drain(mut self, delay: Duration, timeout: Duration) -> bool {
        if !delay.is_zero() {
            self.phase.send_replace(Phase::Leaving);
            tokio::time::sleep(delay).await;
        }
        self.phase.send_replace(Phase::Draining);
        if tokio::time::timeout(timeout, self.ended.recv()).await.is_ok() {
            return true;
        }
        self.phase.send_replace(Phase::Stopped);
        self.ended.recv().await;
        false
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Stopped);
    }
}

fn run(index: usize, shared: &Arc<Shared>, sockets: (Option<TcpListener>, Option<TcpListener>)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(worker = index, %error, "cannot start a worker");
            return;
        }
    };
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, serve(index, Arc::clone(shared), sockets));
}

async fn serve(
    index: usize,
    shared: Arc<Shared>,
    (http, https): (Option<TcpListener>, Option<TcpListener>),
) {
    let mut phase = shared.phase.clone();
    let worker = Worker::new(index, shared);
    tokio::task::spawn_local(wheel::run());
    tokio::task::spawn_local(turn::run());
    tokio::task::spawn_local(std::rc::Rc::clone(&worker).sweep());
    tokio::task::spawn_local(std::rc::Rc::clone(&worker).shed_on_demand());
    let opened = phase.wait_for(|phase| *phase != Phase::Held).await;
    let is_open = opened.is_ok_and(|phase| *phase == Phase::Serving);
    let mut accepting = Vec::new();
    for (socket, is_tls) in [(http, false), (https, true)] {
        // What ends before it had a table has no answer to give.
        let Some(socket) = socket.filter(|_| is_open) else { continue };
        match Listener::new(&worker, socket, is_tls) {
            Ok(listener) => accepting.push(tokio::task::spawn_local(accept(listener))),
            Err(error) => tracing::error!(worker = index, %error, "cannot accept"),
        }
    }
    // An error means that the handle is gone, which is a stop as well.
    let _ = phase.wait_for(|phase| !matches!(phase, Phase::Held | Phase::Serving)).await;
    worker.begin_leaving();
    let _ = phase.wait_for(|phase| *phase != Phase::Leaving).await;
    worker.begin_draining();
    for task in accepting {
        let _ = task.await;
    }
    tokio::select! {
        _ = phase.wait_for(|phase| *phase == Phase::Stopped) => {}
        () = worker.wait_for_the_last() => {}
    }
}
