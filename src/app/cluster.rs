//! The way into the cluster.

use std::time::Duration;

use anyhow::Context;

/// Returns a client for the cluster that this process runs in, or that the kubeconfig names.
///
/// # Errors
/// Where there is neither.
pub(super) async fn client() -> anyhow::Result<kube::Client> {
    let mut config = kube::Config::infer().await.context(
        "there is no cluster here: run in a pod, set KUBECONFIG, or give --manifests DIR",
    )?;
    // Longer than a watch may be silent, so that a dead connection is noticed and no other.
    config.read_timeout = Some(Duration::from_secs(65));
    config.connect_timeout = Some(Duration::from_secs(5));
    kube::Client::try_from(config).context("the cluster's configuration cannot be used")
}
