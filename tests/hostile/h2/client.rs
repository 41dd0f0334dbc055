//! A client that writes any frames, and reads enough of the answers to judge them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::frames::{DATA, END_STREAM, GOAWAY, HEADERS, RST_STREAM, hello};

const PATIENCE: Duration = Duration::from_secs(20);

/// What is known of a stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub status: Option<u16>,
    pub body: Vec<u8>,
    pub is_ended: bool,
    pub is_reset: bool,
}

impl Stream {
    pub fn is_over(&self) -> bool {
        self.is_ended || self.is_reset
    }
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The stream is over.
    Over,
    /// The connection is.
    Closed,
    Silence,
}

pub struct Client {
    read: OwnedReadHalf,
    /// Writes in a task of its own: a flooded server may have to be read meanwhile.
    write: tokio::sync::mpsc::UnboundedSender<Vec<u8>>,
    bytes: Vec<u8>,
    pub streams: BTreeMap<u32, Stream>,
    pub is_away: bool,
    /// The reason of the last GOAWAY.
    pub away: Option<u32>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (read, write) = stream.into_split();
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(pump(write, receiver));
        let client = Self {
            read,
            write: sender,
            bytes: Vec::new(),
            streams: BTreeMap::new(),
            is_away: false,
            away: None,
        };
        client.send(hello());
        client
    }

    pub fn send(&self, bytes: Vec<u8>) {
        let _ = self.write.send(bytes);
    }

    pub fn stream(&self, number: u32) -> Stream {
        self.streams.get(&number).cloned().unwrap_or_default()
    }

    /// Reads until a stream is over, or the connection.
    pub async fn until_over(&mut self, number: u32) -> Stop {
        loop {
            while let Some(used) = self.take_frame() {
                self.bytes.drain(..used);
            }
            if self.stream(number).is_over() {
                return Stop::Over;
            }
            let read = self.read.read_buf(&mut self.bytes);
            match tokio::time::timeout(PATIENCE, read).await {
                Err(_) => return Stop::Silence,
                Ok(Ok(count)) if count > 0 => {}
                Ok(_) => return Stop::Closed,
            }
        }
    }

    fn take_frame(&mut self) -> Option<usize> {
        let [a, b, c, kind, flags, s @ ..] = self.bytes.get(..9)? else { return None };
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let (kind, flags) = (*kind, *flags);
        let number = u32::from_be_bytes(s.try_into().unwrap()) & 0x7fff_ffff;
        let payload = self.bytes.get(9..9 + length)?.to_vec();
        self.is_away |= kind == GOAWAY;
        if kind == GOAWAY {
            let reason = payload.get(4..8).and_then(|bytes| bytes.try_into().ok());
            self.away = reason.map(u32::from_be_bytes);
        }
        if number > 0 {
            let stream = self.streams.entry(number).or_default();
            match kind {
                HEADERS if stream.status.is_none() => stream.status = status(&payload),
                DATA => stream.body.extend(payload),
                RST_STREAM => stream.is_reset = true,
                _ => {}
            }
            stream.is_ended |= matches!(kind, DATA | HEADERS) && flags & END_STREAM > 0;
        }
        Some(9 + length)
    }
}

async fn pump(mut write: OwnedWriteHalf, mut from: tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = from.recv().await {
        if write.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Reads `:status`, which comes first. Source: RFC 7541 Appendix A and B.
fn status(block: &[u8]) -> Option<u16> {
    let block = match block {
        [first, rest @ ..] if first & 0xe0 == 0x20 => rest,
        _ => block,
    };
    let (first, rest) = block.split_first()?;
    if (0x88..=0x8e).contains(first) {
        return Some([200, 204, 206, 304, 400, 404, 500][usize::from(first - 0x88)]);
    }
    let (length, rest) = rest.split_first()?;
    let text = rest.get(..usize::from(length & 0x7f))?;
    if length & 0x80 == 0 {
        return std::str::from_utf8(text).ok()?.parse().ok();
    }
    let bits: Vec<u8> =
        text.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let (mut digits, mut at) = (0_u16, 0);
    for _ in 0..3 {
        let number = |width: usize| {
            bits.get(at..at + width).map(|bits| bits.iter().fold(0_u8, |sum, bit| sum << 1 | bit))
        };
        let (digit, width) = match number(5)? {
            small @ 0..=2 => (small, 5),
            _ => (number(6)?.checked_sub(0x19)? + 3, 6),
        };
        digits = digits * 10 + u16::from(digit);
        at += width;
    }
    Some(digits)
}
