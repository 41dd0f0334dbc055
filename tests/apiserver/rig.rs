//! What all tests here share: one API server with the CRD, and waiting with a deadline.

use std::future::Future;
use std::time::Duration;

use http::{Method, Request};
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::apiserver::{ApiServer, Options, assets_or_skip};

/// No test waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(60);

/// Returns the API server that the tests share, with the CRD; or says `skipped`.
///
/// It ends with the process.
pub async fn server() -> Option<&'static ApiServer> {
    static SHARED: OnceCell<ApiServer> = OnceCell::const_new();
    assets_or_skip()?;
    let start = async {
        let server = ApiServer::start(Options::default()).await.expect("it starts");
        install_crds(&server).await;
        server
    };
    Some(SHARED.get_or_init(|| start).await)
}

/// Applies the CRDs and waits until they can be used.
pub async fn install_crds(server: &ApiServer) {
    let text = weir::api::crds_yaml().expect("the CRDs are YAML");
    let said = server.kubectl(["apply", "-f", "-"], Some(&text)).await.expect("it is applied");
    let warnings = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(warnings, "", "kubectl warns");
    let wait =
        ["wait", "--for=condition=Established", "--timeout=60s", "crd/backendpools.weir.dev"];
    server.kubectl(wait, None).await.expect("it is established");
}

/// Creates an object; unknown fields are errors.
pub async fn create(client: &Client, path: &str, object: &Value) -> Result<Value, kube::Error> {
    let separator = if path.contains('?') { '&' } else { '?' };
    send(client, Method::POST, &format!("{path}{separator}fieldValidation=Strict"), object).await
}

/// Sends a JSON request.
pub async fn send(
    client: &Client,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<Value, kube::Error> {
    let kind =
        if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder().method(method).uri(path).header("content-type", kind);
    client.request(request.body(body.to_string().into_bytes()).expect("a request")).await
}

/// Makes a namespace.
pub async fn namespace(client: &Client, name: &str) {
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    create(client, "/api/v1/namespaces", &object).await.expect("the namespace is made");
}

/// Waits for something, up to the deadline.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited for {what}"))
}
