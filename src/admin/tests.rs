//! The admin address over a socket, on a table built as production builds it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{ExplainError, ExplainQuery, Options, Readiness, explain, run};
use crate::metrics::{MethodLabel, Metrics, RequestSample, RouteLabels};
use crate::model::{
    Backend, Certificate, Endpoint, Hostname, Model, Origin, PathPattern, Pool, PoolName,
    PrivateKey, Protocol, Route, RouteId, RouteMatch,
};
use crate::pool_support;
use crate::table::{Table, TableHandle};
use crate::upstream::{Health, Millis, Outcome, Pools};

const HOSTILE: &str = "<script>alert(1)</script>";

fn pool(name: &str) -> Pool {
    let endpoint = |port| Endpoint {
        zone: Some("a".into()),
        ..pool_support::endpoint(SocketAddr::from(([127, 0, 0, 1], port)))
    };
    let backend = Backend {
        origin: "shop/v1:80".into(),
        is_service: true,
        weight: 90,
        tier: 0,
        protocol: Protocol::Http1,
        endpoints: vec![endpoint(8081), endpoint(8082)],
    };
    pool_support::pool(PoolName::new("shop", name), vec![backend])
}

fn route(pool: &str, position: u32, host: Option<&str>, path: &str) -> Route {
    Route {
        id: RouteId {
            created: 1,
            object: Origin::pool(&PoolName::new("shop", pool)),
            position,
            name: position.to_string().into(),
        },
        hostnames: host.iter().map(|host| Hostname::parse(host).unwrap()).collect(),
        is_one_label: false,
        is_fallback: false,
        is_held: false,
        matches: vec![RouteMatch {
            path: PathPattern::Prefix(path.into()),
            method: None,
            headers: Vec::new(),
            query: Vec::new(),
            cookies: Vec::new(),
        }],
        request_timeout: Some(Duration::from_secs(10)),
        backend_request_timeout: None,
        https_redirect: None,
        client: None,
        pool: PoolName::new("shop", pool),
    }
}

fn origin(name: &str) -> Origin {
    Origin::pool(&PoolName::new("shop", name))
}

struct Rig {
    options: Options,
    address: SocketAddr,
    // The states of its pools stay while it does.
    _pools: Arc<Pools>,
}

async fn rig() -> Rig {
    rig_with(|_| ()).await
}

async fn rig_with(change: impl Fn(&mut Pool)) -> Rig {
    let mut model = Model::default();
    for name in ["shop", "cart"] {
        let mut pool = pool(name);
        change(&mut pool);
        model.pools.insert(PoolName::new("shop", name), Arc::new(pool));
    }
    let host = Some("shop.example.com");
    let routes = [route("shop", 0, host, "/"), route("shop", 1, host, HOSTILE)];
    model.routes.insert(origin("shop"), routes.into());
    model.routes.insert(origin("cart"), [route("cart", 0, host, "/cart")].into());
    let certificate = Certificate {
        origin: "shop/tls".into(),
        created: 0,
        names: vec![Hostname::parse("*.example.com").unwrap()],
        other_names: Vec::new(),
        covers: Arc::default(),
        terms: Arc::default(),
        is_default: false,
        not_after: 2_000_000_000,
        chain_pem: "CHAIN-PEM".into(),
        key: PrivateKey::new("KEY-PEM"),
    };
    model.certificates.insert(origin("shop"), [certificate].into());
    let metrics = Metrics::new(1);
    let (pools, _) = Pools::new(crate::upstream::Options::default(), Arc::clone(&metrics));
    let table = TableHandle::new(Table::build(&model, &pools, &metrics, Millis(1)));
    let options = Options { metrics, readiness: Arc::default(), table, geoip: None };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(run(listener, options.clone()));
    Rig { options, address, _pools: pools }
}

impl Rig {
    /// Returns status, head and body.
    async fn ask(&self, method: &str, target: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
    }

    async fn json(&self, target: &str) -> Value {
        let (status, _, body) = self.ask("GET", target).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

#[tokio::test]
async fn probes_follow_readiness() {
    let rig = rig().await;
    assert_eq!(rig.ask("GET", "/livez").await.0, 200);
    assert_eq!(rig.ask("GET", "/readyz").await.0, 503);
    rig.options.readiness.set_synced();
    rig.options.readiness.set_trouble(Some("connection refused".into()));
    let (status, _, body) = rig.ask("GET", "/readyz").await;
    assert_eq!(status, 200);
    assert!(body.contains("connection refused") && body.contains("last good"), "{body}");
    rig.options.readiness.set_draining();
    assert_eq!(rig.ask("GET", "/readyz").await.0, 503);
    assert_eq!(rig.ask("GET", "/livez").await.0, 200);
}

#[tokio::test]
async fn only_reads_of_what_exists_are_answered() {
    let rig = rig().await;
    for target in ["/x", "/api", "/api/v1", "/api/v1/pools/shop/other", "/../etc/passwd", "//"] {
        assert_eq!(rig.ask("GET", target).await.0, 404, "{target}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        for target in ["/", "/metrics", "/api/v1/pools", "/x"] {
            let (status, head, _) = rig.ask(method, target).await;
            assert_eq!(status, 405, "{method} {target}");
            assert!(head.contains("allow: GET, HEAD"), "{head}");
        }
    }
    for target in ["/api/v1/explain?client=x", "/api/v1/explain?other=1", "/api/v1/pools?limit=x"] {
        assert_eq!(rig.ask("GET", target).await.0, 400, "{target}");
    }
}

#[tokio::test]
async fn every_answer_forbids_markup_from_elsewhere() {
    let rig = rig().await;
    for target in ["/", "/page.js", "/page.css", "/metrics", "/api/v1/routes", "/nothing"] {
        let (_, head, _) = rig.ask("GET", target).await;
        assert!(head.contains("content-security-policy: default-src 'none'"), "{target}: {head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{target}: {head}");
    }
    // Names reach the page as JSON only, and the page never parses markup.
    let (_, head, body) = rig.ask("GET", "/api/v1/routes").await;
    assert!(head.contains("application/json") && body.contains(HOSTILE));
    let (_, _, script) = rig.ask("GET", "/page.js").await;
    for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!script.contains(word), "{word}");
    }
    for target in ["/", "/page.js", "/page.css"] {
        let (_, _, text) = rig.ask("GET", target).await;
        assert!(!text.is_empty());
        let allowed = text.replace("http://www.w3.org/2000/svg", "");
        let allowed = allowed.replace("https://shop.example.com", "");
        assert!(!allowed.contains("://"), "{target} names another place");
    }
}

#[tokio::test]
async fn secrets_are_never_shown() {
    let rig = rig().await;
    for target in ["/api/v1/config", "/api/v1/routes", "/api/v1/pools/shop/shop", "/metrics"] {
        let (_, _, body) = rig.ask("GET", target).await;
        assert!(!body.contains("KEY-PEM") && !body.contains("CHAIN-PEM"), "{target}");
    }
    let config = rig.json("/api/v1/config").await;
    assert_eq!(config["certificates"][0]["secret"], "shop/tls");
    assert_eq!((&config["pools"], &config["routes"]), (&2.into(), &3.into()));
}

#[tokio::test]
async fn lists_show_state_and_traffic() {
    let rig = rig().await;
    let table = rig.options.table.load_full();
    let pool = table.pool_named(&PoolName::new("shop", "shop")).unwrap();
    let members = &pool.endpoints;
    let _working = members[0].state.begin();
    members[0].state.stats.answered(0, 200);
    members[0].state.stats.answered(0, 500);
    members[0]
        .state
        .report(Outcome::Answered { status: 200, latency: Duration::from_millis(4) }, Millis(5));
    members[1].state.set_health(Health::Unhealthy, Millis(5));
    pool.refresh(Millis(6));
    let labels = RouteLabels { pool: "shop/shop".into(), route: "0".into() };
    rig.options.metrics.route(labels).record(
        0,
        &RequestSample {
            method: MethodLabel::Get,
            status: 500,
            duration: Duration::from_millis(4),
            received_bytes: 1,
            sent_bytes: 2,
        },
    );

    let list = rig.json("/api/v1/pools?search=shop/shop").await;
    let shown = &list["pools"][0];
    assert_eq!(list["total"], 1);
    assert_eq!((&shown["requests"], &shown["server_errors"]), (&2.into(), &1.into()));
    assert_eq!((&shown["in_flight"], &shown["endpoints"]["ready"]), (&1.into(), &1.into()));
    assert_eq!(rig.json("/api/v1/pools?limit=1").await["pools"].as_array().unwrap().len(), 1);

    let detail = rig.json("/api/v1/pools/shop/shop").await;
    let members = detail["members"].as_array().unwrap();
    assert_eq!(members[0]["zone"], "a");
    assert_eq!(members[0]["requests"], 2);
    assert_eq!((&members[1]["state"], &members[1]["requests"]), (&"unhealthy".into(), &0.into()));
    assert_eq!(detail["declared"]["algorithm"], "RoundRobin");

    let routes = rig.json("/api/v1/routes?search=shop/shop").await;
    assert_eq!(routes["routes"][0]["server_errors"], 1);
    assert_eq!(routes["routes"][0]["p50_seconds"], 0.005);
    assert_eq!(routes["routes"][1]["matches"][0], HOSTILE);
}

#[tokio::test]
async fn an_endpoint_of_two_backends_is_counted_once() {
    let rig = rig_with(|pool| {
        let again = Backend { origin: "shop/v2:80".into(), ..pool.backends[0].clone() };
        pool.backends.push(again);
    })
    .await;
    let table = rig.options.table.load_full();
    let pool = table.pool_named(&PoolName::new("shop", "shop")).unwrap();
    let _working = pool.endpoints[0].state.begin();
    pool.endpoints[0].state.stats.answered(0, 200);
    let shown = &rig.json("/api/v1/pools?search=shop/shop").await["pools"][0];
    assert_eq!((&shown["requests"], &shown["in_flight"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn explain_says_which_route_won_and_why_the_others_lost() {
    let rig = rig().await;
    let target =
        "/api/v1/explain?method=GET&url=https://SHOP.example.com/cart/./x%3Fa=1&client=192.0.2.1";
    let (status, head, text) = rig.ask("GET", target).await;
    assert_eq!(status, 200, "{text}");
    assert!(head.contains("text/plain"));
    for part in [
        "GET https://SHOP.example.com/cart/x?a=1  from 192.0.2.1",
        "certificate  shop/tls",
        "takes the request",
        "pool shop/cart: RoundRobin, 2 of 2 endpoints ready",
        "=> 127.0.0.1:808",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    let json = rig.json(&format!("{target}&format=json")).await;
    assert_eq!(json["route"]["object"], "BackendPool shop/cart");
    assert_eq!(json["routes"]["candidates"].as_array().unwrap().len(), 3);
    let (_, _, text) = rig.ask("GET", "/api/v1/explain?url=http://other.example.com/").await;
    assert!(text.contains("=> 404 no_host"), "{text}");
}

#[tokio::test]
async fn explain_refuses_what_is_no_request_and_moves_nothing() {
    let rig = rig().await;
    let table = rig.options.table.load_full();
    let ask = |method: &str, url: &str, header: &str| {
        let query = ExplainQuery {
            method: method.into(),
            url: url.into(),
            headers: vec![header.into()],
            client: [127, 0, 0, 1].into(),
        };
        explain(&table, &query, None, Millis(9))
    };
    assert!(matches!(ask("G T", "http://a/", "a: b"), Err(ExplainError::Method(_))));
    assert!(matches!(ask("GET", "ftp://a/", "a: b"), Err(ExplainError::Url(_))));
    assert!(matches!(ask("GET", "http://a b/", "a: b"), Err(ExplainError::Url(_))));
    assert!(matches!(ask("GET", "http://a/", "a b"), Err(ExplainError::Header(_))));
    let bad_path = ask("GET", "http://shop.example.com/%00", "a: b").unwrap();
    assert_eq!(bad_path.refused.unwrap().reason, "bad_path");
    let first = ask("GET", "shop.example.com/", "a: b").unwrap().pool.unwrap().endpoint;
    for _ in 0..5 {
        let again = ask("GET", "/", "host: shop.example.com:8080").unwrap();
        assert_eq!(again.pool.unwrap().endpoint, first, "the cursor stands");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_costs_only_its_connection() {
    let rig = rig().await;
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "b".repeat(200_000));
    // The server may close before it has read everything.
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(rig.ask("GET", "/livez").await.0, 200);
}

#[test]
fn readiness_is_shared() {
    let readiness: Arc<Readiness> = Arc::default();
    let other = Arc::clone(&readiness);
    other.set_synced();
    assert!(readiness.is_ready());
}
