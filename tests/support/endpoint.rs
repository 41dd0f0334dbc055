//! A fake endpoint: real sockets, and answers as a test wants them, wrong ones too.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// What an endpoint got.
#[derive(Clone, Debug)]
pub struct Received {
    pub head: String,
    pub body: Vec<u8>,
    /// Which request of its connection, from 0.
    pub turn: usize,
}

impl Received {
    /// Returns the value of the first field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// What an endpoint does then.
pub enum Reply {
    /// Writes these bytes and goes on.
    Keep(Vec<u8>),
    /// Writes these bytes and closes.
    Close(Vec<u8>),
    /// Writes nothing and waits for the end of the connection.
    Hang,
    /// Writes these bytes, then sends everything back until the end.
    Echo(Vec<u8>),
}

/// Returns a whole answer with a body.
pub fn ok(body: &str) -> Reply {
    Reply::Keep(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into())
}

/// Endpoint is a fake endpoint; its sockets close when the runtime of the test ends.
pub struct Endpoint {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<Received>>>,
}

type Script = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

impl Endpoint {
    pub async fn start(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, received) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let script: Script = Arc::new(script);
        let (counted, seen) = (Arc::clone(&connections), Arc::clone(&received));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&seen)));
            }
        });
        Self { address, connections, received }
    }

    /// Speaks TLS; `connections` counts those whose handshake succeeded.
    pub async fn start_tls(
        config: rustls::ServerConfig,
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, received) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let script: Script = Arc::new(script);
        let (counted, seen) = (Arc::clone(&connections), Arc::clone(&received));
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    counted.fetch_add(1, Ordering::SeqCst);
                    serve(stream, script, seen).await;
                });
            }
        });
        Self { address, connections, received }
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().clone()
    }
}

async fn serve<S>(mut stream: S, script: Script, seen: Arc<Mutex<Vec<Received>>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ahead = Vec::new();
    for turn in 0.. {
        let Some(request) = read_request(&mut stream, &mut ahead, turn).await else { return };
        seen.lock().push(request.clone());
        match script(&request) {
            Reply::Keep(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::Close(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Reply::Hang => {
                let _ = stream.read_to_end(&mut ahead).await;
                return;
            }
            Reply::Echo(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.write_all(&ahead).await;
                let (mut read, mut write) = tokio::io::split(stream);
                let _ = tokio::io::copy(&mut read, &mut write).await;
                return;
            }
        }
    }
}

pub async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
    ahead: &mut Vec<u8>,
    turn: usize,
) -> Option<Received> {
    let head = read_until(stream, ahead, b"\r\n\r\n").await?;
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut request = Received { head, body: Vec::new(), turn };
    if request.field("transfer-encoding").is_some() {
        // Kept as it came, so that tests see chunks and trailers.
        while !request.body.ends_with(b"\r\n\r\n") {
            let line = read_until(stream, ahead, b"\r\n").await?;
            request.body.extend(line);
        }
    } else if let Some(length) = request.field("content-length") {
        let length: usize = length.parse().unwrap();
        while ahead.len() < length {
            if stream.read_buf(ahead).await.ok()? == 0 {
                return None;
            }
        }
        request.body = ahead.drain(..length).collect();
    }
    Some(request)
}

async fn read_until(
    stream: &mut (impl AsyncRead + Unpin),
    ahead: &mut Vec<u8>,
    end: &[u8],
) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = ahead.windows(end.len()).position(|window| window == end) {
            return Some(ahead.drain(..at + end.len()).collect());
        }
        if stream.read_buf(ahead).await.ok()? == 0 {
            return None;
        }
    }
}
