//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::{
    HeaderArg, LimitArgs, ObjectArg, parse_address, parse_controller, parse_duration, parse_lease,
    parse_network, parse_share,
};

/// Weir: a Kubernetes-native ingress controller and load balancer.
///
/// Exit codes: 0 done, 1 refused input or failure, 2 wrong usage.
#[derive(Parser, Debug)]
#[command(name = "weir", version, propagate_version = true, max_term_width = 100)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Command is what to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve traffic: in a cluster, or from a directory of manifests
    Run(Box<RunArgs>),
    /// Try Weir with simulated backends: no cluster, no root, loopback only
    Demo(DemoArgs),
    /// Run one simulated backend
    Backend(BackendArgs),
    /// Check manifests: the same verdicts as in the cluster, CEL rules included
    Check(CheckArgs),
    /// Say which route, rule and endpoint a request gets, and why not the others
    Explain(ExplainArgs),
    /// Send a request until it is answered as expected, where there is no curl
    Probe(ProbeArgs),
    /// Print the CRDs as YAML
    Crds,
}

/// RunArgs are the flags of `weir run`; each is also an environment variable `WEIR_...`.
#[derive(Parser, Debug, Clone)]
pub struct RunArgs {
    /// Read manifests (YAML or JSON) from this directory instead of a cluster, and again when it
    /// changes
    #[arg(long, env = "WEIR_MANIFESTS", value_name = "DIR")]
    pub manifests: Option<PathBuf>,

    /// Address for clear-text HTTP/1.1 and h2c; default 0.0.0.0:8080, or 127.0.0.1:8080 with
    /// --manifests
    #[arg(long, env = "WEIR_HTTP", value_name = "ADDR", value_parser = parse_address)]
    pub http: Option<SocketAddr>,

    /// Address for HTTPS; default 0.0.0.0:8443, or 127.0.0.1:8443 with --manifests. Without a
    /// certificate its handshakes are refused
    #[arg(long, env = "WEIR_HTTPS", value_name = "ADDR", value_parser = parse_address)]
    pub https: Option<SocketAddr>,

    /// Address for metrics, probes and the status page; default 0.0.0.0:9090, or 127.0.0.1:9090
    /// with --manifests
    #[arg(long, env = "WEIR_ADMIN", value_name = "ADDR", value_parser = parse_address)]
    pub admin: Option<SocketAddr>,

    /// Worker threads that serve traffic; default one per core
    #[arg(long, env = "WEIR_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,

    /// One line per request on standard output
    #[arg(long, env = "WEIR_ACCESS_LOG", value_enum, default_value = "off")]
    pub access_log: AccessLog,

    /// Form of Weir's own log on standard error
    #[arg(long, env = "WEIR_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// Least severe level that is logged: error, warn, info, debug, or per module as in
    /// weir::source=debug,info
    #[arg(long, env = "WEIR_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,

    /// Zone that Weir runs in, for locality; in a cluster it is read from the node
    #[arg(long, env = "WEIR_ZONE")]
    pub zone: Option<String>,

    /// Region that Weir runs in, for locality; in a cluster it is read from the node
    #[arg(long, env = "WEIR_REGION")]
    pub region: Option<String>,

    /// The most trusted proxies in front of Weir: the client's address is that many places from the
    /// right end of X-Forwarded-For, as far as proxies of --trusted-networks stand there. 0 trusts nobody
    /// and replaces the header
    #[arg(long, env = "WEIR_TRUSTED_HOPS", value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=16))]
    pub trusted_hops: u8,

    /// Networks of these proxies, comma separated. Who connects from elsewhere is a client whatever it
    /// says; 0.0.0.0/0,::/0 believes everybody who reaches the port
    #[arg(long, env = "WEIR_TRUSTED_NETWORKS", value_name = "CIDR", value_delimiter = ',', value_parser = parse_network)]
    pub trusted_networks: Vec<IpNet>,

    /// Networks whose connections begin with a PROXY protocol header (v1 or v2), comma separated
    #[arg(long, env = "WEIR_PROXY_PROTOCOL", value_name = "CIDR", value_delimiter = ',', value_parser = parse_network)]
    pub proxy_protocol: Vec<IpNet>,

    /// MaxMind DB file that says where clients are, for locality by client region
    #[arg(long, env = "WEIR_GEOIP_DATABASE", value_name = "FILE")]
    pub geoip_database: Option<PathBuf>,

    /// File whose content is the key of session cookies and headers; the same on every replica.
    /// Without it sessions are opaque but could be made by anybody who knows an endpoint's address
    #[arg(long, env = "WEIR_SESSION_KEY_FILE", value_name = "FILE")]
    pub session_key_file: Option<PathBuf>,

    /// File with the keys of TLS session tickets, so that a session can be resumed on any replica: a
    /// key a line, base64 of at least 32 random bytes (`openssl rand -base64 48`), the newest first. The
    /// first seals, all open; it is read again when it changes. Without it each process has its own
    #[arg(long, env = "WEIR_TLS_TICKET_KEY_FILE", value_name = "FILE")]
    pub tls_ticket_key_file: Option<PathBuf>,

    /// Whether answers that Weir itself makes carry their reason in the header x-weir-reason
    #[arg(long, env = "WEIR_REASON_HEADER", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub reason_header: bool,

    /// After SIGTERM: how long new connections are still accepted, until everybody has noticed
    #[arg(long, env = "WEIR_DRAIN_DELAY", value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub drain_delay: Duration,

    /// After that: how long requests in flight may still take
    #[arg(long, env = "WEIR_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub drain_timeout: Duration,

    /// Endpoints that get metrics of their own; those above are counted together per pool
    #[arg(long, env = "WEIR_METRICS_ENDPOINT_LIMIT", value_name = "N", default_value_t = 2000)]
    pub metrics_endpoint_limit: usize,

    /// What clients may ask.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// Watch only this namespace
    #[arg(long, env = "WEIR_WATCH_NAMESPACE", value_name = "NAMESPACE")]
    pub watch_namespace: Option<String>,

    /// Class of the Ingresses that are served, where there is no IngressClass of that name; one that
    /// is there decides by its controller
    #[arg(long, env = "WEIR_INGRESS_CLASS", value_name = "NAME", default_value = "weir")]
    pub ingress_class: String,

    /// Controller that IngressClasses name whose Ingresses are served. Of several releases of Weir in
    /// a cluster each needs one of its own
    #[arg(
        long,
        env = "WEIR_CONTROLLER",
        value_name = "NAME",
        default_value = "weir.dev/ingress-controller",
        value_parser = parse_controller
    )]
    pub controller: String,

    /// Service whose addresses the status of Ingresses gets: those of its load balancer, else its
    /// external ones, else those in the cluster
    #[arg(long, env = "WEIR_PUBLISH_SERVICE", value_name = "NAMESPACE/NAME")]
    pub publish_service: Option<ObjectArg>,

    /// Addresses or hostnames that the status of Ingresses gets instead of those of a Service, comma
    /// separated. With neither flag that status is not written
    #[arg(long, env = "WEIR_PUBLISH_ADDRESS", value_name = "ADDR", value_delimiter = ',')]
    pub publish_address: Vec<String>,

    /// Namespace of the lease that decides which replica writes status
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "weir-system")]
    pub namespace: String,

    /// Name of that lease. Of several releases in one namespace each needs one of its own
    #[arg(long, env = "WEIR_LEASE", value_name = "NAME", default_value = "weir-status", value_parser = parse_lease)]
    pub lease: String,

    /// Name of this replica
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub pod_name: Option<String>,

    /// Address of this replica's pod: endpoints at its own ports are never dialled
    #[arg(long, env = "POD_IP", value_name = "IP")]
    pub pod_ip: Option<IpAddr>,

    /// Node that Weir runs on, to read its zone and region
    #[arg(long, env = "NODE_NAME", value_name = "NAME")]
    pub node_name: Option<String>,
}

/// AccessLog is the form of the access log.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// None.
    Off,
    /// One line of text a request.
    Text,
    /// One JSON object a request.
    Json,
}

/// LogFormat is the form of Weir's own log.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// DemoArgs are the flags of `weir demo`.
#[derive(Parser, Debug, Clone)]
pub struct DemoArgs {
    /// Address for HTTP; another port is taken where this one is in use
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR", value_parser = parse_address)]
    pub http: SocketAddr,

    /// Address for metrics and the status page; another port is taken where this one is in use
    #[arg(long, default_value = "127.0.0.1:9090", value_name = "ADDR", value_parser = parse_address)]
    pub admin: SocketAddr,

    /// Send one request per strategy, print the answers and leave
    #[arg(long)]
    pub exit: bool,
}

/// BackendArgs are the flags of `weir backend`.
#[derive(Parser, Debug, Clone)]
pub struct BackendArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub listen: SocketAddr,

    /// Name that answers carry
    #[arg(long)]
    pub name: String,

    /// Time before each answer
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub latency: Duration,

    /// Most that the time varies, either way
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub jitter: Duration,

    /// Share of requests answered 500, 0 to 1
    #[arg(long, default_value_t = 0.0, value_parser = parse_share, allow_negative_numbers = true)]
    pub error_rate: f64,

    /// Zone that answers carry
    #[arg(long)]
    pub zone: Option<String>,

    /// Region that answers carry
    #[arg(long)]
    pub region: Option<String>,
}

/// CheckArgs are the flags of `weir check`.
#[derive(Parser, Debug, Clone)]
pub struct CheckArgs {
    /// Manifests, or directories of them
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,

    /// Judge as in a cluster, where loopback addresses are refused, instead of standalone
    #[arg(long)]
    pub cluster: bool,
}

/// ExplainArgs are the flags of `weir explain`.
#[derive(Parser, Debug, Clone)]
pub struct ExplainArgs {
    /// Method
    pub method: String,

    /// URL, for instance `https://shop.example.com/cart`
    pub url: String,

    /// A header, as curl takes it; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<HeaderArg>,

    /// Address of the client
    #[arg(long, default_value = "127.0.0.1", value_name = "IP")]
    pub client_ip: IpAddr,

    /// Explain what these manifests would do
    #[arg(long, value_name = "DIR", conflicts_with = "admin")]
    pub manifests: Option<PathBuf>,

    /// Ask a running Weir at its admin address; default http://127.0.0.1:9090
    #[arg(long, value_name = "URL")]
    pub admin: Option<String>,

    /// Zone that Weir would run in
    #[arg(long)]
    pub zone: Option<String>,

    /// Region that Weir would run in
    #[arg(long)]
    pub region: Option<String>,

    /// MaxMind DB file that says where clients are
    #[arg(long, value_name = "FILE")]
    pub geoip_database: Option<PathBuf>,
}

/// ProbeArgs are the flags of `weir probe`.
#[derive(Parser, Debug, Clone)]
pub struct ProbeArgs {
    /// Where to send GET, for instance `http://127.0.0.1:8080/`
    pub url: String,

    /// A header, as curl takes it; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<HeaderArg>,

    /// Status that is expected
    #[arg(long, default_value_t = 200, value_name = "CODE", value_parser = clap::value_parser!(u16).range(100..=599))]
    pub status: u16,

    /// Text that the body must contain
    #[arg(long, value_name = "TEXT")]
    pub contains: Option<String>,

    /// How long to try again; 0s tries once
    #[arg(long, default_value = "0s", value_name = "DURATION", value_parser = parse_duration)]
    pub within: Duration,

    /// How long one try may take
    #[arg(long, default_value = "5s", value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Duration,
}
