//! Requests whose endpoint dies before it answers, with their bodies.

mod cuts;
mod dying;
mod killed;
mod stale;

use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::net::{TcpListener, TcpStream};
use weir::model::{Pool, Retry};

use crate::h2_endpoints;
use crate::rig::{Rig, options};
use crate::support::endpoint::Received;

/// Declares that nothing is tried again, so that only a kept connection is replaced.
fn without_retries(mut pool: Pool) -> Pool {
    pool.retry = Some(Retry { attempts: 0, conditions: Vec::new(), budget_percent: 0 });
    pool
}

fn one_worker() -> weir::proxy::Options {
    weir::proxy::Options { workers: 1, ..options() }
}

fn answer_of(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Returns the bytes of a body that came in chunks or by its length.
fn body_of(request: &Received) -> Vec<u8> {
    if request.field("transfer-encoding").is_none() {
        return request.body.clone();
    }
    let (mut rest, mut body) = (&request.body[..], Vec::new());
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}

/// Calls `serve` with each connection and its number, from 0.
async fn listen<F>(
    serve: impl Fn(usize, TcpStream) -> F + Send + Sync + 'static,
) -> std::net::SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(number, stream));
        }
    });
    address
}

/// Sends a request over HTTP/2, the body in these pieces; returns the status and the answer's body.
async fn ask_http2(
    client: &mut SendRequest<Bytes>,
    method: &str,
    pieces: &[&[u8]],
) -> (u16, Vec<u8>) {
    let request =
        http::Request::builder().method(method).uri("http://h2.example/").body(()).unwrap();
    let (answer, mut stream) = client.send_request(request, pieces.is_empty()).unwrap();
    for (at, piece) in pieces.iter().enumerate() {
        let is_last = at + 1 == pieces.len();
        // An early answer may have ended the stream.
        let _ = stream.send_data(Bytes::copy_from_slice(piece), is_last);
        tokio::task::yield_now().await;
    }
    let mut answer = answer.await.unwrap();
    let (body, _) = h2_endpoints::read(answer.body_mut()).await.unwrap();
    (answer.status().as_u16(), body)
}

async fn http2(rig: &Rig) -> SendRequest<Bytes> {
    h2_endpoints::client(rig).await
}
