//! `weir run`: builds the parts, starts them, and ends them in order.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kube::api::{Api, DynamicObject};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{events, logging};
use crate::api::{ObjectKey, StatusUpdate};
use crate::config::{AccessLog as AccessLogMode, RunArgs};
use crate::metrics::Metrics;
use crate::model::RegionName;
use crate::proxy::access_log::{AccessLog, AccessLogFormat};
use crate::reconcile::{self, Reconciler};
use crate::source::file::Directory;
use crate::source::{self, State};
use crate::table::{Table, TableHandle};
use crate::tls::ServerTls;
use crate::translate;
use crate::upstream::{self, GeoIp, Pools, Surroundings};
use crate::{admin, health, proxy, status};

/// How many batches and updates may wait between two parts.
const WAITING: usize = 256;

/// Running is what others may know of a Weir that serves.
#[derive(Clone, Debug)]
pub struct Running {
    /// Where clear-text clients connect.
    pub http: SocketAddr,
    /// Where metrics and the page are.
    pub admin: SocketAddr,
    /// The table that serves.
    pub table: TableHandle,
}

/// Serves until `shutdown` says so, then drains. `started` learns the addresses.
///
/// # Errors
/// Where an address is taken, a file is not readable, or there is neither a directory of manifests
/// nor a cluster.
pub async fn run(
    args: RunArgs,
    shutdown: watch::Receiver<bool>,
    started: impl FnOnce(Running),
) -> anyhow::Result<()> {
    logging::start(&args.log, args.log_format)?;
    let origin = match &args.manifests {
        Some(path) => Origin::Directory(Directory::open(path).context("--manifests")?),
        None => Origin::Cluster(super::cluster::client().await?),
    };
    let client = origin.client();
    let workers = workers(&args);
    let metrics = Metrics::with_endpoint_limit(workers, args.metrics_endpoint_limit);
    let surroundings = surroundings(&args, client).await;
    let session_key = args.session_key_file.as_deref().map(read_key).transpose()?;
    let geo = args.geoip_database.as_deref().map(GeoIp::open).transpose()?.map(Arc::new);
    let options = upstream::Options { surroundings, session_key: session_key.unwrap_or_default() };
    let (pools, readers) = Pools::new(options, Arc::clone(&metrics));
    let table = TableHandle::new(Table::default());
    let tls = ServerTls::new()?;
    let proxy = spawn_proxy(&args, workers, &table, &metrics, &tls, geo.clone())?;
    let http = proxy.http_address().unwrap_or(default_address(&args, 8080));
    let readiness = Arc::new(admin::Readiness::default());
    let address = args.admin.unwrap_or(default_address(&args, 9090));
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("--admin {address}: cannot listen there"))?;
    let admin_address = listener.local_addr()?;
    let server = admin::run(
        listener,
        admin::Options {
            metrics: Arc::clone(&metrics),
            readiness: Arc::clone(&readiness),
            table: table.clone(),
            geoip: geo,
        },
    );
    tracing::info!(listener = "http", address = %http, "serves");
    if let Some(address) = proxy.https_address() {
        tracing::info!(listener = "https", %address, "serves");
    }
    tracing::info!(listener = "admin", address = %admin_address, "serves");
    started(Running { http, admin: admin_address, table: table.clone() });

    let mut tasks = JoinSet::new();
    let (batch_sender, batches) = mpsc::channel(WAITING);
    let (update_sender, updates) = mpsc::channel(WAITING);
    let (note_sender, notes) = mpsc::channel(WAITING);
    let (secret_sender, secrets) = watch::channel(BTreeSet::new());
    let (state_sender, state) = watch::channel(State::default());
    let standalone = translate::Options { standalone: client.is_none() };
    let reconciler =
        Reconciler::new(standalone, table.clone(), Arc::clone(&pools), Arc::clone(&metrics));
    tasks.spawn(server);
    tasks.spawn(reconcile::run(reconciler, batches, update_sender, secret_sender));
    tasks.spawn(upstream::upkeep::run(Arc::clone(&pools), readers.dirty));
    tasks.spawn(health::run(table.clone(), Arc::clone(&metrics), health::Options::default()));
    tasks.spawn(follow_certificates(table.clone(), tls));
    tasks.spawn(follow_readiness(state, table.clone(), Arc::clone(&readiness)));
    tasks.spawn(events::run(readers.events, note_sender));
    match origin {
        Origin::Cluster(client) => {
            let options = source::kubernetes::Options { namespace: args.watch_namespace.clone() };
            tasks.spawn(source::kubernetes::run(
                client.clone(),
                options,
                batch_sender,
                secrets,
                state_sender,
                Arc::clone(&metrics),
            ));
            write_status(&mut tasks, &args, client, updates, notes, &metrics, shutdown.clone());
        }
        Origin::Directory(directory) => {
            tasks.spawn(source::file::run(
                directory,
                batch_sender,
                state_sender,
                Arc::clone(&metrics),
            ));
            tasks.spawn(status::run_standalone(updates, notes));
        }
    }
    wait(shutdown, &mut tasks).await?;
    tracing::info!("draining");
    readiness.set_draining();
    proxy.drain(args.drain_delay, args.drain_timeout).await;
    tracing::info!("stopped");
    Ok(())
}

/// Origin is where objects come from.
enum Origin {
    Directory(Directory),
    Cluster(kube::Client),
}

impl Origin {
    fn client(&self) -> Option<&kube::Client> {
        match self {
            Self::Directory(_) => None,
            Self::Cluster(client) => Some(client),
        }
    }
}

/// Waits for the word to stop; a part that ends by itself before is a failure.
async fn wait(mut shutdown: watch::Receiver<bool>, tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
    tokio::select! {
        _ = shutdown.wait_for(|stop| *stop) => Ok(()),
        Some(ended) = tasks.join_next() => {
            ended.context("a part of the control side failed")?;
            anyhow::bail!("a part of the control side ended by itself")
        }
    }
}

fn write_status(
    tasks: &mut JoinSet<()>,
    args: &RunArgs,
    client: kube::Client,
    updates: mpsc::Receiver<StatusUpdate>,
    notes: mpsc::Receiver<crate::api::EventNote>,
    metrics: &Arc<Metrics>,
    shutdown: watch::Receiver<bool>,
) {
    let identity = args.pod_name.clone().unwrap_or_else(|| format!("weir-{}", std::process::id()));
    let lease = status::LeaseOptions {
        namespace: args.namespace.clone(),
        name: "weir-status".into(),
        identity: identity.clone(),
    };
    let (lead_sender, leads) = watch::channel(false);
    let elected = status::elect(client.clone(), lease, lead_sender, shutdown);
    tasks.spawn(async move {
        elected.await;
        // The election ends with the process; until then the other parts go on.
        std::future::pending::<()>().await;
    });
    tasks.spawn(status::run_writer(client.clone(), updates, leads.clone(), Arc::clone(metrics)));
    tasks.spawn(status::run_notes(client, identity, notes, leads, Arc::clone(metrics)));
}

fn workers(args: &RunArgs) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    args.workers.map_or(cores, usize::from)
}

fn default_address(args: &RunArgs, port: u16) -> SocketAddr {
    let ip = if args.manifests.is_some() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    SocketAddr::new(IpAddr::V4(ip), port)
}

fn spawn_proxy(
    args: &RunArgs,
    workers: usize,
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
        http: Some(args.http.unwrap_or(default_address(args, 8080))),
        https: Some(args.https.unwrap_or(default_address(args, 8443))),
        workers,
        trusted_hops: args.trusted_hops,
        proxy_protocol: args.proxy_protocol.clone(),
        reason_header: args.reason_header,
        access_log,
        geoip: geo,
        tls: Some(Arc::clone(tls)),
        ..proxy::Options::default()
    };
    if args.max_connections > 0 {
        options.max_connections = args.max_connections as usize;
    }
    Ok(proxy::spawn(options, table.clone(), Arc::clone(metrics))?)
}

fn read_key(path: &Path) -> anyhow::Result<Vec<u8>> {
    let key =
        std::fs::read(path).with_context(|| format!("--session-key-file {}", path.display()))?;
    anyhow::ensure!(
        key.len() >= 16,
        "--session-key-file {}: {} bytes are too few, use 32 random ones",
        path.display(),
        key.len()
    );
    Ok(key)
}

/// Returns where this process runs: from the flags, else from the labels of its node.
async fn surroundings(args: &RunArgs, client: Option<&kube::Client>) -> Surroundings {
    let (mut zone, mut region) = (args.zone.clone(), args.region.clone());
    if let (Some(client), Some(name)) = (client, &args.node_name)
        && (zone.is_none() || region.is_none())
    {
        let resource = kube::api::ApiResource::erase::<k8s_openapi::api::core::v1::Node>(&());
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        match tokio::time::timeout(Duration::from_secs(5), api.get(name)).await {
            Ok(Ok(node)) => {
                let labels = node.metadata.labels.unwrap_or_default();
                zone = zone.or_else(|| labels.get("topology.kubernetes.io/zone").cloned());
                region = region.or_else(|| labels.get("topology.kubernetes.io/region").cloned());
            }
            _ => tracing::warn!(node = %name, "cannot read the node: its zone stays unknown"),
        }
    }
    Surroundings {
        zone: zone.map(Into::into),
        region: region.map(|region| RegionName(region.into())),
    }
}

/// Gives new certificates to the TLS side as tables come.
async fn follow_certificates(table: TableHandle, tls: Arc<ServerTls>) {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let mut known = None;
    loop {
        tick.tick().await;
        let now = Arc::clone(table.load().certificates());
        if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &now)) {
            continue;
        }
        for wrong in tls.update(&now) {
            tracing::warn!("{wrong}; it is not used");
        }
        known = Some(now);
    }
}

/// Lets probes see how the source is.
async fn follow_readiness(
    mut state: watch::Receiver<State>,
    table: TableHandle,
    readiness: Arc<admin::Readiness>,
) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    loop {
        let now = state.borrow_and_update().clone();
        readiness.set_trouble(now.trouble.clone());
        if now.synced && table.load().generation() > 0 {
            readiness.set_synced();
        }
        let is_settled = !now.synced || table.load().generation() > 0;
        tokio::select! {
            changed = state.changed(), if is_settled => if changed.is_err() {
                std::future::pending::<()>().await;
            },
            _ = tick.tick(), if !is_settled => {}
        }
    }
}

/// Returns the name of a pool as objects have it.
pub(super) fn key_of(name: &crate::model::PoolName) -> ObjectKey {
    ObjectKey::new(name.namespace(), name.name())
}
