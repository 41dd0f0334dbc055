//! An API server that does what a test wants, over a real socket.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

#[derive(Clone)]
pub(super) struct FakeServer {
    pub(super) client: kube::Client,
    pub(super) port: u16,
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
struct World {
    /// Objects by plural and name; a plural that is not here has no CRD.
    objects: BTreeMap<String, BTreeMap<String, Value>>,
    watches: Vec<(String, mpsc::UnboundedSender<String>)>,
    is_down: bool,
    is_unavailable: bool,
    refused: BTreeSet<String>,
    lists: usize,
}

impl FakeServer {
    pub(super) async fn start(plurals: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let uri = format!("http://{address}").parse().unwrap();
        let client = super::client(kube::Config::new(uri)).unwrap();
        let world = Arc::new(Mutex::new(World::default()));
        let serving = Arc::clone(&world);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        let server = Self { client, port: address.port(), world };
        for plural in plurals {
            server.install(plural);
        }
        server
    }

    /// Makes a kind known, as a CRD does.
    pub(super) fn install(&self, plural: &str) {
        self.world.lock().objects.entry(plural.to_owned()).or_default();
    }

    /// Stores an object, and tells it to those who watch.
    pub(super) fn put(&self, plural: &str, object: &Value) {
        self.put_silently(plural, object);
        self.tell(plural, &json!({ "type": "MODIFIED", "object": object }).to_string());
    }

    /// Stores an object without a word, as in a gap between two watches.
    pub(super) fn put_silently(&self, plural: &str, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let mut world = self.world.lock();
        world.objects.get_mut(plural).unwrap().insert(name, object.clone());
    }

    /// Removes an object without a word.
    pub(super) fn remove_silently(&self, plural: &str, name: &str) {
        self.world.lock().objects.get_mut(plural).unwrap().remove(name).unwrap();
    }

    /// Sends a line to those who watch.
    pub(super) fn tell(&self, plural: &str, line: &str) {
        let mut world = self.world.lock();
        world.watches.retain(|(of, watch)| of != plural || watch.send(format!("{line}\n")).is_ok());
    }

    /// Waits until somebody watches.
    pub(super) async fn watched(&self, plural: &str) {
        while !self.world.lock().watches.iter().any(|(of, w)| of == plural && !w.is_closed()) {
            tokio::task::yield_now().await;
        }
    }

    /// Breaks every watch and every answer from now on, or ends that.
    pub(super) fn set_down(&self, is_down: bool) {
        let mut world = self.world.lock();
        world.is_down = is_down;
        world.watches.clear();
    }

    /// Answers as a balancer that has no server behind it from now on, or ends that.
    pub(super) fn set_unavailable(&self, is_unavailable: bool) {
        let mut world = self.world.lock();
        world.is_unavailable = is_unavailable;
        world.watches.clear();
    }

    /// Forbids a kind from now on, or allows it.
    pub(super) fn set_refused(&self, plural: &str, is_refused: bool) {
        let mut world = self.world.lock();
        if is_refused {
            world.refused.insert(plural.to_owned());
            world.watches.retain(|(of, _)| of != plural);
        } else {
            world.refused.remove(plural);
        }
    }

    pub(super) fn lists(&self) -> usize {
        self.world.lock().lists
    }
}

async fn serve(mut stream: TcpStream, world: Arc<Mutex<World>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.split(' ').nth(1)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let plural = path.rsplit('/').next()?.to_owned();
    let (status, body, watch) = answer(&plural, query, &world)?;
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    if let Some(mut lines) = watch {
        while let Some(line) = lines.recv().await {
            stream.write_all(line.as_bytes()).await.ok()?;
        }
    }
    stream.shutdown().await.ok()
}

type Answer = (&'static str, String, Option<mpsc::UnboundedReceiver<String>>);

fn answer(plural: &str, query: &str, world: &Mutex<World>) -> Option<Answer> {
    let mut world = world.lock();
    if world.is_down {
        return None;
    }
    if world.is_unavailable {
        return Some(("503 Service Unavailable", "no healthy upstream".to_owned(), None));
    }
    if world.refused.contains(plural) {
        let status = json!({ "kind": "Status", "status": "Failure", "code": 403,
            "reason": "Forbidden", "message": format!("{plural} is forbidden") });
        return Some(("403 Forbidden", status.to_string(), None));
    }
    let Some(objects) = world.objects.get(plural) else {
        let status = json!({ "kind": "Status", "status": "Failure", "code": 404,
            "reason": "NotFound", "message": "the server could not find the requested resource" });
        return Some(("404 Not Found", status.to_string(), None));
    };
    if query.contains("watch=true") {
        let (sender, lines) = mpsc::unbounded_channel();
        world.watches.push((plural.to_owned(), sender));
        return Some(("200 OK", String::new(), Some(lines)));
    }
    let wanted = query.split('&').find_map(|p| p.strip_prefix("fieldSelector=metadata.name%3D"));
    let items = objects.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == **name));
    let items: Vec<&Value> = items.map(|(_, object)| object).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List",
        "metadata": { "resourceVersion": "1" }, "items": items });
    world.lists += 1;
    Some(("200 OK", list.to_string(), None))
}
