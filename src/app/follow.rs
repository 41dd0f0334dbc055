//! What follows the table and the source from the side.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::admin;
use crate::proxy::Opener;
use crate::source::State;
use crate::table::TableHandle;
use crate::tls::ServerTls;

/// Gives new certificates to the TLS side as tables come. `loaded` learns when those of the first
/// table are in use.
pub(super) async fn certificates(
    table: TableHandle,
    tls: Arc<ServerTls>,
    loaded: watch::Sender<bool>,
) {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let mut known = None;
    loop {
        tick.tick().await;
        let table = table.load();
        let now = Arc::clone(table.certificates());
        if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &now)) {
            continue;
        }
        for wrong in tls.update(&now) {
            tracing::warn!("{wrong}; it is not used");
        }
        if table.generation() > 0 {
            known = Some(now);
            loaded.send_if_modified(|loaded| !std::mem::replace(loaded, true));
        }
    }
}

/// Lets probes see how the source is, and clients in once there is something to serve.
pub(super) async fn readiness(
    mut state: watch::Receiver<State>,
    table: TableHandle,
    certificates: watch::Receiver<bool>,
    readiness: Arc<admin::Readiness>,
    opener: Opener,
) {
    let is_served = || table.load().generation() > 0 && *certificates.borrow();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    loop {
        let now = state.borrow_and_update().clone();
        readiness.set_trouble(now.trouble);
        readiness.set_refused(now.refused.count, now.refused.first);
        let is_settled = !now.synced || is_served();
        if now.synced && is_settled {
            readiness.set_synced();
            opener.open();
        }
        tokio::select! {
            changed = state.changed(), if is_settled => if changed.is_err() {
                std::future::pending::<()>().await;
            },
            _ = tick.tick(), if !is_settled => {}
        }
    }
}
