//! Takes new connections.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::connection::{Client, Respond, serve};
use super::listener::BACKLOG;
use super::wheel;
use super::worker::{Phase, Worker};
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

/// Accepts until draining begins, and then what waits already: a client whose connection the kernel
/// has opened would be reset. Neither spins nor ends when descriptors run out, and stops at the
/// bound of connections.
pub(super) async fn accept(listener: Listener) {
    let worker = Rc::clone(&listener.worker);
    let mut phase = worker.shared.phase.clone();
    let is_over = |phase: &Phase| matches!(phase, Phase::Draining | Phase::Stopped);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.wait_for(is_over) => break,
            accepted = worker.shared.places.accept(&listener.socket) => accepted,
        };
        match accepted {
            Ok((stream, peer)) => listener.serve(stream, peer),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                listener.stats.accept_failed(worker.index);
                tracing::warn!(worker = worker.index, %error, "cannot accept connections");
                wheel::sleep(PAUSE).await;
            }
        }
    }
    listener.accept_rest();
}

impl Listener {
    /// Serves a connection that holds a place.
    fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        self.stats.connection_accepted(self.worker.index);
        let client = Client::new(&self.worker, &self.stats, peer, self.port, self.is_tls);
        let most = self.worker.options().max_connections_per_listener;
        if most.is_some_and(|most| self.stats.open() > most) {
            self.stats.connection_refused(self.worker.index);
            return;
        }
        tokio::task::spawn_local(serve(stream, client, Respond));
    }

    /// Takes what waits now, also above the bound of connections: it got through. No call of the
    /// reactor, which would stop after some.
    fn accept_rest(&self) {
        let rest = socket2::SockRef::from(&self.socket);
        for _ in 0..BACKLOG {
            let Ok((stream, peer)) = rest.accept() else { return };
            let stream = StdStream::from(stream);
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let (Ok(stream), Some(peer)) = (stream, peer.as_socket()) {
                self.worker.shared.places.take_anyway();
                self.serve(stream, peer);
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
