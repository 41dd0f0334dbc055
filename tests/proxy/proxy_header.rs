//! The PROXY header that tells endpoints who their client is.
//! Source: haproxy.org/download/2.9/doc/proxy-protocol.txt.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use weir::model::{
    Authorities, BackendTls, BackendTlsSettings, Pool, Probe, ProxyProtocol, TlsVersion,
};
use weir::proxy::Options;
use weir::upstream::Transport;

use crate::rig::{Rig, options, pool, route};
use crate::support::authority::{Authority, server};
use crate::support::client::Client;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Starts an endpoint that answers every request and tells what comes before the first.
async fn endpoint() -> (SocketAddr, mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, tell.clone()));
        }
    });
    (address, told)
}

async fn serve(mut stream: TcpStream, tell: mpsc::UnboundedSender<Vec<u8>>) {
    let mut bytes = Vec::new();
    let mut is_first = true;
    loop {
        let Some(at) = bytes.windows(4).position(|window| window == b"GET ") else {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                // A check that only connects says nothing else.
                if is_first {
                    let _ = tell.send(bytes);
                }
                return;
            }
            continue;
        };
        let before: Vec<u8> = bytes.drain(..at).collect();
        if std::mem::take(&mut is_first) {
            tell.send(before).unwrap();
        }
        while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
        }
        bytes.clear();
        stream.write_all(ANSWER).await.unwrap();
    }
}

fn telling(address: SocketAddr, version: ProxyProtocol) -> Pool {
    Pool { proxy_protocol: Some(version), ..pool(&[address]) }
}

fn binary(client: SocketAddr, own: SocketAddr) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21".to_vec();
    match (client, own) {
        (SocketAddr::V4(client), SocketAddr::V4(own)) => {
            header.extend([0x11, 0, 12]);
            header.extend(client.ip().octets());
            header.extend(own.ip().octets());
        }
        (SocketAddr::V6(client), SocketAddr::V6(own)) => {
            header.extend([0x21, 0, 36]);
            header.extend(client.ip().octets());
            header.extend(own.ip().octets());
        }
        _ => unreachable!(),
    }
    header.extend(client.port().to_be_bytes());
    header.extend(own.port().to_be_bytes());
    header
}

#[tokio::test]
async fn both_versions_say_who_the_client_is() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let (address, mut told) = endpoint().await;
        let options = Options { http: Some(listen.parse().unwrap()), ..options() };
        let rig = Rig::with(telling(address, ProxyProtocol::V1), route(), options);
        let mut client = rig.client().await;
        let (from, to) = (client.stream.local_addr().unwrap(), rig.http);
        assert_eq!(client.get("/").await.status, 200);
        let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
        let line =
            format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port());
        assert_eq!(String::from_utf8(told.recv().await.unwrap()).unwrap(), line);

        rig.publish(telling(address, ProxyProtocol::V2), route());
        assert_eq!(client.get("/").await.status, 200, "a changed version is a new connection");
        assert_eq!(told.recv().await.unwrap(), binary(from, to));
    }
}

#[tokio::test]
async fn a_connection_serves_its_client_alone() {
    let (address, mut told) = endpoint().await;
    let options = Options { workers: 1, ..options() };
    let rig = Rig::with(telling(address, ProxyProtocol::V2), route(), options);
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = rig.client().await;
        assert_eq!(client.get("/").await.status, 200);
        let expected = binary(client.stream.local_addr().unwrap(), rig.http);
        assert_eq!(told.recv().await.unwrap(), expected);
        clients.push(client);
    }
    for client in &mut clients {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert!(told.try_recv().is_err(), "each has its own connection, and keeps it");
}

#[tokio::test]
async fn what_a_trusted_proxy_announced_is_passed_on() {
    let (address, mut told) = endpoint().await;
    let trusting = Options { proxy_protocol: vec!["127.0.0.0/8".parse().unwrap()], ..options() };
    let rig = Rig::with(telling(address, ProxyProtocol::V1), route(), trusting);
    let mut client = rig.client().await;
    client.send("PROXY TCP4 203.0.113.7 192.0.2.80 1234 443\r\n").await;
    assert_eq!(client.get("/").await.status, 200);
    let line = b"PROXY TCP4 203.0.113.7 192.0.2.80 1234 443\r\n";
    assert_eq!(told.recv().await.unwrap(), line);
}

#[tokio::test]
async fn checks_speak_for_themselves() {
    let (address, mut told) = endpoint().await;
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for (version, header) in
        [(ProxyProtocol::V1, &b"PROXY UNKNOWN\r\n"[..]), (ProxyProtocol::V2, local)]
    {
        let transport = Transport::new(&telling(address, version));
        let http =
            Probe::Http { path: "/".into(), head: false, host: None, expected: vec![(200, 200)] };
        let long = std::time::Duration::from_secs(20);
        for probe in [http, Probe::Tcp] {
            weir::health::check(address, &transport, &probe, long).await.unwrap();
            assert_eq!(told.recv().await.unwrap(), header);
        }
    }
}

#[tokio::test]
async fn the_header_comes_before_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let authority = Authority::new();
    let (config, _asked) = server(&authority.leaf(&["shop.internal"]));
    let settings = BackendTlsSettings {
        hostname: "shop.internal".into(),
        names: Vec::new(),
        authorities: Authorities::Certificates(authority.pem().into()),
        client: None,
        min_version: TlsVersion::Tls12,
    };
    let tls = Some(BackendTls::Settings(Arc::new(settings)));
    let rig = Rig::start(Pool { backend_tls: tls, ..telling(address, ProxyProtocol::V1) });
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            line.push(stream.read_u8().await.unwrap());
        }
        assert!(line.starts_with(b"PROXY TCP4 127.0.0.1 127.0.0.1 "), "{line:?}");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let mut stream = acceptor.accept(stream).await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(ANSWER).await.unwrap();
        stream
    });
    let mut client = Client::connect(rig.http).await;
    assert_eq!(client.get("/").await.status, 200);
    served.await.unwrap();
}
