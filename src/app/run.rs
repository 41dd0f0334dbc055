//! `weir run`: builds the parts, starts them, and ends them in order.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::control_side::{self, Origin, Parts};
use super::{data_side, logging, memory, surroundings};
use crate::admin;
use crate::config::RunArgs;
use crate::metrics::Metrics;
use crate::source::file::Directory;
use crate::table::{Table, TableHandle};
use crate::tls::ServerTls;
use crate::upstream::{GeoIp, Pools};

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
    refuse_ignored(&args)?;
    let origin = match &args.manifests {
        Some(path) => Origin::Directory(Box::new(Directory::open(path).context("--manifests")?)),
        None => Origin::Cluster(super::cluster::client().await?),
    };
    let metrics =
        Metrics::with_endpoint_limit(data_side::workers(&args), args.metrics_endpoint_limit);
    metrics.count_panics();
    let options = surroundings::options(&args, origin.client()).await?;
    let place = options.surroundings.clone();
    let (pools, readers) = Pools::new(options, Arc::clone(&metrics));
    let geoip = args.geoip_database.as_deref().map(GeoIp::open).transpose();
    let geoip = geoip.context("--geoip-database")?.map(Arc::new);
    let table = TableHandle::new(Table::default());
    let tls = ServerTls::with_tickets(surroundings::tickets(args.tls_ticket_key_file.as_deref())?)?;
    let proxy = data_side::spawn(&args, &table, &metrics, &tls, geoip.clone())
        .context("--http or --https")?;
    let readiness = Arc::new(admin::Readiness::default());
    let (admin_address, server) = bind_admin(
        &args,
        admin::Options {
            metrics: Arc::clone(&metrics),
            readiness: Arc::clone(&readiness),
            table: table.clone(),
            geoip,
        },
    )
    .await?;
    let http = proxy.http_address().context("no listener for HTTP")?;
    announce(http, proxy.https_address(), admin_address);
    let listening = [Some(http), proxy.https_address(), Some(admin_address)];
    let own = surroundings::own_sockets(&args, listening.into_iter().flatten());
    started(Running { http, admin: admin_address, table: table.clone() });
    let memory = memory::watch(args.limits.memory_limit, proxy.pressure(), Arc::clone(&metrics));
    let parts = Parts {
        table,
        pools,
        readers,
        metrics,
        tls,
        readiness: Arc::clone(&readiness),
        opener: proxy.opener(),
        own,
        place,
    };
    let mut tasks = control_side::start(&args, origin, parts, shutdown.clone());
    tasks.spawn(server);
    tasks.spawn(memory);
    wait(shutdown, &mut tasks).await?;
    tracing::info!("draining");
    readiness.set_draining();
    proxy.drain(args.drain_delay, args.drain_timeout).await;
    tracing::info!("stopped");
    Ok(())
}

/// Refuses flags that mean nothing where they stand.
fn refuse_ignored(args: &RunArgs) -> anyhow::Result<()> {
    let only_in_a_cluster = [
        ("--watch-namespace", args.watch_namespace.is_some()),
        ("--publish-service", args.publish_service.is_some()),
    ];
    for (flag, is_given) in only_in_a_cluster {
        anyhow::ensure!(
            !(is_given && args.manifests.is_some()),
            "{flag} is about a cluster and does nothing with --manifests: leave it out"
        );
    }
    anyhow::ensure!(
        args.trusted_hops == 0 || !args.trusted_networks.is_empty(),
        "--trusted-hops believes nobody without --trusted-networks: say where the proxies in front are, \
         for instance 10.0.0.0/8"
    );
    anyhow::ensure!(
        args.trusted_hops > 0 || args.trusted_networks.is_empty(),
        "--trusted-networks does nothing without --trusted-hops: say how many proxies are in front, for \
         instance 1"
    );
    Ok(())
}

async fn bind_admin(
    args: &RunArgs,
    options: admin::Options,
) -> anyhow::Result<(SocketAddr, impl Future<Output = ()> + Send + use<>)> {
    let address = args.admin.unwrap_or_else(|| data_side::default_address(args, 9090));
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("--admin {address}: cannot listen there"))?;
    Ok((listener.local_addr()?, admin::run(listener, options)))
}

fn announce(http: SocketAddr, https: Option<SocketAddr>, admin: SocketAddr) {
    tracing::info!(listener = "http", address = %http, "serves");
    if let Some(address) = https {
        tracing::info!(listener = "https", %address, "serves");
    }
    tracing::info!(listener = "admin", address = %admin, "serves");
}

/// Waits for the word to stop; a part that ends by itself before is a failure.
async fn wait(mut shutdown: watch::Receiver<bool>, tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
    tokio::select! {
        // First: parts that heard the word already may have ended.
        biased;
        _ = shutdown.wait_for(|stop| *stop) => Ok(()),
        Some(ended) = tasks.join_next() => {
            ended.context("a part of the control side failed")?;
            anyhow::bail!("a part of the control side ended by itself")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_at_the_word_to_stop_is_no_failure() {
        for _ in 0..64 {
            let (_stop, shutdown) = watch::channel(true);
            let mut tasks = JoinSet::new();
            tasks.spawn(async {});
            tokio::task::yield_now().await;
            assert!(wait(shutdown, &mut tasks).await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_part_that_ends_before_is_one() {
        let (_stop, shutdown) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(async {});
        assert!(wait(shutdown, &mut tasks).await.is_err());
    }
}
