//! An endpoint that writes down all it gets, and answers each request with its own target.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::strict::{self, Parsed, Request};

/// What came since somebody last looked.
#[derive(Debug, Default)]
pub struct Record {
    pub requests: Vec<Request>,
    /// What is not a request, and why.
    pub wrong: Vec<String>,
    /// Beginnings of requests, by connection.
    pub partial: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone)]
pub struct Recorder {
    pub address: SocketAddr,
    record: Arc<Mutex<Record>>,
}

impl Recorder {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let recorder = Self { address: listener.local_addr().unwrap(), record: Arc::default() };
        let own = recorder.clone();
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(own.clone().serve(stream, connection));
            }
        });
        recorder
    }

    /// Returns what came since the last time.
    pub fn take(&self) -> Record {
        std::mem::take(&mut *self.record.lock())
    }

    async fn serve(self, mut stream: TcpStream, connection: usize) {
        let mut bytes = Vec::new();
        while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
            while let Some(request) = self.next(&mut bytes, connection) {
                if stream.write_all(answer(&request).as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Takes one request out of the bytes and writes down what there is.
    fn next(&self, bytes: &mut Vec<u8>, connection: usize) -> Option<Request> {
        let mut record = self.record.lock();
        record.partial.retain(|(of, _)| *of != connection);
        match strict::request(bytes) {
            Parsed::Whole(request, used) => {
                bytes.drain(..used);
                record.requests.push(request.clone());
                Some(request)
            }
            Parsed::Partial if bytes.is_empty() => None,
            Parsed::Partial => {
                record.partial.push((connection, bytes.clone()));
                None
            }
            Parsed::Wrong(why) => {
                let bytes = String::from_utf8_lossy(bytes);
                record.wrong.push(format!("{why} in {bytes:?}"));
                None
            }
        }
    }
}

fn answer(request: &Request) -> String {
    let target = &request.target;
    let body = if request.method == "HEAD" { "" } else { target };
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", target.len())
}
