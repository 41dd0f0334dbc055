//! A client that writes exactly what a test says and reads what comes.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns the value of the first field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Client is one connection.
pub struct Client<S> {
    pub stream: S,
    pub ahead: Vec<u8>,
}

impl Client<TcpStream> {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn over(stream: S) -> Self {
        Self { stream, ahead: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends a request and reads its answer.
    pub async fn ask(&mut self, request: impl AsRef<str>) -> Answer {
        let request = request.as_ref();
        self.send(request).await;
        self.answer(request.starts_with("HEAD ")).await.expect("an answer")
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n")).await
    }

    /// Reads an answer; nothing when the connection ends before its head.
    pub async fn answer(&mut self, is_head: bool) -> Option<Answer> {
        let head = self.until(b"\r\n\r\n").await?;
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        if is_head || status < 200 || status == 204 || status == 304 {
            return Some(answer);
        }
        if let Some(length) = answer.field("content-length") {
            let length: usize = length.parse().unwrap();
            while self.ahead.len() < length {
                assert!(self.read().await > 0, "the body broke off");
            }
            answer.body = self.ahead.drain(..length).collect();
        } else if answer.field("transfer-encoding").is_some() {
            while !answer.body.ends_with(b"0\r\n\r\n") && !ends_with_trailers(&answer.body) {
                answer.body.extend(self.until(b"\r\n").await.expect("a whole body"));
            }
        } else {
            while self.read().await > 0 {}
            answer.body = std::mem::take(&mut self.ahead);
        }
        Some(answer)
    }

    pub async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.ahead.windows(end.len()).position(|window| window == end) {
                return Some(self.ahead.drain(..at + end.len()).collect());
            }
            if self.read().await == 0 {
                return None;
            }
        }
    }

    /// Reads more; 0 is the end, by whatever cause.
    pub async fn read(&mut self) -> usize {
        self.stream.read_buf(&mut self.ahead).await.unwrap_or(0)
    }

    /// Returns whether the other side has closed, once it does.
    pub async fn is_closed(&mut self) -> bool {
        while self.read().await > 0 {}
        true
    }
}

fn ends_with_trailers(body: &[u8]) -> bool {
    let last = body.windows(5).rposition(|window| window == b"\r\n0\r\n");
    last.is_some_and(|at| at + 5 < body.len()) && body.ends_with(b"\r\n\r\n")
}
