//! Where this process runs, and what it shares with its replicas.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use kube::api::{Api, DynamicObject};

use crate::config::RunArgs;
use crate::model::RegionName;
use crate::tls::TicketKeys;
use crate::upstream::{self, Surroundings};

/// Returns the options of all pools.
///
/// # Errors
/// Where the session key cannot be read.
pub(super) async fn options(
    args: &RunArgs,
    client: Option<&kube::Client>,
) -> anyhow::Result<upstream::Options> {
    let session_key = args.session_key_file.as_deref().map(read_key).transpose()?;
    let surroundings = surroundings(args, client).await;
    Ok(upstream::Options { surroundings, session_key: session_key.unwrap_or_default() })
}

/// Returns where this process listens, as endpoints would name it: a socket that listens everywhere
/// listens at the pod's address.
pub(super) fn own_sockets(
    args: &RunArgs,
    listening: impl Iterator<Item = SocketAddr>,
) -> BTreeSet<SocketAddr> {
    let named = |socket: SocketAddr| {
        let ip = if socket.ip().is_unspecified() { args.pod_ip? } else { socket.ip() };
        Some(SocketAddr::new(ip.to_canonical(), socket.port()))
    };
    listening.filter_map(named).collect()
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

/// Returns the keys of session tickets: those of a file, else of its own.
///
/// # Errors
/// Where the file cannot be read or holds something else.
pub(super) fn tickets(file: Option<&Path>) -> anyhow::Result<TicketKeys> {
    let Some(path) = file else { return Ok(TicketKeys::random()?) };
    let name = || format!("--tls-ticket-key-file {}", path.display());
    let text = std::fs::read_to_string(path).with_context(name)?;
    TicketKeys::shared(&text).with_context(name)
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
