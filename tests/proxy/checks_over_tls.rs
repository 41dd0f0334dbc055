//! Health checks over TLS, by endpoints that judge whoever asks.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use weir::health;
use weir::model::Probe;
use weir::upstream::Transport;

use crate::backend_tls::{client_certificate, over_tls, path, settings};
use crate::rig::pool;
use crate::support::authority::{Authority, Leaf, server, server_with};
use crate::support::endpoint::Endpoint;

const LONG: Duration = Duration::from_secs(20);

fn transport(address: SocketAddr, authority: &Authority, own: Option<&Leaf>) -> Transport {
    let mut settings = settings(authority);
    settings.client = own.map(client_certificate);
    Transport::new(&over_tls(pool(&[address]), settings))
}

/// Over TLS 1.3 a refusal comes when the handshake is over for the client already.
/// Source: RFC 8446 §4.4.2.4.
#[tokio::test]
async fn a_connection_that_is_refused_is_no_connection() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (own, foreign) = (authority.leaf(&["weir"]), other.leaf(&["weir"]));
    for version in [&TLS12, &TLS13] {
        let leaf = authority.leaf(&["shop.internal"]);
        let (config, _asked) = server_with(&leaf, &[version], Some(&authority));
        let endpoint = Endpoint::start_tls(config, path).await;
        let check = async |own: Option<&Leaf>| {
            let transport = transport(endpoint.address, &authority, own);
            let result = health::check(endpoint.address, &transport, &Probe::Tcp, LONG).await;
            result.map_err(|failure| failure.as_str())
        };
        assert_eq!(check(Some(&own)).await, Ok(()), "{version:?}");
        assert_eq!(check(Some(&foreign)).await, Err("upstream_tls"), "{version:?}");
        assert_eq!(check(None).await, Err("upstream_tls"), "{version:?}");
    }
}

/// An endpoint that neither refuses nor ends is there.
#[tokio::test]
async fn an_endpoint_that_says_nothing_is_there() {
    let authority = Authority::new();
    let (config, _asked) = server(&authority.leaf(&["shop.internal"]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let held = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let _open = acceptor.accept(socket).await.unwrap();
        std::future::pending::<()>().await;
    });
    health::check(address, &transport(address, &authority, None), &Probe::Tcp, LONG).await.unwrap();
    held.abort();
}

/// Starts the health service of gRPC over TLS. It serves "shop" and nothing else.
async fn grpc_endpoint(leaf: &Leaf) -> SocketAddr {
    let (mut config, _asked) = server(leaf);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(socket).await else { return };
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service_fn(serve))
                    .await;
            });
        }
    });
    address
}

async fn serve(
    request: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    assert_eq!(request.uri().scheme_str(), Some("https"));
    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
    let asked = request.into_body().collect().await.unwrap().to_bytes();
    let status = if asked.ends_with(b"shop") { 1 } else { 2 };
    let message = Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, status]);
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    let body = Full::new(message).with_trailers(std::future::ready(Some(Ok(trailers))));
    let answer = Response::builder().header("content-type", "application/grpc").body(body);
    Ok(answer.unwrap())
}

#[tokio::test]
async fn grpc_is_asked_over_tls() {
    let (authority, other) = (Authority::new(), Authority::new());
    let address = grpc_endpoint(&authority.leaf(&["shop.internal"])).await;
    let check = async |authority: &Authority, service: &str| {
        let probe = Probe::Grpc { service: service.into() };
        let transport = transport(address, authority, None);
        let result = health::check(address, &transport, &probe, LONG).await;
        result.map_err(|failure| failure.as_str())
    };
    assert_eq!(check(&authority, "shop").await, Ok(()));
    assert_eq!(check(&authority, "cart").await, Err("not_serving"));
    assert_eq!(check(&other, "shop").await, Err("upstream_tls"));
}
