//! A panic while a request is answered, over real sockets.

use std::io::Write;

use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use super::super::access_log::{AccessLog, AccessLogFormat, Target};
use super::super::options::Options;
use super::super::places::Places;
use super::super::record::{Logged, Record};
use super::super::worker::{Phase, Shared};
use super::*;
use crate::metrics::Metrics;
use crate::table::TableHandle;

/// Answers everything, and panics at `/panic`.
#[derive(Clone, Copy)]
struct Faulty;

impl Handler for Faulty {
    async fn answer(
        self,
        client: &Rc<Client>,
        parts: Box<request::Parts>,
        _: ClientBody,
        _: Option<Upgrade>,
    ) -> Response<AnswerBody> {
        let mut record = Record::begin(&client.worker, &client.watch, &parts.method, parts.version);
        record.logged = Some(Box::new(Logged {
            client: client.peer.ip(),
            host: "a".into(),
            path: parts.uri.path().into(),
            request_id: "1".into(),
            target: Target::default(),
            attempts: 0,
        }));
        assert_ne!(parts.uri.path(), "/panic", "as the test wants");
        record.status = 200;
        Response::new(AnswerBody::text(Bytes::from_static(b"ok"), record))
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn ask(stream: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok") && stream.read_buf(&mut answer).await.unwrap_or(0) > 0 {}
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_panic_costs_one_connection_or_stream_and_is_counted() {
    let metrics = Metrics::new(1);
    metrics.count_panics();
    let lines = Lines::default();
    let log = AccessLog::start(AccessLogFormat::Text, Arc::clone(&metrics), lines.clone());
    let options = Options { access_log: Some(log.unwrap()), ..Options::default() };
    let (_phase, phase) = watch::channel(Phase::Serving);
    let (table, wanted) = (TableHandle::default(), Box::new([Notify::new()]));
    let counted = Arc::clone(&metrics);
    let per_client = Arc::default();
    let places = Places::new(options.max_connections);
    let shared = Shared { options, table, metrics, phase, wanted, places, per_client };
    let worker = Worker::new(0, Arc::new(shared));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stats = counted.listener("http");
    let local = tokio::task::LocalSet::new();
    local.spawn_local(super::super::wheel::run());
    local.spawn_local(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let client = Client::new(&worker, &stats, peer, 80, false);
            tokio::task::spawn_local(serve(stream, client, Faulty));
        }
    });
    let panics = || {
        let text = counted.encode();
        let line = text.lines().find_map(|line| line.strip_prefix("weir_panics_total "));
        line.unwrap().parse::<f64>().unwrap()
    };
    let asked = async {
        let mut other = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut other, "/").await.starts_with("HTTP/1.1 200 "));
        let mut faulty = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(&mut faulty, "/panic").await, "", "closed without an answer");
        assert_eq!(panics(), 1.0);
        assert!(ask(&mut other, "/").await.ends_with("ok"), "what is open stays");

        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let get = |path: &str| {
            let uri = format!("http://a{path}");
            Request::builder().method(Method::GET).uri(uri).body(Empty::<Bytes>::new()).unwrap()
        };
        let (faulty, other) =
            (sender.send_request(get("/panic")), sender.send_request(get("/other")));
        assert!(faulty.await.is_err(), "the stream is reset");
        let body = other.await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "ok", "the other stream goes on");
        assert_eq!(panics(), 2.0);
    };
    local.run_until(asked).await;
    let logged = || String::from_utf8(lines.0.lock().clone()).unwrap();
    while logged().lines().count() < 5 {
        tokio::task::yield_now().await;
    }
    let of_panics = logged().matches("path=/panic protocol=").count();
    assert_eq!((of_panics, logged().matches(" reason=internal ").count()), (2, 2), "{}", logged());
}
