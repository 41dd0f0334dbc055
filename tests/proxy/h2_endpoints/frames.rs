//! An endpoint that writes frames by hand, right and wrong ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// Wire is a connection, frame by frame.
pub struct Wire(TcpStream);

impl Wire {
    pub async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        let _ = self.0.write_all(&bytes).await;
    }

    pub async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap()) & 0x7fff_ffff;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// Reads up to the head of the next request, and returns its stream.
    pub async fn request(&mut self) -> Option<u32> {
        self.until(HEADERS).await.map(|frame| frame.stream)
    }

    /// Reads up to the next frame of a kind.
    pub async fn until(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.read().await?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// Writes a head of `:status: 200`, by the static table.
    pub async fn ok(&mut self, stream: u32, flags: u8) {
        self.write(HEADERS, END_HEADERS | flags, stream, &[0x88]).await;
    }

    pub async fn data(&mut self, stream: u32, data: &[u8], flags: u8) {
        self.write(DATA, flags, stream, data).await;
    }
}

/// Starts an endpoint; each connection is handed on after the prefaces, with its number from 1.
pub async fn start<F>(
    serve: impl Fn(usize, Wire) -> F + Clone + Send + 'static,
) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            let serve = serve.clone();
            tokio::spawn(async move {
                let mut preface = [0; 24];
                if stream.read_exact(&mut preface).await.is_err() {
                    return;
                }
                assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
                let mut wire = Wire(stream);
                wire.write(SETTINGS, 0, 0, &[]).await;
                serve(number, wire).await;
            });
        }
    });
    (address, connections)
}
