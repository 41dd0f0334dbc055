//! A message per second through one WebSocket connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::SLOWEST;
use super::http::connect;
use super::report::Recorder;

type Socket = WebSocketStream<TcpStream>;

pub(super) async fn run(
    address: SocketAddr,
    source: Option<IpAddr>,
    host: &str,
    recorder: &Recorder,
    is_over: &AtomicBool,
) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kept: Option<Socket> = None;
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        let result = timeout(SLOWEST, say(&mut kept, (address, source), host, recorder)).await;
        recorder.message(result.unwrap_or_else(|_| Err("timeout".to_owned())));
    }
    if let Some(mut socket) = kept {
        let _ = timeout(SLOWEST, socket.close(None)).await;
    }
}

/// Sends a message and waits for its echo. A connection that the other side has closed in good
/// order is opened again, also where its close frame crosses the message.
async fn say(
    kept: &mut Option<Socket>,
    address: (SocketAddr, Option<IpAddr>),
    host: &str,
    recorder: &Recorder,
) -> Result<(), String> {
    if let Some(socket) = kept.as_mut()
        && !matches!(socket.next().now_or_never(), None | Some(Some(Ok(Message::Ping(_)))))
    {
        *kept = None;
    }
    loop {
        let was_kept = kept.is_some();
        let mut socket = match kept.take() {
            Some(socket) => socket,
            None => open(address, host, recorder).await?,
        };
        match echo(&mut socket).await {
            Ok(()) => {
                *kept = Some(socket);
                return Ok(());
            }
            Err(End::Closed) if was_kept => {}
            Err(end) => return Err(format!("no echo: {end:?}")),
        }
    }
}

async fn open(
    (address, source): (SocketAddr, Option<IpAddr>),
    host: &str,
    recorder: &Recorder,
) -> Result<Socket, String> {
    let stream = connect(address, source).await?;
    let opened = client_async(format!("ws://{host}/ws"), stream).await;
    let (socket, _) = opened.map_err(|error| format!("handshake: {error}"))?;
    recorder.websocket_opened();
    Ok(socket)
}

/// End is why there was no echo.
#[derive(Debug)]
#[allow(dead_code, reason = "printed in the report")]
enum End {
    /// A close frame.
    Closed,
    Broken(Error),
    Odd(Option<Message>),
}

async fn echo(socket: &mut Socket) -> Result<(), End> {
    socket.send(Message::text("are you there?")).await.map_err(End::Broken)?;
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) if text.as_str() == "are you there?" => return Ok(()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) => return Err(End::Closed),
            Some(Ok(other)) => return Err(End::Odd(Some(other))),
            Some(Err(error)) => return Err(End::Broken(error)),
            None => return Err(End::Odd(None)),
        }
    }
}
