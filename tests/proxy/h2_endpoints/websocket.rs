//! WebSockets to endpoints that speak HTTP/2: extended CONNECT. Source: RFC 8441.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::Builder;
use h2::{RecvStream, SendStream};
use http::{Method, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use weir::proxy::Options;
use weir::upstream::clock;

use super::endpoint::{Asked, Endpoint};
use super::{get, pool_of, read, send};
use crate::backend_tls::{over_tls, settings};
use crate::rig::{Rig, options, route};
use crate::support::authority::{Authority, server};
use crate::support::client::Client;
use crate::websocket_h2::{connect, in_flight, open, opening};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// What may wait one way: windows, what is buffered between them, and what the kernel holds.
const MOST: usize = 24 << 20;

/// Returns what an endpoint says that takes WebSockets.
fn announcing() -> Builder {
    let mut builder = Builder::new();
    builder.enable_connect_protocol();
    builder
}

async fn start<F>(respond: impl Fn(Asked) -> F + Clone + Send + 'static) -> Endpoint
where
    F: Future<Output = ()> + Send + 'static,
{
    Endpoint::with(announcing(), 0, respond).await
}

/// An endpoint whose requests the test answers.
async fn asking() -> (Endpoint, mpsc::UnboundedReceiver<Asked>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let endpoint = start(move |asked| {
        let sender = sender.clone();
        async move {
            let _ = sender.send(asked);
        }
    });
    (endpoint.await, receiver)
}

/// Says what it got as fields, then sends everything back.
async fn echo(mut asked: Asked) {
    if asked.head.method != Method::CONNECT {
        return asked.answer("no WebSocket");
    }
    let protocol = asked.head.extensions.get::<h2::ext::Protocol>().unwrap();
    assert_eq!(protocol.as_str(), "websocket");
    let names: Vec<&str> = asked.head.headers.keys().map(http::HeaderName::as_str).collect();
    let head = Response::builder()
        .header("x-uri", asked.head.uri.to_string())
        .header("x-names", names.join(" "))
        .header("sec-websocket-protocol", "chat")
        .body(())
        .unwrap();
    let mut stream = asked.respond.send_response(head, false).unwrap();
    pass_back(&mut asked.body, &mut stream).await;
}

async fn pass_back(body: &mut RecvStream, stream: &mut SendStream<Bytes>) {
    while let Some(Ok(mut data)) = body.data().await {
        body.flow_control().release_capacity(data.len()).unwrap();
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            let Some(Ok(room)) = room else { return };
            stream.send_data(data.split_to(room.min(data.len())), false).unwrap();
        }
    }
    let _ = stream.send_data(Bytes::new(), true);
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type Socket = Client<Box<dyn Stream>>;

/// The two kinds of clients.
const KINDS: [bool; 2] = [false, true];

/// Opens a WebSocket by a client of either kind.
async fn socket(rig: &Rig, is_http2: bool) -> Socket {
    if is_http2 {
        let (answer, stream) = open(&mut connect(rig).await).await;
        assert_eq!(answer.status(), 200);
        return Client::over(Box::new(stream));
    }
    let mut client = rig.client().await;
    let answer = client.ask(UPGRADE).await;
    assert_eq!(answer.status, 101, "{answer:?}");
    assert_eq!(answer.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    Client { stream: Box::new(client.stream), ahead: client.ahead }
}

async fn until_none_is_in_flight(rig: &Rig) {
    while in_flight(rig) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_client_of_http1_gets_its_proof_from_weir() {
    let endpoint = start(echo).await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    let mut request = "ws://test.example/chat?a=b".into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "chat, superchat".parse().unwrap());
    headers.insert("sec-websocket-extensions", "x-own".parse().unwrap());
    headers.insert("sec-websocket-accept", "forged".parse().unwrap());
    let stream = TcpStream::connect(rig.http).await.unwrap();
    // This client checks the proof.
    let (mut socket, answer) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let text = |name: &str| answer.headers()[name].to_str().unwrap();
    assert_eq!(text("x-uri"), "http://test.example/chat?a=b");
    assert_eq!(text("sec-websocket-protocol"), "chat");
    let names: Vec<&str> = text("x-names").split(' ').collect();
    for kept in ["sec-websocket-protocol", "sec-websocket-extensions", "sec-websocket-version"] {
        assert!(names.contains(&kept), "{kept} in {names:?}");
    }
    for gone in ["connection", "upgrade", "host", "sec-websocket-key", "sec-websocket-accept"] {
        assert!(!names.contains(&gone), "{gone} in {names:?}");
    }
    socket.get_mut().write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    socket.get_mut().read_exact(&mut back).await.unwrap();
    assert_eq!((&back, in_flight(&rig)), (b"hello", 1));
    drop(socket);
    until_none_is_in_flight(&rig).await;
}

#[tokio::test]
async fn a_client_of_http2_shares_the_connection_with_requests() {
    let endpoint = start(echo).await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), Options { workers: 1, ..options() });
    let mut sender = connect(&rig).await;
    let (answer, mut one) = open(&mut sender).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "chat");
    for name in ["upgrade", "connection", "sec-websocket-accept"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    let names = answer.headers()["x-names"].to_str().unwrap();
    assert!(!names.contains("key") && names.contains("sec-websocket-version"), "{names}");
    let (_, mut other) = open(&mut sender).await;
    for (stream, text) in [(&mut one, b"hello"), (&mut other, b"world")] {
        stream.write_all(text).await.unwrap();
        let mut back = [0; 5];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, text);
    }
    assert_eq!(in_flight(&rig), 2);
    let mut answer = send(&mut sender, get("/"), b"").await.unwrap();
    assert_eq!(read(answer.body_mut()).await.unwrap().0, b"no WebSocket");
    assert_eq!(endpoint.connections(), 1);
    drop((one, other));
    until_none_is_in_flight(&rig).await;
}

#[tokio::test]
async fn many_bytes_come_back_as_they_went() {
    let endpoint = start(echo).await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    for is_http2 in KINDS {
        let (mut read, mut write) = tokio::io::split(socket(&rig, is_http2).await.stream);
        let sent: Vec<u8> = (0..4_000_037_u32).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        let writing = tokio::spawn(async move {
            write.write_all(&sent).await.unwrap();
            write.shutdown().await.unwrap();
            write
        });
        let mut back = Vec::new();
        read.read_to_end(&mut back).await.unwrap();
        assert!(back == expected, "{} of {} bytes", back.len(), expected.len());
        writing.await.unwrap();
    }
    until_none_is_in_flight(&rig).await;
}

/// Who does not read stops who sends, both ways, and another stream goes on.
#[tokio::test]
async fn who_does_not_read_stops_the_other_side() {
    let (endpoint, mut asked) = asking().await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), Options { workers: 1, ..options() });
    let pause = Duration::from_millis(300);
    for is_http2 in KINDS {
        let (opened, mut asked) = tokio::join!(socket(&rig, is_http2), async {
            let mut asked = asked.recv().await.unwrap();
            let stream = asked.begin(200);
            (asked, stream)
        });
        let (mut reading, mut writing) = tokio::io::split(opened.stream);
        // The client writes, and the endpoint takes nothing.
        let mut sent = 0;
        let piece = vec![b'x'; 64 * 1024];
        while let Ok(count) = tokio::time::timeout(pause, writing.write(&piece)).await {
            sent += count.unwrap();
            assert!(sent <= MOST, "no end to it");
        }
        // The endpoint writes, and the client takes nothing.
        let mut came = 0;
        loop {
            asked.1.reserve_capacity(piece.len());
            let room = std::future::poll_fn(|context| asked.1.poll_capacity(context));
            let Ok(room) = tokio::time::timeout(pause, room).await else { break };
            let room = room.unwrap().unwrap();
            asked.1.send_data(vec![b'y'; room].into(), false).unwrap();
            came += room;
            assert!(came <= MOST, "no end to it");
        }
        assert!(sent >= 64 * 1024 && came >= 64 * 1024, "{sent} {came}");
        // Both get all of it once they read, and the end behind it.
        let body = &mut asked.0.body;
        let taking = async {
            let mut taken = 0;
            while taken < sent {
                let data = body.data().await.unwrap().unwrap();
                body.flow_control().release_capacity(data.len()).unwrap();
                taken += data.len();
            }
            writing.shutdown().await.unwrap();
            assert!(read(body).await.unwrap().0.is_empty());
        };
        taking.await;
        asked.1.send_data(Bytes::new(), true).unwrap();
        let mut rest = Vec::new();
        reading.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest.len(), came);
    }
    until_none_is_in_flight(&rig).await;
}

#[tokio::test]
async fn each_side_ends_its_own_direction() {
    let (endpoint, mut asked) = asking().await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    for (is_http2, is_client_first) in [(false, true), (false, false), (true, true), (true, false)]
    {
        let (mut client, (mut asked, mut stream)) = tokio::join!(socket(&rig, is_http2), async {
            let mut asked = asked.recv().await.unwrap();
            let stream = asked.begin(200);
            (asked, stream)
        });
        if is_client_first {
            client.send("last").await;
            client.stream.shutdown().await.unwrap();
            let (got, trailers) = read(&mut asked.body).await.unwrap();
            assert_eq!((&got[..], trailers), (&b"last"[..], None));
            stream.send_data("answer".into(), true).unwrap();
            while client.read().await > 0 {}
        } else {
            stream.send_data("answer".into(), true).unwrap();
            while client.read().await > 0 {}
            client.send("last").await;
            client.stream.shutdown().await.unwrap();
            assert_eq!(read(&mut asked.body).await.unwrap().0, b"last");
        }
        assert_eq!(client.ahead, b"answer");
        until_none_is_in_flight(&rig).await;
    }
}

#[tokio::test]
async fn an_endpoint_that_resets_the_stream_ends_the_clients_socket() {
    let (endpoint, mut asked) = asking().await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    for is_http2 in KINDS {
        let (mut client, mut stream) =
            tokio::join!(socket(&rig, is_http2), async { asked.recv().await.unwrap().begin(200) });
        stream.send_reset(h2::Reason::INTERNAL_ERROR);
        assert!(client.is_closed().await);
        until_none_is_in_flight(&rig).await;
    }
}

/// A client of HTTP/2 sees that it is no end in good order, behind all that came before; its connection
/// goes on. Source: RFC 8441 §5.
#[tokio::test]
async fn what_the_endpoint_breaks_off_is_a_reset_for_a_client_of_http2() {
    let (endpoint, mut asked) = asking().await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    let mut sender = connect(&rig).await;
    for reason in [h2::Reason::INTERNAL_ERROR, h2::Reason::CANCEL, h2::Reason::NO_ERROR] {
        let (answer, _sending) = sender.send_request(opening("websocket"), false).unwrap();
        let mut one = asked.recv().await.unwrap();
        let mut stream = one.begin(200);
        let mut coming = answer.await.unwrap().into_body();
        // Both go out at once.
        stream.send_data("last words".into(), false).unwrap();
        stream.send_reset(reason);
        let mut came = Vec::new();
        let error = loop {
            match coming.data().await.expect("no end in good order") {
                Ok(data) => came.extend_from_slice(&data),
                Err(error) => break error,
            }
        };
        assert_eq!((error.is_reset(), error.reason()), (true, Some(h2::Reason::CANCEL)));
        until_none_is_in_flight(&rig).await;
        sender = sender.ready().await.unwrap();
    }
}

/// Source: RFC 8441 §5.
#[tokio::test]
async fn a_reset_connection_of_the_endpoint_is_a_reset_stream_for_a_client_of_http2() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig::start(crate::rig::pool(&[listener.local_addr().unwrap()]));
    let mut sender = connect(&rig).await;
    for is_reset in [true, false] {
        let (answer, mut sending) = sender.send_request(opening("websocket"), false).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap().into_inner();
        let mut coming = answer.await.unwrap().into_body();
        socket.write_all(b"last words").await.unwrap();
        assert_eq!(coming.data().await.unwrap().unwrap(), "last words");
        if is_reset {
            socket.set_zero_linger().unwrap();
            drop(socket);
            let error = coming.data().await.unwrap().unwrap_err();
            assert_eq!((error.is_reset(), error.reason()), (true, Some(h2::Reason::CANCEL)));
        } else {
            // An end stays one.
            socket.shutdown().await.unwrap();
            assert!(read(&mut coming).await.unwrap().0.is_empty());
            sending.send_data(Bytes::new(), true).unwrap();
        }
        until_none_is_in_flight(&rig).await;
        sender = sender.ready().await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_is_gone_resets_the_endpoints_stream() {
    let (endpoint, mut asked) = asking().await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    let begin = |asked: Option<Asked>| {
        let mut asked = asked.unwrap();
        let stream = asked.begin(200);
        (asked, stream)
    };
    // A reset of the connection, and one of the stream.
    let mut client = rig.client().await;
    let (answer, (mut one, mut stream)) =
        tokio::join!(client.ask(UPGRADE), async { begin(asked.recv().await) });
    assert_eq!(answer.status, 101);
    client.stream.set_zero_linger().unwrap();
    drop(client);
    let reason = std::future::poll_fn(|context| stream.poll_reset(context)).await.unwrap();
    assert_eq!(reason, h2::Reason::CANCEL);
    assert!(one.body.data().await.unwrap().is_err());
    until_none_is_in_flight(&rig).await;

    let mut sender = connect(&rig).await;
    let (answer, mut sending) = sender.send_request(opening("websocket"), false).unwrap();
    let (mut other, mut stream) = begin(asked.recv().await);
    assert_eq!(answer.await.unwrap().status(), 200);
    sending.send_reset(h2::Reason::CANCEL);
    let reason = std::future::poll_fn(|context| stream.poll_reset(context)).await.unwrap();
    assert_eq!(reason, h2::Reason::CANCEL);
    assert!(other.body.data().await.unwrap().is_err());
    until_none_is_in_flight(&rig).await;
    assert!(endpoint.connections() <= 2, "connections stay");
}

#[tokio::test]
async fn silence_ends_it() {
    let (endpoint, mut asked) = asking().await;
    let mut declared = pool_of(&[endpoint.address]);
    declared.idle_timeout = Some(Duration::from_millis(50));
    let rig = Rig::start(declared);
    for is_http2 in KINDS {
        let (mut client, mut stream) =
            tokio::join!(socket(&rig, is_http2), async { asked.recv().await.unwrap().begin(200) });
        assert!(client.is_closed().await);
        let reason = std::future::poll_fn(|context| stream.poll_reset(context)).await.unwrap();
        assert_eq!(reason, h2::Reason::CANCEL);
        until_none_is_in_flight(&rig).await;
    }
}

#[tokio::test]
async fn an_endpoint_may_refuse() {
    let endpoint = start(|mut asked: Asked| async move {
        assert_eq!(asked.head.method, Method::CONNECT);
        let mut stream = asked.begin(403);
        // Nothing more comes from who was refused.
        assert!(read(&mut asked.body).await.unwrap().0.is_empty());
        stream.send_data("no".into(), true).unwrap();
    })
    .await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), Options { workers: 1, ..options() });
    let mut client = rig.client().await;
    for _ in 0..2 {
        let answer = client.ask(UPGRADE).await;
        assert!(answer.status == 403 && answer.text().contains("no"), "{answer:?}");
    }
    let (answer, _) = connect(&rig).await.send_request(opening("websocket"), false).unwrap();
    let mut answer = answer.await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(read(answer.body_mut()).await.unwrap().0, b"no");
    assert_eq!(endpoint.connections(), 1);
    until_none_is_in_flight(&rig).await;
}

#[tokio::test]
async fn an_endpoint_that_does_not_announce_it_gets_none() {
    let endpoint = Endpoint::start(echo).await;
    let rig = Rig::with(pool_of(&[endpoint.address]), route(), Options { workers: 1, ..options() });
    for _ in 0..2 {
        let answer = rig.client().await.ask(UPGRADE).await;
        assert_eq!(answer.status, 501);
        assert_eq!(answer.field("x-weir-reason"), Some("not_implemented"), "{answer:?}");
    }
    let (answer, _) = connect(&rig).await.send_request(opening("websocket"), false).unwrap();
    assert_eq!(answer.await.unwrap().status(), 501);
    // The endpoint is none the worse for it, and its connection serves others.
    assert!(rig.client().await.get("/").await.text().contains("no WebSocket"));
    assert_eq!(endpoint.connections(), 1);
    let table = rig.table.load_full();
    let state = &table.pools().next().unwrap().endpoints[0].state;
    assert!(state.is_available(clock::now()));
}

#[tokio::test]
async fn an_endpoint_that_closes_before_its_settings_is_tried_elsewhere() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let endpoint = start(echo).await;
    let rig = Rig::start(pool_of(&[address, endpoint.address]));
    for _ in 0..4 {
        socket(&rig, false).await;
    }
}

/// Source: RFC 6455 §4.2.1.
#[tokio::test]
async fn a_client_without_a_key_is_refused() {
    let endpoint = start(echo).await;
    let rig = Rig::start(pool_of(&[endpoint.address]));
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for wrong in [
        UPGRADE.replace(key, ""),
        UPGRADE.replace(key, &format!("{key}{key}")),
        UPGRADE.replace(key, "Sec-WebSocket-Key: dGhl\r\n"),
        UPGRADE.replace("GET", "POST"),
    ] {
        let answer = rig.client().await.ask(&wrong).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert_eq!(answer.field("x-weir-reason"), Some("bad_request"));
    }
    assert_eq!(endpoint.connections(), 0);
}

#[tokio::test]
async fn inside_tls_where_the_endpoint_speaks_no_http1() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (signer, status) in [(&authority, 101), (&stranger, 502)] {
        let (mut config, _asked) = server(&signer.leaf(&["shop.internal"]));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let open = move |stream: TcpStream| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(stream).await.ok() }
        };
        let endpoint = Endpoint::over(open, announcing(), 0, echo).await;
        let rig = Rig::start(over_tls(pool_of(&[endpoint.address]), settings(&authority)));
        let mut client = rig.client().await;
        let answer = client.ask(UPGRADE).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 101 {
            assert_eq!(answer.field("x-uri"), Some("https://test.example/chat"));
            client.send("hello").await;
            assert_eq!(client.until(b"hello").await.as_deref(), Some(&b"hello"[..]));
        } else {
            assert_eq!(answer.field("x-weir-reason"), Some("upstream_tls"));
        }
    }
}
