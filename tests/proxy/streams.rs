//! WebSocket, HTTP/2 and TLS.

use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;
use weir::model::{Certificate, Hostname, PrivateKey};
use weir::tls::ServerTls;

use crate::rig::{Rig, options, pool, route};
use crate::support::client::Client;
use crate::support::endpoint::{Endpoint, Reply, ok};

#[tokio::test]
async fn a_websocket_lives_and_counts_until_it_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() {
                        socket.send(message).await.unwrap();
                    }
                }
            });
        }
    });
    let rig = Rig::start(pool(&[address]));
    let in_flight = || {
        let table = rig.table.load_full();
        table.pools().next().unwrap().endpoints[0].state.in_flight()
    };
    let stream = TcpStream::connect(rig.http).await.unwrap();
    let (mut socket, answer) =
        tokio_tungstenite::client_async("ws://test.example/chat", stream).await.unwrap();
    assert_eq!(answer.status(), 101);
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), text);
    }
    assert_eq!(in_flight(), 1);
    socket.close(None).await.unwrap();
    while socket.next().await.is_some() {}
    drop(socket);
    while in_flight() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_upgrade_needs_both_sides_and_half_closes() {
    let endpoint = Endpoint::start(|request| {
        match request.field("upgrade") {
        Some("websocket") => Reply::Echo(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
                .to_vec(),
        ),
        _ => ok("plain"),
    }
    })
    .await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let mut client = rig.client().await;
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(client.ask(upgrade).await.status, 101);
    client.send("ping").await;
    assert!(client.until(b"ping").await.is_some());
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
    assert!(client.is_closed().await);
    let h2c = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
               HTTP2-Settings: AAMAAABk\r\n\r\n";
    assert_eq!(rig.client().await.ask(h2c).await.text(), "plain");
}

#[tokio::test]
async fn http2_is_spoken_by_prior_knowledge() {
    let endpoint = Endpoint::start(|request| {
        ok(&format!(
            "{} {} {}",
            request.field("host").unwrap(),
            request.field("cookie").unwrap_or("-"),
            String::from_utf8_lossy(&request.body)
        ))
    })
    .await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let stream = TokioIo::new(TcpStream::connect(rig.http).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for n in 0..10 {
        let request = http::Request::post("http://h2.example/x")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(Full::new(bytes::Bytes::from(n.to_string())))
            .unwrap();
        answers.push(sender.send_request(request));
    }
    for (n, answer) in answers.into_iter().enumerate() {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body);
        assert!(
            text.starts_with("h2.example a=1; b=2") && text.ends_with(&n.to_string()),
            "{text}"
        );
    }
}

fn certificate(name: &str) -> Certificate {
    let pair = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    Certificate {
        origin: format!("default/{name}").into(),
        created: 0,
        names: vec![Hostname::parse(name).unwrap()],
        other_names: Vec::new(),
        covers: Arc::default(),
        terms: Arc::default(),
        is_default: false,
        not_after: i64::MAX,
        chain_pem: pair.cert.pem().into(),
        key: PrivateKey::new(&pair.signing_key.serialize_pem()),
    }
}

async fn connect(
    rig: &Rig,
    certificate: &Certificate,
    alpn: &[u8],
) -> Option<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.chain_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(rig.handle.https_address().unwrap()).await.unwrap();
    let name = ServerName::try_from(certificate.names[0].as_str().to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()
}

#[tokio::test]
async fn certificates_are_chosen_by_name_and_swapped_while_serving() {
    let endpoint = Endpoint::start(|request| ok(request.field("x-forwarded-proto").unwrap())).await;
    let tls = ServerTls::new().unwrap();
    let tls_options = weir::proxy::Options {
        https: Some("127.0.0.1:0".parse().unwrap()),
        tls: Some(Arc::clone(&tls)),
        ..options()
    };
    let rig = Rig::with(pool(&[endpoint.address]), route(), tls_options);
    let (one, two) = (certificate("one.example"), certificate("two.example"));
    assert!(connect(&rig, &one, b"http/1.1").await.is_none(), "no certificate yet");
    tls.update(std::slice::from_ref(&one));
    let mut client = Client::over(connect(&rig, &one, b"http/1.1").await.unwrap());
    let request = "GET / HTTP/1.1\r\nHost: one.example\r\n\r\n";
    assert_eq!(client.ask(request).await.text(), "https");
    tls.update(std::slice::from_ref(&two));
    assert_eq!(client.ask(request).await.text(), "https", "what is open stays");
    assert!(connect(&rig, &one, b"http/1.1").await.is_none());
    let stream = TokioIo::new(connect(&rig, &two, b"h2").await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request =
        http::Request::get("https://two.example/").body(Full::<bytes::Bytes>::default()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "https");
}
