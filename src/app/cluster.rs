//! The way into the cluster.

use anyhow::Context;

use crate::source::kubernetes;

/// Returns a client for the cluster that this process runs in, or that the kubeconfig names.
///
/// # Errors
/// Where there is neither.
pub(super) async fn client() -> anyhow::Result<kube::Client> {
    let config = kube::Config::infer().await.context(
        "there is no cluster here: run in a pod, set KUBECONFIG, or give --manifests DIR",
    )?;
    kubernetes::client(config).context("the cluster's configuration cannot be used")
}
