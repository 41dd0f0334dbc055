//! A connection that has left HTTP: bytes both ways until both sides are done.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::body::{AnswerBody, Guards};
use super::cut::Cut;
use super::exchange::Exchange;
use super::forward::Answered;
use super::headers::clean_answer;
use super::http1;
use super::pipe;
use super::record::Record;
use super::socket::Ahead;
use super::websocket;
use super::wheel::sleep;
use crate::metrics::Reason;

/// Upgrade will be the client's connection, once whoever speaks HTTP on it gives it up.
#[derive(Debug)]
pub(super) enum Upgrade {
    /// Hyper does; over HTTP/2 it is told so where the endpoint breaks off.
    Hyper(OnUpgrade, Option<Cut>),
    /// Our own codec does.
    Own(oneshot::Receiver<http1::Upgraded>),
}

/// Answers 101, or 200 over HTTP/2, and joins the client's connection, or its stream, to the endpoint's. What
/// the request holds lasts as long as the tunnel.
pub(super) fn open(
    answered: Answered,
    upgrade: Upgrade,
    asked: &HeaderMap,
    mut record: Record,
) -> Response<AnswerBody> {
    let Answered { mut headers, exchange, guards, .. } = answered;
    clean_answer(&mut headers, true);
    let status = if record.version == Version::HTTP_2 {
        websocket::clean(&mut headers);
        StatusCode::OK
    } else {
        if matches!(exchange, Exchange::Http2(_)) {
            websocket::agree(&mut headers, asked);
        }
        StatusCode::SWITCHING_PROTOCOLS
    };
    record.status = status.as_u16();
    match exchange {
        Exchange::Http1(exchange) => {
            let (stream, ahead, lease) = exchange.0.into_tunnel();
            let endpoint = Ahead { bytes: ahead.freeze(), stream };
            tokio::task::spawn_local(async move {
                join(upgrade, endpoint, guards, record).await;
                drop(lease);
            });
        }
        Exchange::Http2(exchange) => {
            if let Some(endpoint) = exchange.0.into_tunnel() {
                tokio::task::spawn_local(join(upgrade, endpoint, guards, record));
            }
        }
    }
    let mut response = Response::new(AnswerBody::nothing());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Waits for the client's side, and moves bytes.
async fn join<S>(upgrade: Upgrade, endpoint: S, guards: Guards, record: Record)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match upgrade {
        Upgrade::Hyper(upgrade, cut) => {
            let Ok(client) = upgrade.await else { return };
            let mut client = TokioIo::new(client);
            let ended = run(&mut client, endpoint, guards, record).await;
            if let (Err(_), Some(cut)) = (ended, cut) {
                cut.cut().await;
            }
        }
        Upgrade::Own(upgrade) => {
            let Ok(client) = upgrade.await else { return };
            let http1::Upgraded { mut stream, _client } = client;
            // What broke off ends without the Close frame of a WebSocket that has ended. A reset of
            // the connection would take back what the client has not read.
            let _ = run(&mut stream, endpoint, guards, record).await;
        }
    }
}

/// Moves bytes until both sides have ended, or one broke.
async fn run<C, S>(
    client: &mut C,
    endpoint: S,
    guards: Guards,
    mut record: Record,
) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let moved = Moved::default();
    let mut endpoint = Counted { stream: endpoint, moved: &moved };
    let ended = tokio::select! {
        // Most tunnels end with an error: one side is gone.
        ended = pipe::join(client, &mut endpoint) => ended,
        () = idle(&moved, guards.idle_timeout) => {
            record.reason = Some(Reason::IdleTimeout);
            Ok(())
        }
    };
    record.request_bytes = moved.received.get();
    record.response_bytes = moved.sent.get();
    // However a tunnel ends, it served.
    record.complete();
    ended
}

/// How often in the timeout it is looked whether a byte moved.
const LOOKS: u32 = 4;

/// Ends when no byte moved for the timeout, or at most a quarter of it longer.
async fn idle(moved: &Moved, timeout: Option<Duration>) {
    let Some(timeout) = timeout else { return std::future::pending().await };
    let (mut seen, mut still) = (moved.all(), 0);
    while still < LOOKS {
        sleep(timeout / LOOKS).await;
        still = if moved.all() == seen { still + 1 } else { 0 };
        seen = moved.all();
    }
}

/// Moved is how many bytes went through a tunnel.
#[derive(Default)]
struct Moved {
    /// From the client.
    received: Cell<u64>,
    /// From the endpoint.
    sent: Cell<u64>,
}

impl Moved {
    fn all(&self) -> u64 {
        self.received.get() + self.sent.get()
    }
}

/// Counted counts what goes through the endpoint's stream.
struct Counted<'a, S> {
    stream: S,
    moved: &'a Moved,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, out);
        let read = (out.filled().len() - before) as u64;
        self.moved.sent.set(self.moved.sent.get() + read);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            self.moved.received.set(self.moved.received.get() + count as u64);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
