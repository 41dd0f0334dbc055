//! One connection to an endpoint: opening it, and the task that moves its frames.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::PingPong;
use h2::client::{Builder, Connection};
use socket2::{SockRef, TcpKeepalive};

use super::ledger::EndpointLedger;
use super::pool::{Channel, MOST_STREAMS, Opening, Slot, UNSETTLED};
use crate::metrics::EndpointStats;
use crate::upstream::clock::{self, Millis};
use crate::upstream::frames::Frames;
use crate::upstream::{OpenConnection, Stream};

/// Bytes of an answer that wait for their client, and of a request that wait for the endpoint.
const STREAM_BYTES: u32 = 64 * 1024;
/// Most bytes of the fields of an answer. Source: RFC 9113 §6.5.2.
const FIELD_BYTES: u32 = 64 * 1024;
/// Most memory of a connection for frames of few bytes that wait for their clients, beyond their bytes:
/// above it h2 ends the connection. A hundred streams may wait with messages of 70 bytes, twenty with
/// messages of 20.
const SMALL_FRAMES: usize = 16 * 1024 * 1024;
/// Most streams that were given up in the last second and are remembered: what was on its way to one that
/// is not counts as the endpoint's fault, and after 1,024 such frames h2 ends the connection.
const GIVEN_UP: usize = 1024;
/// How long a connection with streams may be silent before the endpoint is asked whether it lives,
/// how long it may take to say so, and the least time between two such questions: servers of gRPC
/// end a connection that asks more often than every five minutes.
/// Source: gRPC keepalive (GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS).
const SILENCE: Duration = Duration::from_secs(60);
const PONG: Duration = Duration::from_secs(20);
const BETWEEN_PINGS: Duration = Duration::from_secs(300);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Begins HTTP/2 on an open stream and returns the first place in it. The connection ends once it
/// is not used any more, for as long as the shelf keeps it.
///
/// # Errors
/// Where the stream has ended already.
///
/// # Cancel safety
/// Dropping the future gives the attempt up.
pub async fn begin(
    stream: Stream,
    mut opening: Opening,
    stats: &Arc<EndpointStats>,
    worker: usize,
    began: Instant,
) -> io::Result<Slot> {
    // The kernel finds out about a machine that is gone, also where pings would be unwelcome.
    let probes = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    SockRef::from(stream.socket()).set_tcp_keepalive(&probes)?;
    let heard = Rc::new(Cell::new(clock::now()));
    let ledger = EndpointLedger::new(Rc::clone(&heard), stats, worker);
    let stream = Frames::of_endpoint(stream, ledger);
    let handshake = Builder::new()
        .initial_max_send_streams(UNSETTLED)
        .initial_window_size(STREAM_BYTES)
        .initial_connection_window_size(STREAM_BYTES * MOST_STREAMS as u32)
        .max_send_buffer_size(STREAM_BYTES as usize)
        .max_header_list_size(FIELD_BYTES)
        .data_frame_budget(SMALL_FRAMES)
        .max_concurrent_reset_streams(GIVEN_UP)
        .enable_push(false)
        .handshake(stream)
        .await;
    let (sender, connection) = handshake.map_err(io::Error::other)?;
    stats.connection_opened(worker, began.elapsed());
    let counted = Counted { _open: opening.take_counted(), stats: Arc::clone(stats), worker };
    let channel = Rc::new(Channel::new(sender, &opening));
    let slot = opening.opened(&channel);
    let task = Task {
        liveness: Liveness::new(heard),
        channel: Rc::downgrade(&channel),
        opening: Some(opening),
        _counted: counted,
    };
    tokio::task::spawn_local(task.run(connection));
    Ok(slot)
}

/// Counted counts the connection for as long as it is open.
struct Counted {
    _open: Option<OpenConnection>,
    stats: Arc<EndpointStats>,
    worker: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.stats.connection_closed(self.worker);
    }
}

/// Task moves the frames of a connection until it ends.
struct Task {
    liveness: Liveness,
    channel: Weak<Channel>,
    /// Until the endpoint's first settings.
    opening: Option<Opening>,
    _counted: Counted,
}

impl Task {
    async fn run(mut self, mut connection: Connection<Frames<Stream, EndpointLedger>, Bytes>) {
        let mut pings = connection.ping_pong();
        let mut look = tokio::time::interval(LOOK);
        poll_fn(|context| {
            // Streams learn from the connection itself how it ended.
            if Pin::new(&mut connection).poll(context).is_ready() {
                return Poll::Ready(());
            }
            self.settle();
            while look.poll_tick(context).is_ready() {
                let streams = self.channel.upgrade().map_or(0, |channel| channel.streams.get());
                if self.liveness.is_dead(clock::now(), streams > 0, pings.as_mut()) {
                    return Poll::Ready(());
                }
            }
            Poll::Pending
        })
        .await;
        drop(connection);
        if let Some(channel) = self.channel.upgrade() {
            channel.changed.notify_waiters();
        }
    }

    fn settle(&mut self) {
        if let Some(opening) = &self.opening
            && self.channel.upgrade().is_none_or(|channel| channel.settle(opening))
        {
            self.opening = None;
        }
    }
}

/// Liveness decides when a silent endpoint is asked whether it lives, and when it is taken for
/// dead.
struct Liveness {
    heard: Rc<Cell<Millis>>,
    asked: Option<Millis>,
}

impl Liveness {
    fn new(heard: Rc<Cell<Millis>>) -> Self {
        Self { heard, asked: None }
    }

    fn is_dead(&mut self, now: Millis, is_used: bool, pings: Option<&mut PingPong>) -> bool {
        let Some(pings) = pings else { return false };
        // Takes a pong off, so that another ping can go.
        let _ = pings.poll_pong(&mut Context::from_waker(Waker::noop()));
        match self.next(now, is_used) {
            Next::Nothing => false,
            Next::Dead => true,
            Next::Ask => {
                if pings.send_ping(h2::Ping::opaque()).is_ok() {
                    self.asked = Some(now);
                }
                false
            }
        }
    }

    fn next(&self, now: Millis, is_used: bool) -> Next {
        let heard = self.heard.get();
        match self.asked {
            Some(asked) if heard < asked => {
                if now.since(asked) >= PONG {
                    Next::Dead
                } else {
                    Next::Nothing
                }
            }
            Some(asked) if now.since(asked) < BETWEEN_PINGS => Next::Nothing,
            _ if is_used && now.since(heard) >= SILENCE => Next::Ask,
            _ => Next::Nothing,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    Ask,
    Dead,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_endpoint_is_asked_seldom_and_taken_for_dead_when_it_says_nothing() {
        let at = |seconds: u64| Millis(1 + seconds * 1000);
        let heard = Rc::new(Cell::new(at(0)));
        let mut liveness = Liveness::new(Rc::clone(&heard));
        assert_eq!(liveness.next(at(59), true), Next::Nothing);
        assert_eq!(liveness.next(at(60), false), Next::Nothing, "nobody waits for it");
        assert_eq!(liveness.next(at(60), true), Next::Ask);
        liveness.asked = Some(at(60));
        assert_eq!(liveness.next(at(79), true), Next::Nothing);
        assert_eq!(liveness.next(at(80), true), Next::Dead);
        heard.set(at(61));
        assert_eq!(liveness.next(at(359), true), Next::Nothing, "too often for some servers");
        assert_eq!(liveness.next(at(360), true), Next::Ask);
    }
}
