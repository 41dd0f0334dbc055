//! What Prometheus reads while strangers send what they like.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::rig::{Backend, Client, Weir, eventually};
use crate::support::promtool;

const THREADS: u64 = 4;
/// Connections of each thread, every one from an address of its own.
const CONNECTIONS: u64 = 100;
/// Requests of each connection.
const REQUESTS: u64 = 10;

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"];
const STATUSES: [&str; 8] = ["200", "299", "301", "399", "404", "418", "500", "599"];

/// What one request should be counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Served,
    Refused(&'static str),
}

const KINDS: [Kind; 4] =
    [Kind::Served, Kind::Refused("no_host"), Kind::Refused("no_route"), Kind::Refused("bad_path")];

type Counts = BTreeMap<Kind, u64>;

/// Sends one request of a kind with names that nobody has seen.
fn send(
    client: &mut Client,
    kind: Kind,
    (method, status): (&str, &str),
    random: &mut fastrand::Rng,
) {
    let mut word = || -> String { (0..10).map(|_| random.alphanumeric()).collect() };
    let (host, path) = match kind {
        Kind::Served => (format!("{}.wild.test", word()), format!("/app/{}?{}", word(), word())),
        Kind::Refused("no_host") => (format!("{}.example", word()), format!("/app/{}", word())),
        Kind::Refused("no_route") => ("pool.test".into(), format!("/{}", word())),
        Kind::Refused(_) => ("pool.test".into(), format!("/app/%2f{}", word())),
    };
    let (agent, origin) = (word(), word());
    let headers = [("x-status", status), ("user-agent", &agent), ("origin", &origin)];
    let answer = client.send(method, &host, &path, &headers).expect("an answer");
    let expected = match kind {
        Kind::Served => status.parse().unwrap(),
        Kind::Refused("bad_path") => 400,
        Kind::Refused(_) => 404,
    };
    assert_eq!(answer.status, expected, "{kind:?}: {method} {host}{path}");
}

/// Sends from one thread, each connection from another address of 127.0.0.0/8.
fn stranger(http: SocketAddr, seed: u64) -> Counts {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut counts = Counts::new();
    for _ in 0..CONNECTIONS {
        let from = [127, random.u8(1..255), random.u8(..), random.u8(1..255)];
        let mut client = Client::connect(http, Some(from.into()));
        for _ in 0..REQUESTS {
            let kind = if random.u8(..10) < 7 { Kind::Served } else { KINDS[random.usize(1..4)] };
            let unknown = format!("X{}", random.u32(..));
            let methods = [METHODS[random.usize(..8)], &unknown];
            let how = (methods[random.usize(..2)], STATUSES[random.usize(..8)]);
            send(&mut client, kind, how, &mut random);
            *counts.entry(kind).or_insert(0) += 1;
        }
    }
    counts
}

fn series(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').expect("a series and a value"));
    pairs.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect()
}

/// Sums the series of a family that have all of these labels.
fn sum(series: &BTreeMap<String, f64>, family: &str, labels: &[&str]) -> f64 {
    let is_of = |name: &str| name.split('{').next() == Some(family);
    let has = |name: &str| labels.iter().all(|label| name.contains(label));
    series.iter().filter(|(name, _)| is_of(name) && has(name)).map(|(_, value)| value).sum()
}

#[test]
fn strangers_add_no_series_and_every_request_is_counted() {
    let backend = Backend::start("b", [127, 0, 0, 1], 0, Duration::ZERO);
    let weir = Weir::start(&format!(
        "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: p, namespace: test }}\n\
         spec:\n  routes:\n    - hostnames: [pool.test, \"*.wild.test\"]\n      \
         matches: [{{ path: {{ value: /app }} }}]\n  \
         backends: [{{ endpoint: {{ address: 127.0.0.1, port: {} }} }}]\n",
        backend.address.port()
    ));
    // Once each of what there is a class of.
    let mut random = fastrand::Rng::with_seed(1);
    let (mut sent, mut client) = (Counts::new(), weir.client());
    for kind in KINDS {
        for how in METHODS.iter().flat_map(|method| STATUSES.map(|status| (*method, status))) {
            send(&mut client, kind, how, &mut random);
            *sent.entry(kind).or_insert(0) += 1;
        }
    }
    let all = |counts: &Counts| counts.values().sum::<u64>() as f64;
    let requests = || sum(&series(&weir.metrics()), "weir_downstream_protocol_requests_total", &[]);
    let served = || sum(&series(&weir.metrics()), "weir_downstream_requests_total", &[]);
    eventually("the warm-up is counted", || served() == sent[&Kind::Served] as f64);
    let http = weir.http;
    let before: Vec<String> = series(&weir.metrics()).into_keys().collect();

    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|seed| scope.spawn(move || stranger(http, seed + 2))).collect();
        for thread in threads {
            for (kind, count) in thread.join().expect("every request is answered") {
                *sent.entry(kind).or_insert(0) += count;
            }
        }
    });
    drop(client);
    eventually("all requests are counted", || served() == sent[&Kind::Served] as f64);
    let text = weir.metrics();
    let after = series(&text);
    assert_eq!(after.keys().cloned().collect::<Vec<_>>(), before, "no series more, none less");
    assert_eq!(requests(), all(&sent));
    for (kind, count) in &sent {
        let Kind::Refused(reason) = kind else { continue };
        let label = format!("reason=\"{reason}\"");
        let refused = sum(&after, "weir_downstream_refused_requests_total", &[&label]);
        assert_eq!(refused, *count as f64, "{reason}");
    }
    let counted = sent[&Kind::Served] as f64;
    for family in
        ["weir_downstream_request_seconds_count", "weir_upstream_first_byte_seconds_count"]
    {
        assert_eq!(sum(&after, family, &["pool=\"test/p\""]), counted, "{family}");
    }
    assert_eq!(sum(&after, "weir_upstream_endpoint_requests_total", &[]), counted);
    assert_eq!(backend.served() as f64, counted, "as the endpoint counts");
    let connections = sum(&after, "weir_downstream_connections_total", &["listener=\"http\""]);
    assert_eq!(connections, (THREADS * CONNECTIONS + 1) as f64);
    let Some((is_clean, said)) = promtool::check(&text) else { return };
    assert!(is_clean && said.trim().is_empty(), "{said}");
}
