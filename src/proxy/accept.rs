//! Takes new connections.

use std::io;
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::connection::{Client, Respond, serve};
use super::wheel;
use super::worker::Worker;
use crate::metrics::ListenerStats;

/// Pause after an `accept` that failed for want of something.
const PAUSE: Duration = Duration::from_millis(100);

/// Listener is one worker's socket at one address.
#[derive(Debug)]
pub(super) struct Listener {
    worker: Rc<Worker>,
    socket: TcpListener,
    port: u16,
    is_tls: bool,
    stats: Arc<ListenerStats>,
}

impl Listener {
    pub(super) fn new(worker: &Rc<Worker>, socket: StdListener, is_tls: bool) -> io::Result<Self> {
        let port = socket.local_addr()?.port();
        let stats = worker.shared.metrics.listener(if is_tls { "https" } else { "http" });
        let socket = TcpListener::from_std(socket)?;
        Ok(Self { worker: Rc::clone(worker), socket, port, is_tls, stats })
    }
}

/// Accepts for ever. Neither spins nor ends when descriptors run out, and stops at the bound of
/// connections.
pub(super) async fn accept(listener: Listener) {
    let worker = &listener.worker;
    let options = worker.options();
    let most = options.max_connections.div_ceil(options.workers.max(1)).max(1);
    loop {
        worker.wait_below(most).await;
        match listener.socket.accept().await {
            Ok((stream, peer)) => {
                listener.stats.connection_accepted(worker.index);
                let client =
                    Client::new(worker, &listener.stats, peer, listener.port, listener.is_tls);
                tokio::task::spawn_local(serve(stream, client, Respond));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                listener.stats.accept_failed(worker.index);
                tracing::warn!(worker = worker.index, %error, "cannot accept connections");
                wheel::sleep(PAUSE).await;
            }
        }
    }
}

/// Whether the connection failed and not the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::ConnectionRefused
    )
}
