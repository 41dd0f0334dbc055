//! The clients: HTTP/1.1 or WebSocket over kept connections, at a constant rate or as fast as it goes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::clock::Clock;
use super::http1::{self, Body};
use super::options::Options;
use super::report::Report;
use super::websocket;

/// An answer that takes longer has failed.
const SLOWEST: Duration = Duration::from_secs(10);
const PIECE: usize = 64 << 10;

/// Plan says what to send and where.
#[derive(Clone)]
struct Plan {
    address: SocketAddr,
    host: Arc<str>,
    path: Arc<str>,
    is_websocket: bool,
    /// Length of the body of a request, or of a message.
    body: usize,
    /// Latencies of what is due earlier are not counted.
    skip: Duration,
}

/// Sends, and prints what came of it.
#[allow(clippy::print_stdout, reason = "its result")]
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let plan = Plan {
        address: options.addresses("address")?.first().copied().context("no address=")?,
        host: options.text("host", "localhost").into(),
        path: options.text("path", "/1k").into(),
        is_websocket: match options.text("protocol", "http1") {
            "http1" => false,
            "websocket" => true,
            other => bail!("protocol={other}: one of http1 and websocket"),
        },
        body: options.value("body", 0)?,
        skip: Duration::from_secs_f64(options.value("skip", 0.0)?),
    };
    let count: usize = options.value("connections", 32)?;
    let length = Duration::from_secs_f64(options.value("seconds", 3.0)?);
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(Some(Client::open(&plan).await.context("connect")?));
    }
    let clock = Clock::start(options.value("rate", 0.0)?, length)?;
    let mut tasks = JoinSet::new();
    for client in clients {
        tasks.spawn(drive(client, plan.clone(), Arc::clone(&clock)));
    }
    let mut all = Report::default();
    while let Some(report) = tasks.join_next().await {
        all.merge(report?);
    }
    println!("{}", all.line(clock.length(), clock.unsent()));
    Ok(())
}

/// Sends what is due over one connection; one that broke is opened again.
async fn drive(mut client: Option<Client>, plan: Plan, clock: Arc<Clock>) -> Report {
    let mut report = Report::default();
    while let Some(due) = clock.next().await {
        let turn = async {
            let mut open = match client.take() {
                Some(open) => open,
                None => Client::open(&plan).await?,
            };
            open.exchange().await?;
            anyhow::Ok(open)
        };
        match tokio::time::timeout(SLOWEST, turn).await.map_err(anyhow::Error::from).flatten() {
            Ok(open) => {
                client = Some(open);
                let counts = clock.since_start(due) >= plan.skip;
                report.add(counts.then(|| due.elapsed()));
            }
            Err(error) => {
                report.fail(&error);
                // What refuses is not asked in a circle.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    report
}

enum Client {
    Http1(Http1),
    WebSocket(Box<websocket::Client>),
}

impl Client {
    async fn open(plan: &Plan) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(plan.address).await?;
        stream.set_nodelay(true)?;
        if plan.is_websocket {
            let client = websocket::Client::open(stream, &plan.host, &plan.path, plan.body).await?;
            return Ok(Self::WebSocket(Box::new(client)));
        }
        Ok(Self::Http1(Http1::new(stream, plan)))
    }

    async fn exchange(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Http1(client) => client.exchange().await,
            Self::WebSocket(client) => client.exchange().await,
        }
    }
}

struct Http1 {
    stream: TcpStream,
    /// The head, and the body where it is short.
    request: Bytes,
    piece: Bytes,
    left: usize,
    buffer: BytesMut,
}

impl Http1 {
    fn new(stream: TcpStream, plan: &Plan) -> Self {
        let (host, path, length) = (&plan.host, &plan.path, plan.body);
        let (method, framing) = match length {
            0 => ("GET", String::new()),
            _ => ("POST", format!("content-length: {length}\r\n")),
        };
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
             accept: */*\r\naccept-encoding: gzip, deflate, br\r\naccept-language: en-GB,en;q=0.8\r\n\
             {framing}\r\n"
        );
        let at_once = if length <= PIECE { length } else { 0 };
        request.push_str(&"x".repeat(at_once));
        let piece = Bytes::from(vec![b'x'; (length - at_once).min(PIECE)]);
        Self {
            stream,
            request: request.into(),
            piece,
            left: length - at_once,
            buffer: BytesMut::with_capacity(8 << 10),
        }
    }

    async fn exchange(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.request).await?;
        let mut left = self.left;
        while left > 0 {
            let piece = self.piece.slice(..left.min(PIECE));
            self.stream.write_all(&piece).await?;
            left -= piece.len();
        }
        let (status, body) = loop {
            if let Some(head) = http1::answer(&mut self.buffer)? {
                break head;
            }
            self.more().await?;
        };
        ensure!(status == 200, "status {status}");
        let Body::Length(mut left) = body else { bail!("an answer in chunks") };
        loop {
            let taken = left.min(self.buffer.len() as u64);
            self.buffer.advance(taken as usize);
            left -= taken;
            if left == 0 {
                return Ok(());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        self.buffer.reserve(PIECE);
        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "closed");
        Ok(())
    }
}
