//! WebSockets through Weir are what a direct connection is, byte by byte, over HTTP/1.1 and over HTTP/2.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::rig::{PATIENCE, Weir};
use crate::websocket_cases::{Case, all};
use crate::websocket_h2;

/// What the client offers; the server of bytes agrees to all of it.
pub const OFFER: &str = "permessage-deflate; client_max_window_bits; server_no_context_takeover";

/// What one connection was.
#[derive(PartialEq, Eq)]
pub struct Transcript {
    /// Fields of the handshake about WebSockets, as the server got them, then as the client did.
    pub asked: Vec<String>,
    pub agreed: Vec<String>,
    /// What the server got, where it records it.
    pub arrived: Vec<u8>,
    /// What the client got.
    pub answered: Vec<u8>,
}

impl Transcript {
    /// What is the same over HTTP/2, where the key and its proof are Weir's own. Source: RFC 8441 §5.
    fn without_key(mut self) -> Self {
        let is_of_one = |line: &String| {
            ["sec-websocket-key:", "sec-websocket-accept:", "upgrade:"]
                .iter()
                .any(|name| line.starts_with(name))
        };
        self.asked.retain(|line| !is_of_one(line));
        self.agreed.retain(|line| !is_of_one(line));
        self
    }
}

/// Heard is what a server says of one connection: the fields about WebSockets, and what it got.
pub type Heard = (Vec<String>, Vec<u8>);

/// A server of WebSockets, which says of each connection what it got.
pub struct Server {
    address: SocketAddr,
    pub heard: Receiver<Heard>,
}

impl Server {
    fn start(serve: fn(TcpStream) -> Option<Heard>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("address");
        let address = listener.local_addr().expect("address");
        let (sender, heard): (Sender<_>, _) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    stream.set_nodelay(true).ok();
                    stream.set_read_timeout(Some(PATIENCE)).ok();
                    serve(stream).map(|heard| sender.send(heard).ok())
                });
            }
        });
        Self { address, heard }
    }
}

/// Sends back every byte, whatever it is, until the client's end.
fn echo_bytes(mut stream: TcpStream) -> Option<Heard> {
    let head = read_head(&mut stream)?;
    let key = about(&head).into_iter().find_map(|line| {
        line.strip_prefix("sec-websocket-key: ").map(|key| derive_accept_key(key.as_bytes()))
    })?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: chat\r\n\
         Sec-WebSocket-Extensions: {OFFER}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).ok()?;
    let mut arrived = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                arrived.extend_from_slice(&buffer[..count]);
                stream.write_all(&buffer[..count]).ok()?;
            }
            Err(_) => return None,
        }
    }
    stream.shutdown(Shutdown::Write).ok()?;
    Some((about(&head), arrived))
}

/// Sends back every message by the rules of RFC 6455; what breaks them ends the connection.
#[allow(clippy::result_large_err, clippy::unnecessary_wraps, reason = "the library's own form")]
fn echo_messages(stream: TcpStream) -> Option<Heard> {
    let mut raw = stream.try_clone().ok()?;
    let mut asked = Vec::new();
    let mut socket = tungstenite::accept_hdr(stream, |request: &Request, response: Response| {
        let fields = request.headers().iter();
        let lines =
            fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")));
        asked = about(&lines.collect::<Vec<_>>().join("\r\n"));
        Ok(response)
    })
    .ok()?;
    let mut seen = Vec::new();
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                socket.send(message).ok();
            }
            Ok(message) => {
                seen.extend_from_slice(format!("{message:?}\n").as_bytes());
                socket.flush().ok();
            }
            // A client that sent its close and left does so at once or a moment later.
            Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::Io(_)) => break,
            Err(error) => {
                seen.extend_from_slice(format!("{error}\n").as_bytes());
                break;
            }
        }
    }
    // Reading on to the end, so that no reset takes what was sent.
    raw.shutdown(Shutdown::Write).ok();
    std::io::copy(&mut raw, &mut std::io::sink()).ok();
    Some((asked, seen))
}

/// Reads a head, and nothing behind it.
fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut one = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut one).ok()? == 0 {
            return None;
        }
        bytes.push(one[0]);
    }
    String::from_utf8(bytes).ok()
}

/// The lines about WebSockets, in one order.
fn about(head: &str) -> Vec<String> {
    let lines = head.split("\r\n").map(|line| match line.split_once(':') {
        Some((name, value)) => format!("{}: {}", name.to_ascii_lowercase(), value.trim()),
        None => line.to_owned(),
    });
    let mut lines: Vec<String> =
        lines.filter(|l| l.starts_with("sec-websocket-") || l.starts_with("upgrade:")).collect();
    lines.sort();
    lines
}

/// Sends a case; ends its own direction when all is sent, and reads to the end.
fn play(to: SocketAddr, server: &Server, case: &Case) -> Transcript {
    let mut stream = TcpStream::connect(to).expect("connect");
    stream.set_nodelay(true).expect("nodelay");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: ws.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Extensions: {OFFER}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("handshake");
    let head = read_head(&mut stream).expect("an answer");
    assert!(head.starts_with("HTTP/1.1 101 "), "{}: {head}", case.name);
    let mut answered = Vec::new();
    std::thread::scope(|scope| {
        let mut writer = stream.try_clone().expect("clone");
        scope.spawn(move || {
            // The server may have ended already; what it sent says why.
            for piece in &case.pieces {
                if writer.write_all(piece).is_err() {
                    return;
                }
            }
            writer.shutdown(Shutdown::Write).ok();
        });
        match stream.read_to_end(&mut answered) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => answered.extend(b"RESET"),
            Err(error) => panic!("{}: {error}", case.name),
        }
    });
    let (asked, arrived) = server.heard.recv_timeout(PATIENCE).expect("the server heard it");
    Transcript { asked, agreed: about(&head), arrived, answered }
}

/// Plays every case directly and through Weir, in both versions; returns how many there were.
fn compare(server: &Server) -> usize {
    let weir = Weir::start(&format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: ws }}\nspec:\n  \
         routes: [{{}}]\n  backends: [{{ endpoint: {{ address: 127.0.0.1, port: {} }} }}]\n",
        server.address.port()
    ));
    let cases = all();
    let mut wrong = Vec::new();
    for case in &cases {
        let direct = play(server.address, server, case);
        let through = play(weir.http, server, case);
        if direct != through {
            wrong.push(format!("{}:\n{}", case.name, difference(&direct, &through)));
        }
        let streamed = websocket_h2::play(weir.http, server, case).without_key();
        let direct = direct.without_key();
        if direct != streamed {
            wrong.push(format!("{} over HTTP/2:\n{}", case.name, difference(&direct, &streamed)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    println!("{} cases are the same as on a direct connection", cases.len());
    cases.len()
}

fn difference(direct: &Transcript, through: &Transcript) -> String {
    let short = |bytes: &[u8]| {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        format!("{} bytes {shown:?}", bytes.len())
    };
    let of = |t: &Transcript| {
        format!("{:?} {:?} {} {}", t.asked, t.agreed, short(&t.arrived), short(&t.answered))
    };
    format!("  directly {}\n  through  {}", of(direct), of(through))
}

#[test]
fn bytes_pass_as_they_are() {
    let server = Server::start(echo_bytes);
    assert!(compare(&server) > 150);
}

#[test]
fn a_library_behind_weir_answers_as_it_does_directly() {
    let server = Server::start(echo_messages);
    assert!(compare(&server) > 150);
}
