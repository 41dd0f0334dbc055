//! Clients of each kind, and the backends that no simulated one is.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::record::Failed;
use crate::world::World;

pub type Sender = http1::SendRequest<Full<Bytes>>;
pub type Sender2 = http2::SendRequest<Full<Bytes>>;

/// Ask is a request and the statuses that are right.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub host: &'a str,
    pub path: &'a str,
    pub body: &'a Bytes,
    pub statuses: &'a [u16],
    /// Time between two pieces of the answer that are read.
    pub pause: Duration,
}

impl Ask<'_> {
    fn request(&self, version: &str) -> Request<Full<Bytes>> {
        let method = if self.body.is_empty() { Method::GET } else { Method::POST };
        let mut request = Request::builder().method(method);
        // HTTP/2 has the host in its target, HTTP/1.1 in a field.
        if version == "2" {
            request = request.uri(format!("http://{}{}", self.host, self.path));
        } else {
            request = request.uri(self.path).header("host", self.host);
        }
        request.body(Full::new(self.body.clone())).expect("a request")
    }

    async fn finish(
        &self,
        response: Result<Response<Incoming>, hyper::Error>,
    ) -> Result<(), Failed> {
        let response = response.map_err(|error| Failed::before(deep(&error)))?;
        let status = response.status().as_u16();
        let reason = response.headers().get("x-weir-reason").cloned();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| Failed::within(deep(&error)))?;
            if !self.pause.is_zero() {
                sleep(self.pause).await;
            }
        }
        if self.statuses.contains(&status) {
            return Ok(());
        }
        Err(Failed::before(format!("status {status}, {reason:?}")))
    }

    pub async fn over1(&self, sender: &mut Sender) -> Result<(), Failed> {
        sender.ready().await.map_err(|error| Failed::before(deep(&error)))?;
        let response = sender.send_request(self.request("1.1")).await;
        self.finish(response).await
    }

    pub async fn over2(&self, sender: &Sender2) -> Result<(), Failed> {
        let mut sender = sender.clone();
        sender.ready().await.map_err(|error| Failed::before(deep(&error)))?;
        let response = sender.send_request(self.request("2")).await;
        self.finish(response).await
    }
}

fn deep(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", deep(source)),
        None => error.to_string(),
    }
}

pub async fn connect(address: SocketAddr) -> Result<TcpStream, Failed> {
    TcpStream::connect(address).await.map_err(|error| Failed::before(format!("connect: {error}")))
}

/// Shakes hands; the certificate has to be one of the authority's.
pub async fn connect_tls(world: &World, protocol: &str) -> Result<TlsStream<TcpStream>, Failed> {
    let mut config = (*world.tls).clone();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from("shop.test").expect("a name");
    let stream = connect(world.https).await?;
    let connected = TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| Failed::before(format!("TLS: {error}")))
}

pub async fn open1<S>(stream: S) -> Result<Sender, Failed>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| Failed::before(deep(&e)))?;
    tokio::spawn(connection);
    Ok(sender)
}

pub async fn open2<S>(stream: S) -> Result<Sender2, Failed>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(|e| Failed::before(deep(&e)))?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Opens a WebSocket, has ten messages echoed, and closes it in good order.
pub async fn websocket(world: &World) -> Result<(), Failed> {
    let stream = connect(world.http).await?;
    let opened = client_async("ws://shop.test/ws", stream).await;
    let (mut socket, _) = opened.map_err(|error| Failed::before(format!("opening: {error}")))?;
    for number in 0..10 {
        let text = format!("message {number}");
        socket.send(Message::text(text.clone())).await.map_err(Failed::within)?;
        match socket.next().await {
            Some(Ok(Message::Text(echo))) if echo.as_str() == text => {}
            other => return Err(Failed::within(format!("no echo but {other:?}"))),
        }
        sleep(Duration::from_millis(100)).await;
    }
    socket.close(None).await.map_err(Failed::within)?;
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}

/// What is refused, or cut off, whatever else happens.
const HOSTILE: [&[u8]; 8] = [
    b"GET / HTTP/1.1\r\nHost: shop.test\r\nHost: b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /%2f HTTP/1.1\r\nHost: shop.test\r\n\r\n",
    b"GET / HTTP/1.1\nHost: shop.test\n\n",
    b"POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x08\x06\0\0\0\0\x01abcdefgh\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n",
];

/// Sends something hostile and reads what comes.
pub async fn hostile(world: &World, number: usize) -> Result<(), Failed> {
    let mut stream = connect(world.http).await?;
    let _ = stream.write_all(HOSTILE[number % HOSTILE.len()]).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    match timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await {
        Err(_) => return Err(Failed::before(format!("{number}: neither answered nor closed"))),
        Ok(Err(error)) if error.kind() != std::io::ErrorKind::ConnectionReset => {
            return Err(Failed::before(format!("{number}: {error}")));
        }
        Ok(_) => {}
    }
    if answer.starts_with(b"HTTP/1.1 2") {
        let text = String::from_utf8_lossy(&answer).into_owned();
        return Err(Failed::before(format!("{number} is served: {text}")));
    }
    Ok(())
}

/// Begins something and leaves in the middle of it.
pub async fn abandoned(world: &World, number: usize) -> Result<(), Failed> {
    let mut stream = connect(world.http).await?;
    let begin: &[u8] = match number % 5 {
        0 => b"GET /slow?ms=5000 HTTP/1.1\r\nHost: shop.test\r\n\r\n",
        1 => b"GET / HTTP/1.1\r\nHost: sh",
        2 => b"POST / HTTP/1.1\r\nHost: upload.test\r\nContent-Length: 100000\r\n\r\nabc",
        3 => b"GET /bytes/50000000 HTTP/1.1\r\nHost: shop.test\r\n\r\n",
        _ => b"",
    };
    stream.write_all(begin).await.map_err(Failed::before)?;
    sleep(Duration::from_millis(50)).await;
    let mut some = [0; 1024];
    let _ = timeout(Duration::from_millis(20), stream.read(&mut some)).await;
    Ok(())
}

/// Starts a backend that takes whole bodies, and one that resets every connection.
pub async fn odd_backends() -> (SocketAddr, SocketAddr) {
    let upload = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let reset = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addresses = (upload.local_addr().expect("bound"), reset.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = upload.accept().await {
            let service = service_fn(|request: Request<Incoming>| async {
                let body = request.into_body().collect().await?.to_bytes();
                Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(body.len().to_string()))))
            });
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = reset.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 512]).await;
                // What was not read makes a reset of the close.
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            });
        }
    });
    addresses
}

/// Waits until the process is ready.
pub async fn ready(admin: SocketAddr) {
    let body = Bytes::new();
    let ask = Ask {
        host: "admin",
        path: "/readyz",
        body: &body,
        statuses: &[200],
        pause: Duration::ZERO,
    };
    loop {
        if let Ok(stream) = connect(admin).await
            && let Ok(mut sender) = open1(stream).await
            && ask.over1(&mut sender).await.is_ok()
        {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}
