//! The writer against a pretended API server.

use std::collections::BTreeMap;
use std::convert::Infallible;

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::super::elect::{LeaseOptions, elect};
use super::*;
use crate::api::{ConditionReason, ConditionType, UpdatedCondition};

/// Server keeps JSON objects by path and checks versions as the real one does.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Value>,
    version: u64,
    requests: Vec<(Method, String, Instant)>,
    /// Answers these codes to writes, one after another, before it works.
    refusals: Vec<u16>,
}

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower_service(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let (code, value) = server.answer(&head.method, head.uri.path(), &body);
                let body = Body::from(serde_json::to_vec(&value).unwrap());
                let mut response = Response::new(body);
                *response.status_mut() = StatusCode::from_u16(code).unwrap();
                Ok::<_, Infallible>(response)
            }
        });
        Client::new(service, "default")
    }

    fn put_pool(&self, name: &str, status: Value) {
        let mut inner = self.0.lock();
        inner.version += 1;
        let object = json!({
            "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPool",
            "metadata": { "name": name, "namespace": "shop", "resourceVersion": inner.version.to_string() },
            "spec": { "backends": [{ "service": { "name": "web", "port": 80 } }] },
            "status": status,
        });
        inner.objects.insert(path(name), object);
    }

    fn conditions(&self, name: &str) -> BTreeMap<String, String> {
        let inner = self.0.lock();
        let Some(object) = inner.objects.get(&path(name)) else { return BTreeMap::new() };
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        conditions.iter().map(|c| (text(&c["type"]), text(&c["status"]))).collect()
    }

    fn writes(&self) -> Vec<Instant> {
        let inner = self.0.lock();
        inner.requests.iter().filter(|r| r.0 == Method::PATCH).map(|r| r.2).collect()
    }

    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
        let mut inner = self.0.lock();
        inner.requests.push((method.clone(), path.to_owned(), Instant::now()));
        let path = path.trim_end_matches("/status").to_owned();
        if *method != Method::GET && !inner.refusals.is_empty() {
            let code = inner.refusals.remove(0);
            return refuse(code);
        }
        if path.ends_with("/backendpools") {
            let items: Vec<Value> = inner.objects.values().cloned().collect();
            return (
                200,
                json!({ "apiVersion": "weir.dev/v1alpha1", "kind": "BackendPoolList", "metadata": {}, "items": items }),
            );
        }
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        inner.version += 1;
        let version = json!(inner.version.to_string());
        if *method == Method::POST {
            let path = format!("{path}/{}", sent["metadata"]["name"].as_str().unwrap());
            if inner.objects.contains_key(&path) {
                return refuse(409);
            }
            let mut object = sent;
            object["metadata"]["resourceVersion"] = version;
            inner.objects.insert(path, object.clone());
            return (201, object);
        }
        let Some(object) = inner.objects.get_mut(&path) else { return refuse(404) };
        if *method == Method::GET {
            return (200, object.clone());
        }
        let based_on = &sent["metadata"]["resourceVersion"];
        if !based_on.is_null() && *based_on != object["metadata"]["resourceVersion"] {
            return refuse(409);
        }
        if *method == Method::PUT {
            *object = sent;
        } else {
            object["status"] = sent["status"].clone();
        }
        object["metadata"]["resourceVersion"] = version;
        (200, object.clone())
    }
}

fn path(name: &str) -> String {
    format!("/apis/weir.dev/v1alpha1/namespaces/shop/backendpools/{name}")
}

fn refuse(code: u16) -> (u16, Value) {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        _ => "Refused",
    };
    (
        code,
        json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "no", "reason": reason, "code": code }),
    )
}

/// Makes a service of a function, which `kube::Client` takes.
fn tower_service<F, R>(answer: F) -> ServiceFn<F>
where
    F: Fn(Request<Body>) -> R,
{
    ServiceFn(answer)
}

#[derive(Clone)]
struct ServiceFn<F>(F);

impl<F, R> tower::Service<Request<Body>> for ServiceFn<F>
where
    F: Fn(Request<Body>) -> R,
    R: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = R;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> R {
        (self.0)(request)
    }
}

fn accepted(name: &str, status: bool) -> StatusUpdate {
    let condition = UpdatedCondition {
        kind: ConditionType::Accepted,
        status,
        reason: if status { ConditionReason::Accepted } else { ConditionReason::Invalid },
        message: String::new(),
    };
    let pool = ObjectKey::new("shop", name);
    StatusUpdate { pool, generation: Some(1), conditions: vec![condition], endpoints: None }
}

struct Rig {
    server: Server,
    updates: mpsc::Sender<StatusUpdate>,
    leads: watch::Sender<bool>,
}

fn start(leading: bool) -> Rig {
    let server = Server::default();
    let (updates, receiver) = mpsc::channel(100);
    let (leads, leading) = watch::channel(leading);
    tokio::spawn(run(server.client(), receiver, leading, Metrics::new(1)));
    Rig { server, updates, leads }
}

/// Lets time pass until everything that is due has been done.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn writes_what_differs_and_nothing_else() {
    let rig = start(true);
    rig.server.put_pool(
        "web",
        json!({ "conditions": [{ "type": "example.com/Audited", "status": "True",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "A", "message": "" }] }),
    );
    rig.updates.send(accepted("web", true)).await.unwrap();
    settle().await;
    let conditions = rig.server.conditions("web");
    assert_eq!(conditions["Accepted"], "True");
    assert_eq!(conditions["example.com/Audited"], "True", "is not ours to remove");
    rig.updates.send(accepted("web", true)).await.unwrap();
    settle().await;
    assert_eq!(rig.server.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_the_leader_writes_and_a_new_one_starts_with_everything() {
    let rig = start(false);
    for name in ["a", "b"] {
        rig.server.put_pool(name, Value::Null);
        rig.updates.send(accepted(name, true)).await.unwrap();
    }
    settle().await;
    assert!(rig.server.writes().is_empty());
    rig.leads.send_replace(true);
    settle().await;
    assert_eq!(rig.server.conditions("a")["Accepted"], "True");
    assert_eq!(rig.server.conditions("b")["Accepted"], "True");
    // Taking over again finds nothing to do.
    rig.leads.send_replace(false);
    settle().await;
    rig.leads.send_replace(true);
    settle().await;
    assert_eq!(rig.server.writes().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn conflicts_and_trouble_are_tried_again() {
    for code in [409, 403, 429, 500] {
        let rig = start(true);
        rig.server.put_pool("web", Value::Null);
        rig.server.0.lock().refusals = vec![code, code];
        rig.updates.send(accepted("web", true)).await.unwrap();
        settle().await;
        assert_eq!(rig.server.writes().len(), 3, "{code}");
        assert_eq!(rig.server.conditions("web")["Accepted"], "True", "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_gone_is_forgotten() {
    let rig = start(true);
    rig.updates.send(accepted("web", true)).await.unwrap();
    settle().await;
    settle().await;
    let gets = rig.server.0.lock().requests.iter().filter(|r| r.1 == path("web")).count();
    assert_eq!(gets, 1);
}

#[tokio::test(start_paused = true)]
async fn writes_are_spread_over_time() {
    let rig = start(true);
    for n in 0..30 {
        rig.server.put_pool(&format!("p{n}"), Value::Null);
        rig.updates.send(accepted(&format!("p{n}"), true)).await.unwrap();
    }
    settle().await;
    let writes = rig.server.writes();
    assert_eq!(writes.len(), 30);
    for ten in writes.windows(11) {
        assert!(ten[10] - ten[0] >= Duration::from_millis(990), "{:?}", ten[10] - ten[0]);
    }
}

#[tokio::test]
async fn a_refusal_says_what_would_be_right() {
    let (_, value) = refuse(403);
    let error = kube::Error::Api(Box::new(serde_json::from_value(value).unwrap()));
    let message = explain(&error);
    assert!(message.contains("patch on backendpools/status"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_is_replaced_when_it_stops_or_leaves() {
    let server = Server::default();
    let (stop, running) = watch::channel(false);
    let join = |identity: &str, shutdown: watch::Receiver<bool>| {
        let (leads, leading) = watch::channel(false);
        let options = LeaseOptions {
            namespace: "weir-system".into(),
            name: "weir-status".into(),
            identity: identity.into(),
        };
        (tokio::spawn(elect(server.client(), options, leads, shutdown)), leading)
    };
    let (first, mut first_leads) = join("one", running.clone());
    first_leads.wait_for(|leads| *leads).await.unwrap();
    let (_second, mut second_leads) = join("two", running.clone());
    settle().await;
    assert!(*first_leads.borrow() && !*second_leads.borrow());

    // It stops without a word.
    first.abort();
    let stopped = Instant::now();
    second_leads.wait_for(|leads| *leads).await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(20), "{:?}", stopped.elapsed());

    // A third waits; the second is told to leave, and gives the lease back.
    let (stop_third, third_running) = watch::channel(false);
    let (third, mut third_leads) = join("three", third_running);
    settle().await;
    assert!(!*third_leads.borrow());
    stop.send_replace(true);
    let left = Instant::now();
    third_leads.wait_for(|leads| *leads).await.unwrap();
    assert!(left.elapsed() < Duration::from_secs(4), "{:?}", left.elapsed());
    stop_third.send_replace(true);
    third.await.unwrap();
    assert!(!*third_leads.borrow());
}
