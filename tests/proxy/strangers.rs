//! Clients that are ambiguous, hostile, or lie about who they are.

use tokio::net::TcpSocket;
use weir::model::{Access, Networks};
use weir::proxy::{Options, Trusted};

use crate::rig::{Rig, options, pool, route, trusted};
use crate::support::client::Client;
use crate::support::endpoint::{Endpoint, Received, ok};

fn seen(request: &Received) -> String {
    let fields = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-hop", "te"];
    let values: Vec<_> = fields.map(|name| request.field(name).unwrap_or("-")).into();
    values.join("|")
}

#[tokio::test]
async fn what_is_ambiguous_never_reaches_an_endpoint() {
    let endpoint = Endpoint::start(|_| ok("")).await;
    let rig = Rig::start(pool(&[endpoint.address]));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n x: folded\r\n\r\n", 400),
    ] {
        let mut client = Client::connect(rig.http).await;
        client.send(request).await;
        let answer = client.answer(false).await.unwrap_or_else(|| panic!("no answer: {request:?}"));
        assert_eq!(answer.status, status, "{request:?}");
    }
    assert_eq!(endpoint.received().len(), 0);
}

#[tokio::test]
async fn two_framings_smuggle_nothing() {
    let endpoint = Endpoint::start(|_| ok("")).await;
    let rig = Rig::start(pool(&[endpoint.address]));
    for framings in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ] {
        let mut client = rig.client().await;
        let request = format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{framings}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        client.send(request).await;
        let answer = client.answer(false).await.unwrap_or_else(|| panic!("no answer: {framings}"));
        assert!([200, 400].contains(&answer.status), "{framings}");
    }
    for request in endpoint.received() {
        assert!(
            request.field("content-length").is_none()
                || request.field("transfer-encoding").is_none(),
            "{}",
            request.head
        );
    }
}

#[tokio::test]
async fn the_target_wins_over_the_host_field() {
    let endpoint = Endpoint::start(|request| ok(request.field("host").unwrap())).await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let request = "GET http://one.example/ HTTP/1.1\r\nHost: two.example\r\n\r\n";
    assert_eq!(rig.client().await.ask(request).await.text(), "one.example");
}

#[tokio::test]
async fn a_stranger_is_who_the_socket_says() {
    let endpoint = Endpoint::start(|request| ok(&seen(request))).await;
    let rig = Rig::start(pool(&[endpoint.address]));
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nX-Hop: 1\r\n\
                   X-Forwarded-Proto: https\r\nConnection: x-hop, x-forwarded-for\r\n\r\n";
    assert_eq!(rig.client().await.ask(request).await.text(), "127.0.0.1|http|a|-|-");
}

#[tokio::test]
async fn trusted_proxies_and_proxy_headers_name_the_client() {
    let endpoint = Endpoint::start(|request| ok(&seen(request))).await;
    let trusted = Options { trusted: trusted(1), ..options() };
    let rig = Rig::with(pool(&[endpoint.address]), route(), trusted);
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n";
    let answer = rig.client().await.ask(request).await;
    assert_eq!(answer.text(), "203.0.113.7, 127.0.0.1|http|a|-|-");
    let announced = Options { proxy_protocol: vec!["127.0.0.0/8".parse().unwrap()], ..options() };
    let rig = Rig::with(pool(&[endpoint.address]), route(), announced);
    let mut client = rig.client().await;
    client.send("PROXY TCP4 203.0.113.9 10.0.0.1 1234 80\r\n").await;
    assert_eq!(client.get("/").await.text(), "203.0.113.9|http|test.example|-|-");
    let mut bare = rig.client().await;
    bare.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(bare.answer(false).await.is_none(), "a connection without the header is closed");
}

/// The proxies in front are at 127.0.0.2 and 203.0.113.0/24; who reaches the port from elsewhere is a
/// client, whatever it says.
#[tokio::test]
async fn forwarding_fields_count_only_from_the_networks_of_proxies() {
    let endpoint = Endpoint::start(|request| {
        let id = if request.field("x-request-id") == Some("known") { "known" } else { "new" };
        ok(&format!("{}|{id}", seen(request)))
    })
    .await;
    let networks = ["127.0.0.2/32", "203.0.113.0/24"].map(|text| text.parse().unwrap()).into();
    let options = Options {
        trusted: Trusted { hops: 2, networks },
        proxy_protocol: vec!["127.0.0.3/32".parse().unwrap()],
        ..options()
    };
    let mut declared = pool(&[endpoint.address]);
    let deny = Networks::new(["198.51.100.0/24".parse().unwrap()]);
    declared.access = Some(Access { allow: None, deny });
    let rig = Rig::with(declared, route(), options);
    let ask = async |from: [u8; 4], announced: &str, forwarded_for: &str| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut client = Client::over(socket.connect(rig.http).await.unwrap());
        client.send(announced).await;
        let fields = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nX-Request-Id: known";
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {forwarded_for}\r\n");
        let answer = client.ask(format!("{head}{fields}\r\n\r\n")).await;
        format!("{} {}", answer.status, if answer.status == 200 { answer.text() } else { "" })
    };
    let (proxy, stranger, balancer) = ([127, 0, 0, 2], [127, 0, 0, 1], [127, 0, 0, 3]);
    for (from, announced, forwarded_for, expected) in [
        (stranger, "", "198.51.100.7", "200 127.0.0.1|http|a|-|-|new"),
        (proxy, "", "192.0.2.7", "200 192.0.2.7, 127.0.0.2|https|b|-|-|known"),
        // Which client is meant is read from the right: an address that it forged is not.
        (
            proxy,
            "",
            "198.51.100.7, 192.0.2.7",
            "200 198.51.100.7, 192.0.2.7, 127.0.0.2|https|b|-|-|known",
        ),
        (proxy, "", "192.0.2.7, 198.51.100.7", "403 "),
        (proxy, "", "198.51.100.7, 203.0.113.9", "403 "),
        // A PROXY header names who speaks HTTP: that one is believed, or not.
        (
            balancer,
            "PROXY TCP4 192.0.2.9 10.0.0.1 1 80\r\n",
            "198.51.100.7",
            "200 192.0.2.9|http|a|-|-|new",
        ),
        (balancer, "PROXY TCP4 203.0.113.9 10.0.0.1 1 80\r\n", "198.51.100.7", "403 "),
    ] {
        assert_eq!(
            ask(from, announced, forwarded_for).await,
            expected,
            "{from:?} {announced}{forwarded_for}"
        );
    }
}
