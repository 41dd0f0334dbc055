//! A client that writes any bytes, and reads answers as strictly as endpoints read requests.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::strict::{self, Fields, Framing};

/// Longer than any limit of the tests; whoever is silent for so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: Fields,
    pub body: Vec<u8>,
    /// Whether nothing follows on the connection.
    pub closes: bool,
}

impl Answer {
    pub fn values(&self, name: &str) -> Vec<&str> {
        let of_name = |(found, _): &&(String, String)| found.eq_ignore_ascii_case(name);
        self.fields.iter().filter(of_name).map(|(_, value)| value.as_str()).collect()
    }
}

/// What came.
#[derive(Debug)]
pub enum Got {
    Answer(Answer),
    /// The connection ended, with these bytes that are no whole answer.
    End(Vec<u8>),
    /// Bytes that are no answer.
    Wrong(String),
    Silence,
}

pub struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), bytes: Vec::new() }
    }

    /// Writes as much as the other side takes: it may have closed already.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Says that nothing more comes.
    pub async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    pub async fn next(&mut self, is_head: bool) -> Got {
        loop {
            match read(&self.bytes, is_head) {
                Err(why) => return Got::Wrong(format!("{why} in {:?}", text(&self.bytes))),
                Ok(Some((answer, used))) => {
                    self.bytes.drain(..used);
                    return Got::Answer(answer);
                }
                Ok(None) => {}
            }
            let read = self.stream.read_buf(&mut self.bytes);
            match tokio::time::timeout(PATIENCE, read).await {
                Err(_) => return Got::Silence,
                Ok(Ok(count)) if count > 0 => {}
                Ok(_) => return Got::End(std::mem::take(&mut self.bytes)),
            }
        }
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned()
}

fn read(bytes: &[u8], is_head: bool) -> Result<Option<(Answer, usize)>, String> {
    let Some((lines, body_at)) = strict::head(bytes)? else { return Ok(None) };
    let first = lines.first().ok_or("no status line")?;
    // An old client is answered in its version.
    let is_old = first.starts_with("HTTP/1.0 ");
    let status = first
        .strip_prefix(if is_old { "HTTP/1.0 " } else { "HTTP/1.1 " })
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| digits.parse::<u16>().ok())
        .ok_or_else(|| format!("status line {first:?}"))?;
    let fields = strict::fields(&lines[1..])?;
    let mut answer = Answer { status, fields, body: Vec::new(), closes: false };
    let connection = answer.values("connection").join(",");
    let says = |word: &str| connection.split(',').any(|option| option.trim() == word);
    answer.closes = says("close") || (is_old && !says("keep-alive"));
    if is_head || status < 200 || status == 204 || status == 304 {
        return Ok(Some((answer, body_at)));
    }
    let used = match strict::framing(&answer.fields)? {
        Framing::Length(length) => match bytes.get(body_at..body_at + length) {
            Some(body) => {
                answer.body = body.to_vec();
                length
            }
            None => return Ok(None),
        },
        Framing::Chunked => match strict::chunks(&bytes[body_at..])? {
            Some((body, trailers, used)) => {
                answer.body = body;
                answer.fields.extend(trailers);
                used
            }
            None => return Ok(None),
        },
    };
    Ok(Some((answer, body_at + used)))
}
