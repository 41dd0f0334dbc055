//! Both sides at once: answers before the request is whole, tunnels, and sides that leave.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weir::proxy::Options;

use crate::bench::CODECS;
use crate::client::{Client, Got};
use crate::rig::{Rig, pool, route};
use crate::strict::{self, Parsed};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: front.example\r\n\r\n";

/// What the endpoint does with a head whose target is `/early`.
#[derive(Clone, Copy)]
enum Early {
    /// Answers at once and reads the rest.
    Stays,
    /// Answers at once and closes.
    Closes,
    /// Answers 101 and sends back what comes.
    Switches,
}

/// An endpoint that answers `/early` as soon as its head is there, and all else in full.
async fn endpoint(early: Early) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, early));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, early: Early) {
    let (mut bytes, mut is_answered) = (Vec::new(), false);
    while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
        let is_early = bytes.starts_with(b"POST /early ") || bytes.starts_with(b"GET /early ");
        let has_head = bytes.windows(4).any(|window| window == b"\r\n\r\n");
        if is_early && has_head && !is_answered {
            is_answered = true;
            match early {
                Early::Switches => {
                    let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
                    let _ = stream.write_all(head.as_bytes()).await;
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                    return;
                }
                Early::Stays | Early::Closes => {
                    let _ = stream.write_all(&own("/early")).await;
                }
            }
            if matches!(early, Early::Closes) {
                return;
            }
        }
        while let Parsed::Whole(request, used) = strict::request(&bytes) {
            bytes.drain(..used);
            if request.target == "/early" {
                is_answered = false;
            } else if stream.write_all(&own(&request.target)).await.is_err() {
                return;
            }
        }
    }
}

fn own(target: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{target}", target.len()).into()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: front.example\r\n\r\n")
}

async fn is_served(client: &mut Client, path: &str) -> bool {
    client.send(get(path).as_bytes()).await;
    matches!(client.next(false).await, Got::Answer(answer) if answer.body == path.as_bytes())
}

/// The rest of the body is a body, whatever it looks like: the connection ends or skips it.
#[tokio::test]
async fn a_body_behind_an_early_answer_is_no_request() {
    for codec in CODECS {
        for early in [Early::Stays, Early::Closes] {
            for in_chunks in [false, true] {
                let options = Options { workers: 1, ..codec.options() };
                let rig = Rig::with(pool(&[endpoint(early).await]), route(), options);
                let mut client = Client::connect(rig.http).await;
                let (framing, body) = if in_chunks {
                    let body = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
                    ("Transfer-Encoding: chunked".to_owned(), body)
                } else {
                    (format!("Content-Length: {}", SMUGGLED.len()), SMUGGLED.to_owned())
                };
                let head =
                    format!("POST /early HTTP/1.1\r\nHost: front.example\r\n{framing}\r\n\r\n");
                client.send(head.as_bytes()).await;
                let Got::Answer(answer) = client.next(false).await else { panic!("no answer") };
                assert_eq!(answer.body, b"/early");
                client.send(body.as_bytes()).await;
                client.send(get("/own").as_bytes()).await;
                match client.next(false).await {
                    Got::Answer(answer) => assert_eq!(answer.body, b"/own"),
                    Got::End(rest) => assert!(rest.is_empty()),
                    got => panic!("{got:?}"),
                }
                let mut other = Client::connect(rig.http).await;
                assert!(is_served(&mut other, "/other").await);
            }
        }
    }
}

/// A tunnel belongs to one client, and nothing of it is ever a request or an answer.
#[tokio::test]
async fn a_tunnel_is_never_http_again() {
    for codec in CODECS {
        let options = Options { workers: 1, ..codec.options() };
        let rig = Rig::with(pool(&[endpoint(Early::Switches).await]), route(), options);
        let mut client = TcpStream::connect(rig.http).await.unwrap();
        let head = "GET /early HTTP/1.1\r\nHost: front.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        client.write_all(format!("{head}{SMUGGLED}").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(SMUGGLED.as_bytes()) {
            assert!(client.read_buf(&mut bytes).await.unwrap() > 0);
        }
        assert!(bytes.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&bytes));
        let count = bytes.windows(5).filter(|window| window == b"HTTP/").count();
        assert_eq!(count, 2, "the head, and the client's own bytes");
        let mut other = Client::connect(rig.http).await;
        assert!(is_served(&mut other, "/other").await);
    }
}

/// Clients that leave in the middle of an exchange leave nothing behind for the next one.
#[tokio::test]
async fn a_client_that_leaves_takes_its_answer_along() {
    for codec in CODECS {
        let options = Options { workers: 1, ..codec.options() };
        let rig = Rig::with(pool(&[endpoint(Early::Stays).await]), route(), options);
        for index in 0..50 {
            let mut gone = Client::connect(rig.http).await;
            let head = if index % 2 == 0 {
                get(&format!("/gone/{index}"))
            } else {
                "POST /early HTTP/1.1\r\nHost: front.example\r\nContent-Length: 9\r\n\r\nhe".into()
            };
            gone.send(head.as_bytes()).await;
            // It leaves at a different moment each time.
            for _ in 0..index {
                tokio::task::yield_now().await;
            }
            drop(gone);
            let mut other = Client::connect(rig.http).await;
            assert!(is_served(&mut other, &format!("/other/{index}")).await, "after {index}");
        }
    }
}
