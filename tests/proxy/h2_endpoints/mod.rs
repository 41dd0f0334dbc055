//! Endpoints that speak HTTP/2.

mod bounds;
pub mod endpoint;
mod exchanges;
mod floods;
mod frames;
mod grpc;
mod secured;
mod small;
mod trouble;
mod websocket;

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;
use weir::model::{Pool, Protocol};

use crate::rig::{Rig, pool};

/// A pool of endpoints that speak HTTP/2.
pub fn pool_of(addresses: &[SocketAddr]) -> Pool {
    let pool = pool(addresses);
    let backends = pool.backends.clone();
    Pool { protocol: Some(Protocol::Http2), ..pool }.with_backends(backends)
}

/// A client's connection over HTTP/2.
pub async fn client(rig: &Rig) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(rig.http).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://h2.example{path}")).body(()).unwrap()
}

fn post(path: &str) -> Request<()> {
    Request::post(format!("http://h2.example{path}")).body(()).unwrap()
}

/// Sends a request with a body, and waits for the head of the answer.
async fn send(
    client: &mut SendRequest<Bytes>,
    request: Request<()>,
    body: &'static [u8],
) -> Result<Response<h2::RecvStream>, h2::Error> {
    let (answer, mut stream) = client.send_request(request, body.is_empty()).unwrap();
    if !body.is_empty() {
        stream.send_data(Bytes::from_static(body), true).unwrap();
    }
    answer.await
}

/// Reads a body to its end.
pub async fn read(body: &mut h2::RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        all.extend_from_slice(&data);
    }
    Ok((all, body.trailers().await?))
}
