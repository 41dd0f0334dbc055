//! The PROXY protocol: who a trusted proxy says that the client is.
//! Source: haproxy.org/download/2.9/doc/proxy-protocol.txt.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use weir::model::{
    Algorithm, ClientRegions, Coordinates, HashKey, LocalityPreference, Region, RegionName,
};
use weir::proxy::Options;

use crate::rig::{Rig, options, pool, route};
use crate::support::client::{Answer, Client};
use crate::support::endpoint::{Endpoint, ok};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn trusting() -> Options {
    Options { proxy_protocol: vec!["127.0.0.0/8".parse().unwrap()], ..options() }
}

async fn echo() -> Endpoint {
    Endpoint::start(|request| {
        ok(&format!(
            "{}|{}",
            request.field("x-forwarded-for").unwrap_or("-"),
            request.field("forwarded").unwrap_or("-")
        ))
    })
    .await
}

/// Makes a header of version 2: command, family and protocol, addresses, and what follows them.
fn v2(command: u8, family: u8, addresses: &[u8], more: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, family]);
    header.extend(u16::try_from(addresses.len() + more.len()).unwrap().to_be_bytes());
    header.extend(addresses);
    header.extend(more);
    header
}

fn v2_from(client: IpAddr) -> Vec<u8> {
    let ports = [0x04, 0xd2, 0, 80];
    match client {
        IpAddr::V4(ip) => {
            let addresses = [&ip.octets()[..], &[10, 0, 0, 1], &ports].concat();
            v2(1, 0x11, &addresses, &[])
        }
        IpAddr::V6(ip) => {
            let to = Ipv6Addr::LOCALHOST.octets();
            v2(1, 0x21, &[&ip.octets()[..], &to, &ports].concat(), &[])
        }
    }
}

/// Announces and asks on a connection of its own; nothing where that is closed.
async fn announce(rig: &Rig, header: &[u8]) -> Option<Answer> {
    let mut client = rig.client().await;
    client.send([header, GET.as_bytes()].concat()).await;
    client.answer(false).await
}

fn protocol_errors(rig: &Rig) -> f64 {
    let name = "weir_downstream_protocol_errors_total{listener=\"http\"} ";
    let text = rig.metrics.encode();
    text.lines().find_map(|line| line.strip_prefix(name)).map_or(0.0, |n| n.parse().unwrap())
}

#[tokio::test]
async fn a_trusted_peer_names_the_client_in_either_version() {
    let endpoint = echo().await;
    let rig = Rig::with(pool(&[endpoint.address]), route(), trusting());
    let v4: IpAddr = "203.0.113.9".parse().unwrap();
    let v6: IpAddr = "2001:db8::7".parse().unwrap();
    let mapped: IpAddr = "::ffff:203.0.113.9".parse().unwrap();
    let tlvs = [0x01, 0, 2, b'h', b'2', 0x04, 0, 3, 0, 0, 0, 0xea, 0, 0];
    let addresses = [203, 0, 113, 9, 10, 0, 0, 1, 0x04, 0xd2, 0, 80];
    for (header, client) in [
        (b"PROXY TCP4 203.0.113.9 10.0.0.1 1234 80\r\n".to_vec(), "203.0.113.9"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 1234 80\r\n".to_vec(), "2001:db8::7"),
        // Who the peer is counts where the proxy speaks for itself or does not know.
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (b"PROXY UNKNOWN 2001:db8::7 2001:db8::1 1234 80\r\n".to_vec(), "127.0.0.1"),
        (v2_from(v4), "203.0.113.9"),
        (v2_from(v6), "2001:db8::7"),
        (v2_from(mapped), "203.0.113.9"),
        (v2(1, 0x11, &addresses, &tlvs), "203.0.113.9"),
        (v2(1, 0x11, &addresses, &[0xea; 3_000]), "203.0.113.9"),
        (v2(0, 0x11, &addresses, &[]), "127.0.0.1"),
        (v2(0, 0x00, &[], &[]), "127.0.0.1"),
        (v2(1, 0x00, &[], &[]), "127.0.0.1"),
        (v2(1, 0x31, &[b'/'; 216], &[]), "127.0.0.1"),
    ] {
        let answer = announce(&rig, &header).await.unwrap_or_else(|| panic!("{header:?}"));
        let shown = if client.contains(':') { format!("\"[{client}]\"") } else { client.into() };
        let (forwarded_for, forwarded) = answer.text().split_once('|').unwrap();
        assert_eq!((answer.status, forwarded_for), (200, client), "{header:?}");
        assert!(forwarded.starts_with(&format!("for={shown};")), "{forwarded}");
    }
    assert_eq!(protocol_errors(&rig), 0.0);
}

#[tokio::test]
async fn a_header_comes_in_any_pieces_and_once_for_a_connection() {
    let endpoint = echo().await;
    let rig = Rig::with(pool(&[endpoint.address]), route(), trusting());
    let v1 = b"PROXY TCP4 203.0.113.9 10.0.0.1 1234 80\r\n".to_vec();
    for header in [v1, v2_from("203.0.113.9".parse().unwrap())] {
        let mut client = rig.client().await;
        client.stream.set_nodelay(true).unwrap();
        for byte in header.chunks(1) {
            client.send(byte).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..3 {
            assert!(client.ask(GET).await.text().starts_with("203.0.113.9|"));
        }
    }
}

#[tokio::test]
async fn what_is_no_whole_header_closes_the_connection_at_once() {
    let endpoint = echo().await;
    let rig = Rig::with(pool(&[endpoint.address]), route(), trusting());
    let addresses = [203, 0, 113, 9, 10, 0, 0, 1, 0x04, 0xd2, 0, 80];
    let mut other_version = v2(1, 0x11, &addresses, &[]);
    other_version[12] = 0x31;
    let long = format!("PROXY TCP4 203.0.113.9 10.0.0.1 1234 80{}\r\n", " ".repeat(100));
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
    let refused: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"\r\n".to_vec(),
        b"PROXY\r\n".to_vec(),
        b"PROXY TCP4\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9 10.0.0.1 1234\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9 10.0.0.1 1234 80\n".to_vec(),
        b"PROXY TCP4 203.0.113.999 10.0.0.1 1234 80\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9 10.0.0.1 1234 99999\r\n".to_vec(),
        b"PROXY TCP4 2001:db8::7 2001:db8::1 1234 80\r\n".to_vec(),
        b"PROXY TCP5 203.0.113.9 10.0.0.1 1234 80\r\n".to_vec(),
        b"proxy TCP4 203.0.113.9 10.0.0.1 1234 80\r\n".to_vec(),
        long.into_bytes(),
        endless.into_bytes(),
        other_version,
        v2(1, 0x11, &addresses[..4], &[]),
        v2(2, 0x11, &addresses, &[]),
        v2(1, 0x11, &addresses, &[0; 5_000]),
    ];
    let count = refused.len();
    for header in refused {
        let asked = announce(&rig, &header);
        // Far below the time that a slow header has.
        let answer = tokio::time::timeout(Duration::from_secs(5), asked).await;
        assert!(answer.expect("it is closed at once").is_none(), "{header:?}");
    }
    assert_eq!(protocol_errors(&rig), count as f64);
    assert_eq!(endpoint.received().len(), 0);
    assert!(announce(&rig, b"PROXY UNKNOWN\r\n").await.is_some(), "others are served");
}

#[tokio::test]
async fn a_header_that_breaks_off_or_never_comes_holds_nothing() {
    let endpoint = echo().await;
    let mut brief = trusting();
    brief.limits.head_timeout = Duration::from_millis(100);
    let rig = Rig::with(pool(&[endpoint.address]), route(), brief);
    for part in [&b"PROXY TCP4 203."[..], b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb", b""] {
        let mut client = rig.client().await;
        client.send(part).await;
        assert!(client.is_closed().await && client.ahead.is_empty());
        let mut client = rig.client().await;
        client.send(part).await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
        assert!(client.is_closed().await && client.ahead.is_empty());
    }
    assert_eq!(protocol_errors(&rig), 6.0);
}

#[tokio::test]
async fn nobody_believes_a_peer_that_is_not_trusted() {
    let endpoint = echo().await;
    let strict = Options { proxy_protocol: vec!["10.0.0.0/8".parse().unwrap()], ..options() };
    let rig = Rig::with(pool(&[endpoint.address]), route(), strict);
    for header in [
        b"PROXY TCP4 203.0.113.9 10.0.0.1 1234 80\r\n".to_vec(),
        v2_from("203.0.113.9".parse().unwrap()),
    ] {
        let answer = announce(&rig, &header).await;
        assert!(answer.is_none_or(|answer| answer.status == 400));
    }
    assert_eq!(endpoint.received().len(), 0);
    let answer = rig.client().await.ask(GET).await;
    assert!(answer.text().starts_with("127.0.0.1|"), "{}", answer.text());
}

#[tokio::test]
async fn a_trusted_peer_is_known_on_a_socket_for_both_families() {
    let endpoint = echo().await;
    let both = Options { http: Some("[::]:0".parse().unwrap()), ..trusting() };
    let rig = Rig::with(pool(&[endpoint.address]), route(), both);
    let mut client = Client::connect((Ipv4Addr::LOCALHOST, rig.http.port()).into()).await;
    client.send("PROXY TCP4 203.0.113.9 10.0.0.1 1234 80\r\n").await;
    assert!(client.ask(GET).await.text().starts_with("203.0.113.9|"));
}

async fn named(count: u8) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for number in 0..count {
        endpoints.push(Endpoint::start(move |_| ok(&number.to_string())).await);
    }
    endpoints
}

#[tokio::test]
async fn the_announced_client_is_who_is_hashed() {
    let endpoints = named(4).await;
    let addresses: Vec<_> = endpoints.iter().map(|endpoint| endpoint.address).collect();
    let mut declared = pool(&addresses);
    declared.algorithm = Algorithm::Maglev;
    declared.hash_on = vec![HashKey::ClientAddress];
    let rig = Rig::with(declared, route(), trusting());
    let mut chosen = BTreeSet::new();
    for last in 1..=24 {
        let client = IpAddr::from([203, 0, 113, last]);
        let by_v2 = announce(&rig, &v2_from(client)).await.unwrap();
        for port in [1_000, 2_000] {
            let line = format!("PROXY TCP4 {client} 10.0.0.1 {port} 80\r\n");
            let by_v1 = announce(&rig, line.as_bytes()).await.unwrap();
            assert_eq!(by_v1.text(), by_v2.text(), "{client}");
        }
        chosen.insert(by_v2.text().to_owned());
    }
    assert_eq!(chosen.len(), 4, "24 clients, 4 endpoints");
}

#[tokio::test]
async fn the_announced_client_decides_what_is_near() {
    let endpoints = named(2).await;
    let mut declared = pool(&[endpoints[0].address, endpoints[1].address]);
    let region = |name: &str, latitude| Region {
        name: RegionName(name.into()),
        location: Coordinates { latitude, longitude: 0.0 },
    };
    for endpoint in &mut declared.backends[0].endpoints {
        let name = if endpoint.address == endpoints[0].address { "north" } else { "south" };
        endpoint.region = Some(RegionName(name.into()));
    }
    declared.locality = Some(LocalityPreference::ClientRegion {
        regions: vec![region("north", 60.0), region("south", -60.0)],
        clients: ClientRegions::new([
            ("203.0.113.0/24".parse().unwrap(), 1),
            ("2001:db8::/32".parse().unwrap(), 1),
        ]),
    });
    let rig = Rig::with(declared, route(), trusting());
    for (client, expected) in
        [("203.0.113.9", "1"), ("198.51.100.1", "0"), ("2001:db8::7", "1"), ("2001:db9::7", "0")]
    {
        for _ in 0..4 {
            let answer = announce(&rig, &v2_from(client.parse().unwrap())).await.unwrap();
            assert_eq!(answer.text(), expected, "{client}");
        }
    }
}

/// Neither a worker nor a proxy in between makes a client another.
#[tokio::test]
async fn a_client_has_as_many_connections_as_it_may() {
    let endpoint = echo().await;
    let options = Options { max_connections_per_client: Some(2), workers: 2, ..trusting() };
    let rig = Rig::with(pool(&[endpoint.address]), route(), options);
    let open = |client: &'static str| {
        let rig = &rig;
        async move {
            let mut connection = rig.client().await;
            let header = v2_from(client.parse().unwrap());
            connection.send([&header, GET.as_bytes()].concat()).await;
            connection.answer(false).await.map(|_| connection)
        }
    };
    let first = open("198.51.100.1").await;
    let second = open("198.51.100.1").await;
    assert!(first.is_some() && second.is_some());
    for _ in 0..8 {
        assert!(open("198.51.100.1").await.is_none(), "a third one");
    }
    assert!(open("198.51.100.2").await.is_some(), "another client");
    let name = "weir_downstream_refused_connections_total{listener=\"http\"} 8";
    assert!(rig.metrics.encode().lines().any(|line| line == name), "{}", rig.metrics.encode());
    drop(first);
    let mut again = None;
    while again.is_none() {
        again = open("198.51.100.1").await;
    }
}
