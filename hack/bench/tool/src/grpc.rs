//! The backend over HTTP/2 in clear text: a unary gRPC call is answered with a message of 64 bytes.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

const MESSAGE: [u8; 64] = [b'x'; 64];

/// Serves one connection.
pub async fn connection(stream: TcpStream) {
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let serving = server.serve_connection(TokioIo::new(stream), service_fn(call));
    // A client that went away is no matter of the backend.
    serving.await.ok();
}

async fn call(
    mut request: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    while let Some(frame) = request.body_mut().frame().await {
        frame?;
    }
    // Source: gRPC over HTTP2, "Length-Prefixed-Message": a flag, then four bytes of length.
    let mut framed = vec![0, 0, 0, 0, MESSAGE.len() as u8];
    framed.extend_from_slice(&MESSAGE);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(framed)).with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(body);
    let value = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, value);
    Ok(response)
}
