//! Keeps selections in step with health, ejections and warm-up.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Pools;
use crate::model::PoolName;

/// Derives selections anew whenever something asks for it, until it is dropped.
pub async fn run(pools: Arc<Pools>, mut dirty: mpsc::UnboundedReceiver<PoolName>) {
    while let Some(name) = dirty.recv().await {
        if let Some(pool) = pools.newest(&name) {
            pool.refresh(super::clock::now());
        }
    }
}
