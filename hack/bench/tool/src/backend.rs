//! The backend: answers whose size the path says, and WebSocket echo.
//!
//! `/64`, `/1k`, `/1m` and `/64m` are as long as they say; every other path is 1 KiB. The body of a
//! request is read to its end before the answer. An upgrade to WebSocket is echoed.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::http1::{self, Body, Request};
use super::options::Options;
use super::{grpc, websocket};

const PIECE: usize = 1 << 20;

/// Serves until standard input ends.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let answers = Answers::new();
    for address in options.addresses("http1")? {
        let (listener, answers) = (bind(address)?, answers.clone());
        tokio::spawn(async move {
            while let Some(stream) = accept(&listener).await {
                let answers = answers.clone();
                // A client that went away is no matter of the backend.
                tokio::spawn(async move { drop(connection(stream, answers).await) });
            }
        });
    }
    for address in options.addresses("http2")? {
        let listener = bind(address)?;
        tokio::spawn(async move {
            while let Some(stream) = accept(&listener).await {
                tokio::spawn(grpc::connection(stream));
            }
        });
    }
    eprintln!("bench-tool: backend is ready");
    let (over, is_over) = tokio::sync::oneshot::channel::<()>();
    // A thread of its own: reads of standard input cannot be given up.
    std::thread::spawn(move || {
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        drop(over);
    });
    is_over.await.ok();
    Ok(())
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_nodelay(true)?;
    socket.bind(address).with_context(|| format!("listen on {address}"))?;
    Ok(socket.listen(8192)?)
}

/// Returns the next connection; a shortage of descriptors is waited out.
async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Some(stream),
            Err(error) if error.kind() == ErrorKind::InvalidInput => return None,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
        }
    }
}

/// Answers are made once.
#[derive(Clone)]
struct Answers {
    small: Bytes,
    usual: Bytes,
    large: Bytes,
    largest_head: Bytes,
    piece: Bytes,
}

impl Answers {
    fn new() -> Self {
        let piece = Bytes::from(vec![b'x'; PIECE]);
        let head = |length: usize| {
            format!(
                "HTTP/1.1 200 OK\r\nserver: backend\r\ndate: Fri, 27 Nov 2026 12:00:00 GMT\r\n\
                 content-type: text/plain\r\ncache-control: no-store\r\nx-version: 12\r\n\
                 content-length: {length}\r\n\r\n"
            )
        };
        let whole = |length: usize| Bytes::from(head(length) + &"x".repeat(length));
        Self {
            small: whole(64),
            usual: whole(1024),
            large: whole(PIECE),
            largest_head: Bytes::from(head(64 * PIECE)),
            piece,
        }
    }

    async fn write(&self, path: &str, stream: &mut TcpStream) -> io::Result<()> {
        match path {
            "/64" => stream.write_all(&self.small).await,
            "/1m" => stream.write_all(&self.large).await,
            "/64m" => {
                stream.write_all(&self.largest_head).await?;
                for _ in 0..64 {
                    stream.write_all(&self.piece).await?;
                }
                Ok(())
            }
            _ => stream.write_all(&self.usual).await,
        }
    }
}

async fn connection(mut stream: TcpStream, answers: Answers) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(8 << 10);
    loop {
        let Some(request) = http1::request(&mut buffer)? else {
            buffer.reserve(4 << 10);
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        skip(&request, &mut stream, &mut buffer).await?;
        if let Some(key) = &request.websocket_key {
            return websocket::echo(stream, key, buffer).await;
        }
        answers.write(&request.path, &mut stream).await?;
        if request.is_last {
            return Ok(());
        }
    }
}

/// Reads the body of a request to its end.
async fn skip(request: &Request, stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<()> {
    let Body::Length(mut left) = request.body else { return skip_chunks(stream, buffer).await };
    loop {
        let taken = left.min(buffer.len() as u64);
        buffer.advance(taken as usize);
        left -= taken;
        if left == 0 {
            return Ok(());
        }
        more(stream, buffer).await?;
    }
}

async fn skip_chunks(stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<()> {
    loop {
        match httparse::parse_chunk_size(buffer).map_err(|_| ErrorKind::InvalidData)? {
            httparse::Status::Partial => more(stream, buffer).await?,
            httparse::Status::Complete((head, size)) => {
                buffer.advance(head);
                // With the line end behind it; trailers are not expected here.
                let mut left = size + 2;
                loop {
                    let taken = left.min(buffer.len() as u64);
                    buffer.advance(taken as usize);
                    left -= taken;
                    if left == 0 {
                        break;
                    }
                    more(stream, buffer).await?;
                }
                if size == 0 {
                    return Ok(());
                }
            }
        }
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<()> {
    buffer.reserve(64 << 10);
    if stream.read_buf(buffer).await? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
