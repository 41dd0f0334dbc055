//! What the process says to the data path.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::access_log::AccessLog;
use super::client::Trusted;
use super::pace::Progress;
use super::pressure::Pressure;
use crate::tls::ServerTls;
use crate::upstream::GeoIp;

/// Options are what the process says to the data path. They do not change while it runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where clear-text clients connect; port 0 is any. Default is none.
    pub http: Option<SocketAddr>,
    /// Where TLS clients connect, if `tls` is given; port 0 is any. Default is none.
    pub https: Option<SocketAddr>,
    /// Certificates and settings of TLS. Default is none.
    pub tls: Option<Arc<ServerTls>>,
    /// Threads. Default is 1.
    pub workers: usize,
    /// Whether connections wait to be accepted until [`Opener::open`](super::Opener::open): before the
    /// first table every answer would be a wrong 404. Default is no.
    pub is_held: bool,
    /// Proxies in front of this one that forward the client's address truthfully. Default is none.
    pub trusted: Trusted,
    /// Peers that begin each connection with a PROXY protocol header. Default is none.
    pub proxy_protocol: Vec<IpNet>,
    /// Whether answers that Weir makes itself say why in `x-weir-reason`. Default is yes.
    pub reason_header: bool,
    /// Where access log lines go. Default is nowhere.
    pub access_log: Option<AccessLog>,
    /// Where addresses are on the earth. Default is unknown.
    pub geoip: Option<Arc<GeoIp>>,
    /// Connections of clients at once, over all workers. Default is 65,536.
    pub max_connections: usize,
    /// Connections at once of one client, over all workers; of version 6, of its network of 64 bits.
    /// Default is no limit.
    pub max_connections_per_client: Option<usize>,
    /// Connections at once of one listener, over all workers; so many more at most as there are workers.
    /// Default is no limit.
    pub max_connections_per_listener: Option<u64>,
    /// How much memory is in use. Default is little.
    pub pressure: Arc<Pressure>,
    /// Bounds towards each client.
    pub limits: ClientLimits,
    /// Who reads HTTP/1.1 from clients. Default is our own codec.
    pub http1: Http1Codec,
}

/// Http1Codec says who reads HTTP/1.1 from clients. Both must give every client the same; tests
/// compare them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Http1Codec {
    /// Our own: buffers are shared by the connections of a worker.
    #[default]
    Own,
    /// Hyper's.
    Hyper,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            http: None,
            https: None,
            tls: None,
            workers: 1,
            is_held: false,
            trusted: Trusted::default(),
            proxy_protocol: Vec::new(),
            reason_header: true,
            access_log: None,
            geoip: None,
            max_connections: 65_536,
            max_connections_per_client: None,
            max_connections_per_listener: None,
            pressure: Arc::default(),
            limits: ClientLimits::default(),
            http1: Http1Codec::default(),
        }
    }
}

/// ClientLimits bound what one client may ask of this process.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    /// From the first byte of a request to the end of its head, and of a PROXY header. Default is
    /// 10 s.
    pub head_timeout: Duration,
    /// From the begin to the end of a TLS handshake. Default is 10 s.
    pub handshake_timeout: Duration,
    /// Time that a connection may wait for its next request. Default is 75 s.
    pub idle_timeout: Duration,
    /// The least that a client must send of a body, and take of an answer.
    pub progress: Progress,
    /// Length of a request's head over HTTP/1.1, and of its fields over HTTP/2. Default is 64 KiB.
    pub max_head_bytes: usize,
    /// Fields of a request's head, crumbs of cookies counted one by one; 256 at most. Default is 100.
    pub max_fields: usize,
    /// Length of a request's target. Default is 16 KiB.
    pub max_target_bytes: usize,
    /// Requests at once in one HTTP/2 connection. Default is 100.
    pub max_streams: u32,
    /// Frames of HTTP/2 that bring nothing.
    pub frames: FrameLimits,
    /// Requests of one connection, after which it ends. Default is 10,000.
    pub max_requests: u32,
    /// Length of a request's body, where its pool says nothing. Default is no limit.
    pub max_body_bytes: Option<u64>,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            progress: Progress::default(),
            max_head_bytes: 64 * 1024,
            max_fields: 100,
            max_target_bytes: 16 * 1024,
            max_streams: 100,
            frames: FrameLimits::default(),
            max_requests: 10_000,
            max_body_bytes: None,
        }
    }
}

/// FrameLimits bound frames of one HTTP/2 connection that bring nothing: so many in a second, and at
/// most those of ten seconds at once.
#[derive(Clone, Copy, Debug)]
pub struct FrameLimits {
    /// PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA and frames that nobody knows, beyond one for
    /// every 8 bytes that the client takes. Default is 100.
    pub control: u32,
    /// RST_STREAM: requests that the client gives up. Default is 100.
    pub resets: u32,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { control: 100, resets: 100 }
    }
}
