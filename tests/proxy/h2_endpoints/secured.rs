//! HTTP/2 inside TLS and behind a PROXY header.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use h2::server::Builder;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use weir::model::{Outlier, Pool, ProxyProtocol};
use weir::proxy::Options;

use super::endpoint::{Asked, Endpoint};
use super::pool_of;
use crate::backend_tls::{over_tls, settings};
use crate::rig::{Rig, options, route};
use crate::support::authority::{Authority, server};
use crate::support::endpoint::Reply;

async fn scheme(mut asked: Asked) {
    let scheme = asked.head.uri.scheme_str().unwrap().to_owned();
    asked.answer(scheme);
}

#[tokio::test]
async fn inside_tls_it_is_agreed_on_in_the_handshake() {
    let authority = Authority::new();
    for (offered, status) in [(&b"h2"[..], 200), (b"http/1.1", 502)] {
        let (mut config, _asked) = server(&authority.leaf(&["shop.internal"]));
        config.alpn_protocols = vec![offered.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let open = move |stream: TcpStream| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(stream).await.ok() }
        };
        let endpoint = Endpoint::over(open, Builder::new(), 0, scheme).await;
        let declared = over_tls(pool_of(&[endpoint.address]), settings(&authority));
        let rig = Rig::with(declared, route(), Options { workers: 1, ..options() });
        for _ in 0..3 {
            let answer = rig.client().await.get("/").await;
            assert_eq!(answer.status, status, "{answer:?}");
            match status {
                200 => assert!(answer.text().contains("https"), "{answer:?}"),
                _ => assert_eq!(answer.field("x-weir-reason"), Some("upstream_tls")),
            }
        }
        if status == 200 {
            assert_eq!(endpoint.connections(), 1);
        }
    }
}

/// A WebSocket is opened over HTTP/1.1, where the endpoint agrees; one that does not is no worse for it.
#[tokio::test]
async fn inside_tls_a_websocket_chooses_http1() {
    let authority = Authority::new();
    let upgrade = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let (mut config, _asked) = server(&authority.leaf(&["shop.internal"]));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let both = crate::support::endpoint::Endpoint::start_tls(config, |_| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                    upgrade: websocket\r\n\r\n";
        Reply::Echo(head.into())
    })
    .await;
    let rig = Rig::start(over_tls(pool_of(&[both.address]), settings(&authority)));
    let mut client = rig.client().await;
    assert_eq!(client.ask(upgrade).await.status, 101);
    client.send("hello").await;
    assert_eq!(client.until(b"hello").await.as_deref(), Some(&b"hello"[..]));

    let (mut config, _asked) = server(&authority.leaf(&["shop.internal"]));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let open = move |stream: TcpStream| {
        let acceptor = acceptor.clone();
        async move { acceptor.accept(stream).await.ok() }
    };
    let endpoint = Endpoint::over(open, Builder::new(), 0, scheme).await;
    let mut declared = over_tls(pool_of(&[endpoint.address]), settings(&authority));
    declared.outlier = Some(Outlier {
        consecutive_errors: 1,
        base_ejection_time: Duration::from_secs(60),
        max_ejection_time: Duration::from_secs(60),
        max_ejected_percent: 100,
    });
    let rig = Rig::with(declared, route(), Options { workers: 1, ..options() });
    for _ in 0..3 {
        assert_eq!(rig.client().await.ask(upgrade).await.status, 501);
        assert_eq!(rig.client().await.get("/").await.status, 200, "it is not ejected");
    }
}

/// A connection that tells its endpoint who the client is serves no other.
#[tokio::test]
async fn behind_a_header_each_client_has_its_own_connection() {
    let headers = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&headers);
    let open = move |mut stream: TcpStream| {
        let counted = Arc::clone(&counted);
        async move {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                line.push(stream.read_u8().await.ok()?);
            }
            assert!(line.starts_with(b"PROXY TCP4 127.0.0.1 127.0.0.1 "), "{line:?}");
            counted.fetch_add(1, Ordering::SeqCst);
            Some(stream)
        }
    };
    let endpoint = Endpoint::over(open, Builder::new(), 0, scheme).await;
    let declared = Pool { proxy_protocol: Some(ProxyProtocol::V1), ..pool_of(&[endpoint.address]) };
    let rig = Rig::with(declared, route(), Options { workers: 1, ..options() });
    let (mut one, mut other) = (rig.client().await, rig.client().await);
    for _ in 0..3 {
        assert_eq!(one.get("/").await.status, 200);
        assert_eq!(other.get("/").await.status, 200);
    }
    assert_eq!(headers.load(Ordering::SeqCst), 2);
}
