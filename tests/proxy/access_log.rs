//! The access log: what it says of each end of a request, and what a client can do to it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpStream;
use weir::metrics::Metrics;
use weir::model::{Hostname, RegionName};
use weir::proxy::Options;
use weir::proxy::access_log::{AccessLog, AccessLogFormat};

use crate::rig::{Rig, options, pool, route, trusted};
use crate::support::client::Client;
use crate::support::endpoint::{Endpoint, Reply, ok};

/// Every field, in the order of a line.
const FIELDS: [&str; 19] = [
    "client",
    "method",
    "host",
    "path",
    "protocol",
    "status",
    "reason",
    "pool",
    "route",
    "backend",
    "endpoint",
    "zone",
    "region",
    "attempts",
    "received_bytes",
    "sent_bytes",
    "duration_ms",
    "upstream_ms",
    "request_id",
];

/// Sink keeps what is written, and takes nothing while it is shut.
#[derive(Clone, Default)]
struct Sink {
    written: Arc<Mutex<Vec<u8>>>,
    is_shut: Arc<AtomicBool>,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.is_shut.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.written.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.written.lock().clone()).expect("lines are text");
        text.split_terminator('\n').map(str::to_owned).collect()
    }

    /// Waits for this many lines and returns the last, which is JSON.
    async fn json(&self, count: usize) -> Value {
        let waits = async {
            while self.lines().len() < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), waits).await;
        waited.unwrap_or_else(|_| panic!("no line {count}: {:?}", self.lines()));
        serde_json::from_str(&self.lines()[count - 1]).expect("a line is JSON")
    }
}

fn logging(format: AccessLogFormat) -> (Sink, Arc<Metrics>, Options) {
    let (sink, metrics) = (Sink::default(), Metrics::new(1));
    let log = AccessLog::start(format, Arc::clone(&metrics), sink.clone()).unwrap();
    (sink, metrics, Options { access_log: Some(log), workers: 1, ..options() })
}

/// Takes a line of text apart; quoted values are unquoted.
fn parse_text(line: &str) -> Vec<(String, String)> {
    let (time, mut rest) = line.split_once(' ').expect("a time first");
    let mut fields = vec![("time".to_owned(), time.to_owned())];
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=').expect("name=value");
        let (value, after) = if value.starts_with('"') {
            let mut strings = serde_json::Deserializer::from_str(value).into_iter::<String>();
            let text = strings.next().expect("a quoted value").expect("a quoted value");
            (text, &value[strings.byte_offset()..])
        } else {
            let end = value.find(' ').unwrap_or(value.len());
            (value[..end].to_owned(), &value[end..])
        };
        fields.push((name.to_owned(), value));
        rest = if after.is_empty() { "" } else { after.strip_prefix(' ').expect("a space") };
    }
    fields
}

#[tokio::test]
async fn a_served_request_is_told_whole() {
    let received = Arc::new(Mutex::new(None));
    let at = Arc::clone(&received);
    let endpoint = Endpoint::start(move |_| {
        *at.lock() = Some(SystemTime::now());
        std::thread::sleep(Duration::from_millis(300));
        ok("fine")
    })
    .await;
    let (sink, _, options) = logging(AccessLogFormat::Json);
    let rig = Rig::with(pool(&[endpoint.address]), route(), options);
    let request =
        "POST /a/b?secret=1 HTTP/1.1\r\nHost: shop.test:80\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(rig.client().await.ask(request).await.status, 200);
    let line = sink.json(1).await;
    for (name, expected) in [
        ("client", Value::from("127.0.0.1")),
        ("method", "POST".into()),
        ("host", "shop.test:80".into()),
        ("path", "/a/b".into()),
        ("protocol", "HTTP/1.1".into()),
        ("status", 200.into()),
        ("reason", Value::Null),
        ("pool", "default/test".into()),
        ("route", "all".into()),
        ("backend", "endpoint".into()),
        ("endpoint", endpoint.address.to_string().into()),
        ("zone", Value::Null),
        ("region", Value::Null),
        ("attempts", 1.into()),
        ("received_bytes", 5.into()),
        ("sent_bytes", 4.into()),
        ("request_id", endpoint.received()[0].field("x-request-id").unwrap().into()),
    ] {
        assert_eq!(line[name], expected, "{name} of {line}");
    }
    let (whole, upstream) = (line["duration_ms"].as_f64(), line["upstream_ms"].as_f64());
    assert!(whole >= upstream && upstream >= Some(300.0), "{line}");
    let time: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
    let begun = received.lock().unwrap();
    assert!(SystemTime::from(time) <= begun, "the time is when the request began: {line}");
    assert!(!sink.lines()[0].contains("secret"), "queries are not logged");
}

#[tokio::test]
async fn our_own_answers_are_told_with_their_reason() {
    let closing = Endpoint::start(|_| Reply::Close(Vec::new())).await;
    let hanging = Endpoint::start(|_| Reply::Hang).await;
    let mut named = route();
    named.hostnames = vec![Hostname::parse("shop.test").unwrap()];
    let mut brief = route();
    brief.backend_request_timeout = Some(Duration::from_millis(50));
    let post = "POST /x HTTP/1.1\r\nHost: a\r\n\r\n";
    for (declared, route, status, reason, endpoint, attempts) in [
        (pool(&[closing.address]), named, 404, "no_host", None, 0),
        (pool(&[closing.address]), route(), 502, "upstream_reset", Some(closing.address), 1),
        (pool(&[]), route(), 503, "no_endpoint", None, 0),
        (pool(&[hanging.address]), brief, 504, "upstream_timeout", Some(hanging.address), 1),
    ] {
        let (sink, _, options) = logging(AccessLogFormat::Json);
        let rig = Rig::with(declared, route, options);
        let answer = rig.client().await.ask(post).await;
        assert_eq!((answer.status, answer.field("x-weir-reason")), (status, Some(reason)));
        let line = sink.json(1).await;
        assert_eq!((&line["status"], &line["reason"]), (&status.into(), &reason.into()), "{line}");
        assert_eq!(line["attempts"], attempts, "{line}");
        assert_eq!(line["sent_bytes"], answer.body.len(), "{line}");
        assert_eq!(line["endpoint"], Value::from(endpoint.map(|e| e.to_string())), "{line}");
        let pool = if reason == "no_host" { Value::Null } else { "default/test".into() };
        assert_eq!(line["pool"], pool, "{line}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_told_as_one() {
    let endpoint = Endpoint::start(|request| {
        if request.head.starts_with("GET /half") {
            Reply::Keep(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec())
        } else {
            Reply::Hang
        }
    })
    .await;
    let (sink, _, options) = logging(AccessLogFormat::Json);
    let rig = Rig::with(pool(&[endpoint.address]), route(), options);
    let mut client = rig.client().await;
    client.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    while endpoint.received().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(client);
    let line = sink.json(1).await;
    assert_eq!((&line["status"], &line["reason"]), (&0.into(), &"client_gone".into()), "{line}");
    assert_eq!(line["endpoint"], endpoint.address.to_string());
    let mut client = rig.client().await;
    client.send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.until(b"half").await.unwrap();
    drop(client);
    let line = sink.json(2).await;
    assert_eq!((&line["status"], &line["reason"]), (&200.into(), &"client_gone".into()), "{line}");
    assert_eq!(line["sent_bytes"], 4);
}

#[tokio::test]
async fn a_client_that_leaves_in_its_body_is_told_as_one() {
    let endpoint = Endpoint::start(|_| ok("fine")).await;
    let (sink, _, options) = logging(AccessLogFormat::Json);
    let rig = Rig::with(pool(&[endpoint.address]), route(), options);
    let post = "POST / HTTP/1.1\r\nHost: a\r\n";
    let expects = "Expect: 100-continue\r\n";
    let bodies = ["Content-Length: 5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"];
    let heads = bodies.map(|body| [format!("{post}{expects}{body}"), format!("{post}{body}")]);
    for (count, head) in heads.concat().into_iter().enumerate() {
        let is_held = head.contains(expects);
        let mut client = rig.client().await;
        client.send(&head).await;
        if is_held {
            assert_eq!(client.answer(false).await.unwrap().status, 100);
        }
        client.send(if head.contains("chunked") { "5\r\nhe" } else { "he" }).await;
        drop(client);
        let line = sink.json(count + 1).await;
        let told = (&line["status"], &line["reason"]);
        assert_eq!(told, (&0.into(), &"client_gone".into()), "{head}: {line}");
    }
    // What is wrong is still called wrong.
    let mut client = rig.client().await;
    client.send(format!("{post}{expects}{}", bodies[1])).await;
    assert_eq!(client.answer(false).await.unwrap().status, 100);
    client.send("x\r\n").await;
    assert_eq!(client.answer(false).await.unwrap().status, 400);
    assert_eq!(sink.json(5).await["reason"], "bad_request");
}

#[tokio::test]
async fn a_tunnel_is_told_when_it_ends_with_its_bytes() {
    let endpoint = Endpoint::start(|_| {
        Reply::Echo(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
                .to_vec(),
        )
    })
    .await;
    let (sink, _, options) = logging(AccessLogFormat::Json);
    let rig = Rig::with(pool(&[endpoint.address]), route(), options);
    let upgrade = "GET /t HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    for (turn, is_reset) in [(1, false), (2, true)] {
        let mut client = rig.client().await;
        assert_eq!(client.ask(upgrade).await.status, 101);
        client.send("ping").await;
        client.until(b"ping").await.unwrap();
        assert_eq!(sink.lines().len(), turn - 1, "not before it ends");
        if is_reset {
            socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(client);
        let line = sink.json(turn).await;
        assert_eq!((&line["status"], &line["reason"]), (&101.into(), &Value::Null), "{line}");
        let bytes = (&line["received_bytes"], &line["sent_bytes"]);
        assert_eq!(bytes, (&4.into(), &4.into()), "reset {is_reset}: {line}");
    }
}

#[tokio::test]
async fn http2_requests_are_told_alike() {
    let endpoint = Endpoint::start(|_| ok("fine")).await;
    let (sink, _, options) = logging(AccessLogFormat::Json);
    let rig = Rig::with(pool(&[endpoint.address]), route(), options);
    let stream = TokioIo::new(TcpStream::connect(rig.http).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://h2.test/x?y").body(Empty::<bytes::Bytes>::new());
    let answer = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    drop(answer);
    let line = sink.json(1).await;
    let told = ["protocol", "host", "path"].map(|name| line[name].as_str().unwrap());
    assert_eq!(told, ["HTTP/2.0", "h2.test", "/x"]);
}

/// Sends every byte in every place where a client can put one, and returns the answers' statuses.
async fn hostile(rig: &Rig) -> Vec<u16> {
    let mut statuses = Vec::new();
    for byte in 0..=255_u8 {
        let places: [[&[u8]; 3]; 4] = [
            [b"GET /a\"},{\"status\":200", b"b HTTP/1.1\r\nHost: a\r\n", b""],
            [b"GET / HTTP/1.1\r\nHost: a\"=", b"b\r\n", b""],
            [b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\" status=200\\", b"b\r\n", b""],
            [
                b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\" status=200\\",
                b"b\r\n",
                b"",
            ],
        ];
        for [before, after, more] in places {
            let mut client = Client::connect(rig.http).await;
            client.send([before, &[byte], after, more, b"\r\n"].concat()).await;
            let Some(answer) = client.answer(false).await else { continue };
            // What has no reason was refused before it was a request, and is not logged.
            if answer.status == 200 || answer.field("x-weir-reason").is_some() {
                statuses.push(answer.status);
            }
        }
    }
    statuses
}

#[tokio::test]
async fn no_byte_of_a_client_breaks_or_forges_a_line() {
    let endpoint =
        Endpoint::start(|_| Reply::Close(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()))
            .await;
    for format in [AccessLogFormat::Json, AccessLogFormat::Text] {
        let (sink, _, options) = logging(format);
        let trusting = Options { trusted: trusted(1), ..options };
        let rig = Rig::with(pool(&[endpoint.address]), route(), trusting);
        let statuses = hostile(&rig).await;
        assert!(statuses.len() > 400, "{} are too few to say anything", statuses.len());
        while sink.lines().len() < statuses.len() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let lines = sink.lines();
        assert_eq!(lines.len(), statuses.len());
        for (line, status) in lines.iter().zip(statuses) {
            assert!(!line.chars().any(char::is_control), "{line:?}");
            let (names, told) = match format {
                AccessLogFormat::Json => {
                    let value: Value = serde_json::from_str(line).unwrap();
                    let names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
                    (names, value["status"].to_string())
                }
                AccessLogFormat::Text => {
                    let fields = parse_text(line);
                    let told = fields.iter().find(|(name, _)| name == "status").unwrap().1.clone();
                    (fields.into_iter().map(|(name, _)| name).collect(), told)
                }
            };
            let is_known = |name: &String| name == "time" || FIELDS.contains(&&**name);
            assert!(names.iter().all(is_known), "{line}");
            assert_eq!(told, status.to_string(), "{line}");
        }
    }
}

#[tokio::test]
async fn a_text_line_has_the_same_fields_in_their_order() {
    let endpoint = Endpoint::start(|_| ok("fine")).await;
    let (sink, _, options) = logging(AccessLogFormat::Text);
    let mut pool = pool(&[endpoint.address]);
    pool.backends[0].origin = "shop/web:80".into();
    pool.backends[0].endpoints[0].zone = Some("a".into());
    pool.backends[0].endpoints[0].region = Some(RegionName("eu west".into()));
    let rig = Rig::with(pool, route(), options);
    let answer = rig.client().await.get("/a=b").await;
    assert_eq!(answer.status, 200);
    while sink.lines().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let fields = parse_text(&sink.lines()[0]);
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let expected: Vec<_> =
        ["time"].into_iter().chain(FIELDS).filter(|name| *name != "reason").collect();
    assert_eq!(names, expected);
    assert!(fields[0].1.parse::<jiff::Timestamp>().is_ok(), "{fields:?}");
    let value = |name: &str| &*fields.iter().find(|(found, _)| found == name).unwrap().1;
    assert_eq!(
        ["client", "host", "path", "status", "pool"].map(value),
        ["127.0.0.1", "test.example", "/a=b", "200", "default/test"]
    );
    assert_eq!(["backend", "zone", "region"].map(value), ["shop/web:80", "a", "eu west"]);
}

#[tokio::test]
async fn a_sink_that_blocks_costs_lines_and_no_request() {
    const CLIENTS: usize = 4;
    const EACH: usize = 3_000;
    let (sink, metrics, options) = logging(AccessLogFormat::Json);
    sink.is_shut.store(true, Ordering::SeqCst);
    let rig = Rig::with(pool(&[]), route(), options);
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = rig.client().await;
        clients.push(tokio::spawn(async move {
            for _ in 0..EACH {
                assert_eq!(client.get("/").await.status, 503);
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(sink.lines().len(), 0, "nothing was written, and all were answered");
    let dropped = || {
        let text = metrics.encode();
        let line = text.lines().find_map(|l| l.strip_prefix("weir_access_log_dropped_total "));
        line.unwrap().parse::<usize>().unwrap()
    };
    assert!(dropped() > 0);
    sink.is_shut.store(false, Ordering::SeqCst);
    sink.json(CLIENTS * EACH - dropped()).await;
    assert_eq!(sink.lines().len() + dropped(), CLIENTS * EACH, "each is written or counted");
}
