//! The way to an API server: connections that are given up when they lead nowhere.

use std::time::Duration;

use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use tower::{BoxError, ServiceExt};

/// How long opening a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection may be silent that something is expected of: longer than a watch may be,
/// so that a server that hangs is noticed and no other.
const READ: Duration = Duration::from_secs(65);
/// How long a connection is silent before the kernel asks whether the other side is still there.
const PROBE_AFTER: Duration = Duration::from_secs(10);
/// Time between two such questions.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// How long what was sent may stay unacknowledged. Without this bound a connection through a
/// network that was away for a minute is used again only after the kernel's growing pauses.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);

/// Returns a client that notices within 25 seconds that its server cannot be reached any more.
///
/// Nothing is repeated behind the caller's back: whoever asks has pauses of its own, and says what
/// the trouble is.
///
/// # Errors
/// Where the configuration cannot be used: certificates, credentials, proxies.
pub fn client(mut config: Config) -> Result<Client, kube::Error> {
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(READ);
    if config.proxy_url.is_some() {
        return Client::try_from(config);
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(PROBE_AFTER));
    tcp.set_keepalive_interval(Some(PROBE_EVERY));
    tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    let http: HttpClient<_, Body> = HttpClient::builder(TokioExecutor::new()).build(connector);
    let http = http.map_err(BoxError::from);
    let client = ClientBuilder::new(http, config.default_namespace.clone())
        .with_layer(&config.extra_headers_layer()?);
    let base = config.base_uri_layer();
    Ok(match config.auth_layer()? {
        Some(credentials) => client.with_layer(&credentials).with_layer(&base).build(),
        None => client.with_layer(&base).build(),
    })
}
