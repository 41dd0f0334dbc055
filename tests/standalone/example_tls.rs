//! The example of TLS to endpoints.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::examples::Example;
use crate::support::authority::{Authority, server_with};

/// What a header of the PROXY protocol begins with. Source: PROXY protocol §2.2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The endpoint has a certificate of the authority, which is put where the example says to.
pub fn is_spoken_to_endpoints(example: &mut Example) {
    let authority = Authority::new();
    let begin = example.text.find("    -----BEGIN").expect("the authority of the example");
    let pem = authority.pem().trim_end().replace('\n', "\n    ");
    example.text.replace_range(begin.., &format!("    {pem}\n"));
    let (config, _asked) = server_with(&authority.leaf(&["shop.internal"]), &[&TLS13], None);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    example.text = example.text.replace("9443", &port.to_string());
    let endpoint = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        serve(stream, Arc::new(config))
    });
    let host = example.host.clone();
    let mut client = example.weir().client_from([127, 0, 0, 7]);
    let answer = client.get(&host, "/").expect("answer");
    assert_eq!((answer.status, answer.body.as_str()), (200, "over TLS"));
    let (name, source) = endpoint.join().unwrap();
    assert_eq!(name.as_deref(), Some("shop.internal"));
    assert_eq!(source, [127, 0, 0, 7], "who the client is");
}

/// Answers one request; returns the name that was asked for, and the client of the PROXY header.
fn serve(mut stream: TcpStream, config: Arc<ServerConfig>) -> (Option<String>, [u8; 4]) {
    let mut head = [0; 16];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head[..12], SIGNATURE);
    assert_eq!(head[12..14], [0x21, 0x11], "PROXY, TCP over IPv4");
    let mut addresses = vec![0; usize::from(u16::from_be_bytes([head[14], head[15]]))];
    stream.read_exact(&mut addresses).unwrap();
    let connection = ServerConnection::new(config).unwrap();
    let mut tls = BufReader::new(StreamOwned::new(connection, stream));
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert_ne!(tls.read_line(&mut line).unwrap(), 0);
    }
    let name = tls.get_ref().conn.server_name().map(str::to_owned);
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nover TLS";
    tls.get_mut().write_all(answer).unwrap();
    (name, addresses[..4].try_into().unwrap())
}
