//! The data side: its options, from the flags.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;

use crate::config::{AccessLog as AccessLogMode, ByteSize, LimitArgs, RunArgs};
use crate::metrics::Metrics;
use crate::proxy;
use crate::proxy::access_log::{AccessLog, AccessLogFormat};
use crate::table::TableHandle;
use crate::tls::ServerTls;
use crate::upstream::GeoIp;

/// Returns how many threads serve.
pub(super) fn workers(args: &RunArgs) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    args.workers.map_or(cores, usize::from)
}

/// Returns where to listen when no flag says it.
pub(super) fn default_address(args: &RunArgs, port: u16) -> SocketAddr {
    let ip = if args.manifests.is_some() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    SocketAddr::new(IpAddr::V4(ip), port)
}

/// Starts the workers.
///
/// # Errors
/// Where an address is taken.
pub(super) fn spawn(
    args: &RunArgs,
    table: &TableHandle,
    metrics: &Arc<Metrics>,
    tls: &Arc<ServerTls>,
    geo: Option<Arc<GeoIp>>,
) -> anyhow::Result<proxy::Handle> {
    let format = match args.access_log {
        AccessLogMode::Off => None,
        AccessLogMode::Text => Some(AccessLogFormat::Text),
        AccessLogMode::Json => Some(AccessLogFormat::Json),
    };
    let access_log = format
        .map(|format| AccessLog::start(format, Arc::clone(metrics), std::io::stdout()))
        .transpose()
        .context("cannot start the access log")?;
    let mut options = proxy::Options {
        http: Some(args.http.unwrap_or_else(|| default_address(args, 8080))),
        https: Some(args.https.unwrap_or_else(|| default_address(args, 8443))),
        workers: workers(args),
        is_held: true,
        trusted: proxy::Trusted {
            hops: args.trusted_hops,
            networks: args.trusted_networks.clone(),
        },
        proxy_protocol: args.proxy_protocol.clone(),
        reason_header: args.reason_header,
        access_log,
        geoip: geo,
        tls: Some(Arc::clone(tls)),
        limits: client_limits(&args.limits),
        ..proxy::Options::default()
    };
    if args.limits.max_connections_per_client > 0 {
        options.max_connections_per_client = Some(args.limits.max_connections_per_client as usize);
    }
    if args.limits.max_connections_per_listener > 0 {
        let most = args.limits.max_connections_per_listener;
        options.max_connections_per_listener = Some(most.into());
    }
    if args.limits.max_connections > 0 {
        options.max_connections = args.limits.max_connections as usize;
    }
    Ok(proxy::spawn(options, table.clone(), Arc::clone(metrics))?)
}

/// Returns what the flags say of what one client may ask.
fn client_limits(args: &LimitArgs) -> proxy::ClientLimits {
    let size = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
    proxy::ClientLimits {
        head_timeout: args.header_timeout,
        handshake_timeout: args.handshake_timeout,
        idle_timeout: args.keep_alive_timeout,
        progress: proxy::Progress { timeout: args.client_timeout, rate: args.client_min_rate },
        max_head_bytes: size(args.max_header_bytes),
        max_fields: args.max_headers.into(),
        max_target_bytes: size(args.max_target_bytes),
        max_streams: args.max_streams,
        frames: proxy::FrameLimits { control: args.max_control_frames, resets: args.max_resets },
        max_requests: args.max_requests_per_connection,
        max_body_bytes: Some(args.max_request_body_bytes.0).filter(|most| *most > 0),
    }
}
